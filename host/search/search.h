/* SPDX-License-Identifier: BSD-2-Clause */
/* Flights that nobody has named: the commands that look for them, and what these fly. */
#ifndef HOST_SEARCH_SEARCH_H
#define HOST_SEARCH_SEARCH_H

#include "host/cli/options.h"

/* Their exit status. */
int cmd_sweep(struct options *o);
int cmd_soak(struct options *o);
int cmd_minimise(struct options *o);

#define BOUND_CONFIDENCE 0.95

/*
 * The largest share of failures, 0 to 1, with which @failed or fewer of @flown flights still fail
 * with a probability of 1 - BOUND_CONFIDENCE: the one-sided upper bound of Clopper and Pearson. 1
 * if all failed, or none was flown; for no failure it is 1 - (1 - BOUND_CONFIDENCE)^(1/@flown).
 */
double bound_upper(unsigned failed, unsigned flown);

/* ---- what a soak flies (soak_draw.c) -------------------------------------------------------- */

#define CHOICE_HOPS 5 /* at most */

struct choice {
	const struct scenario *scenario;
	enum post post; /* of scenarios with posts */
	unsigned hops;
	uint64_t seed;		    /* of the flight */
	char order[32];		    /* of the restore, as on a command line; "": as @o has it */
	char pages[32], freeze[40]; /* the same of these */
};

/*
 * Number @number of those that @o, with at least one scenario, asks for: from its seed, its
 * scenarios, and with @o->orders any order of the restore, else @o->order.
 */
void choice_make(struct choice *c, const struct options *o, uint64_t number);

/* What `run` would be told to fly it, with the other options as @o has them. @c and @o must live
 * on.
 */
struct options choice_options(const struct choice *c, const struct options *o);

/* ---- a smaller failure (minimise_tries.c) --------------------------------------------------- */

#define MINIMISE_SINGLES     8	/* freezes of a guest that are tried alone */
#define MINIMISE_AFTER_TRIES 26 /* of them for the moment of the freeze */
#define MINIMISE_STEP_NS \
	10 /* the moment is not looked for more exactly: one instruction of the lab */

struct minimise {
	/* Flies @o, which differs from the smallest so far by @what. Whether it fails alike. */
	bool (*fails)(void *arg, const struct options *o, const char *what);
	void *arg;
	unsigned tries; /* so far */
	unsigned
		last; /* of a foreign guest: its freezes until it failed, when it was flown first */
	char text[2][400];
	unsigned used; /* which of the two the smallest has for --freeze, --freezes */
};

/*
 * @o, which fails, becomes smaller. One step after the other, each kept only if it fails alike:
 * options that are not the default, the number of hops (by bisection), the moment of the freeze
 * (the scenario's own, or the earliest, by bisection over round numbers), and then the first two
 * once more. Of a foreign guest it is the number of its freezes, and then the options. @o may point
 * into @m afterwards.
 */
void minimise(struct minimise *m, struct options *o);

/*
 * A round number above @low and below @high: a multiple of the largest power of ten that has one
 * there, next to the middle. @low is at least -1, @high at least @low + 2.
 */
int64_t round_between(int64_t low, int64_t high);

#endif
