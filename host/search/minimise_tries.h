/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes the options of a failing run smaller, as long as it fails in the same way. */
#ifndef HOST_SEARCH_MINIMISE_TRIES_H
#define HOST_SEARCH_MINIMISE_TRIES_H

#include "host/cli/options.h"

#define MINIMISE_AFTER_TRIES 26 /* of them for the moment of the freeze */
#define MINIMISE_STEP_NS \
	10 /* the moment is not looked for more exactly: one instruction of the lab */

struct minimise {
	/* Flies @o, which differs from the smallest so far by @what. Whether it fails alike. */
	bool (*fails)(void *arg, const struct options *o, const char *what);
	void *arg;
	unsigned tries; /* so far */
	char text[2][40];
	unsigned used; /* which of the two the smallest has for --freeze */
};

/*
 * @o, which fails, becomes smaller. One step after the other, each kept only if it fails alike:
 * options that are not the default, the number of hops (by bisection), the moment of the freeze
 * (the scenario's own, or the earliest, by bisection over round numbers), and then the first two
 * once more. @o may point into @m afterwards.
 */
void minimise(struct minimise *m, struct options *o);

/*
 * A round number above @low and below @high: a multiple of the largest power of ten that has one
 * there, next to the middle. @low is at least -1, @high at least @low + 2.
 */
int64_t round_between(int64_t low, int64_t high);

#endif
