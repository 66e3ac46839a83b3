/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of scenarios and of known KVM bugs. */
#ifndef HOST_KNOWN_H
#define HOST_KNOWN_H

#include "host/verdict.h"

struct scenario {
	const char *name;
	uint32_t mp_state; /* KVM_MP_STATE_* at the snapshot */
	const char *state; /* in words */
};

/* All scenarios; @count is their number. */
const struct scenario *scenarios(unsigned *count);
/* The scenario called @name (of @len bytes), or NULL. */
const struct scenario *scenario_find(const char *name, size_t len);

struct known {
	const char *id, *scenario, *check, *text;
};

/* The known bug of @scenario, or NULL. */
const struct known *known_of(const char *scenario);

/*
 * The known bug that explains all of a failed run, or NULL. @control_passed: the same scenario
 * without snapshots passed in this run.
 */
const struct known *known_match(const char *scenario, const struct guest_log *log,
				const struct verdict *v, bool control_passed);

#endif
