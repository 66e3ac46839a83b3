/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `midflight soak` flies: one random choice after the other. Number I of a seed is always the
 * same one, whatever came before, and nothing that was measured has a part in it.
 */
#ifndef HOST_SEARCH_SOAK_DRAW_H
#define HOST_SEARCH_SOAK_DRAW_H

#include "host/cli/options.h"

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

#endif
