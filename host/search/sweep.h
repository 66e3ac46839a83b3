/* SPDX-License-Identifier: BSD-2-Clause */
/* What came of a sweep: a scenario's object in sweep.json; for this folder. */
#ifndef HOST_SEARCH_SWEEP_H
#define HOST_SEARCH_SWEEP_H

#include "host/run/setup.h"

#include <jansson.h>

#define SWEEP_FILE "sweep.json"

enum {
#define S(name, proof, text) +1
	SWEEP_STATES =
#include "host/search/sweep_states.def"
#undef S
};

/* By which moments are counted. */
extern const struct sweep_state {
	const char *name, *proof, *text;
} sweep_states[SWEEP_STATES];

/* Of a scenario of which no moment was flown: @skip, as it cannot be swept. */
json_t *sweep_none(const char *scenario, bool skip, const char *why);

/* Whether @sweep, which was read, has all members that are used. 0, or -1 with @e filled. */
int sweep_check(const json_t *sweep, struct err *e);

/*
 * Prints to @out how often which state was met, how the flights ended, and the line of result
 * @number. One that lacks moments is no pass. The exit status.
 */
int sweep_tell(const json_t *sweep, unsigned number, bool strict, FILE *out);

/*
 * One sweep of what @parts labs have flown of it, each some of its moments; NULL: that lab left
 * nothing, but not all.
 */
json_t *sweep_join(const json_t *const *part, unsigned parts);

/* What sweeps leave; in the lab, or in as many as --jobs says, they fly by its member `lab`. */
extern const struct left sweep_left;

#endif
