/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of known KVM bugs, and when a failure counts as known. */
#ifndef HOST_FLIGHT_KNOWN_H
#define HOST_FLIGHT_KNOWN_H

#include "host/flight/flight.h"

enum known_by { BY_NOBODY, BY_GUEST, BY_ORACLE, BY_L0_LOG, BY_KVM, BY_END };

/* One thing that is said of a bug, by whom and how often. */
struct known_sign {
	enum known_by by;
	/* Time; at least once in a flight; maybe never; or for one vector after the other. */
	enum { EACH, SOME, CHANCE, BATCH } often;
	/* `CHECK` of a fail event, `ORACLE: FIELD`; of KVM its refusal, of the end how it came */
	const char *check;
	const char *values; /* pattern of the evidence (evidence_matches()) */
};

#define KNOWN_SIGNS 32
#define KNOWN_LINK  "docs/known-failures.md#" /* and the id */

struct known {
	const char *id, *results;
	unsigned traits;		/* METHOD_*: methods with any of them can meet it */
	const char *orders;		/* of the restore, in which it was met */
	const char *kernels;		/* `<6.11`: older ones; `>=6.11`: the others; "": all */
	const char *text;		/* what was found in plain words */
	const char *fixed;		/* the commit of Linux that mends it, "": none is known */
	bool swept;			/* only at moments that are none of the scenario's own */
	const struct known_sign *signs; /* in the order in which they come, up to BY_NOBODY */
};

/* All rows. */
const struct known *known_rows(unsigned *count);

/*
 * Patterns of evidence, which is `key=value key=value ...`, what a failed check tells of. A pattern
 * names the same keys in the same order. Behind `key=` it has
 *   `*`         for any value,
 *   `A|B`       for one of these: numbers by their value, decimal or hexadecimal, else text,
 *   `LOW..HIGH` for a number from LOW to HIGH; either may be left out or name another key.
 * A lone `*` at its end stands for any further keys. `~TEXT` is for evidence that is no such list:
 * TEXT has the patterns of the shell.
 */
bool evidence_matches(const char *pattern, const char *evidence);

/* The first row of bug @id, or NULL. */
const struct known *known_find(const char *id);

/*
 * Whether bug @id, which @text tells of, can explain a failure of @result (as below) by @method on
 * @kernel.
 */
bool known_explains(const char *id, const char *text, const char *result, enum method method,
		    const char *kernel);

/*
 * The bug by which @result (a scenario, SCENARIO.POST or SCENARIO.control) is bound to fail on this
 * kernel when it is flown as @c says, or NULL. By chance others may do it.
 */
const struct known *known_of(const char *result, const struct flight_config *c);

/*
 * The known bug that explains why the flight @r of @c, whose result is called @result, failed, or
 * NULL. Each event and finding is a sign of a row, and each row has all of its signs, as often as
 * it says. If several bugs together explain it, the first one that is met. What was broken on
 * purpose, or fails without its snapshots, is never known.
 * @control_passed, @control: what the same scenario without snapshots gave in this run: it passed,
 * or failed by bug @control (NULL: no known one). For a control itself they mean nothing.
 */
const struct known *known_match(const char *result, const struct flight_config *c,
				const struct flight_result *r, bool control_passed,
				const struct known *control);

/* Whether @kernel, a release like 6.1.0-50-amd64, is older than @version, like 6.11. */
bool kernel_before(const char *kernel, const char *version);
/* Whether @release is one of @kernels, as a row has them. */
bool known_in_kernel(const char *kernels, const char *release);

/* The kernel under test: this machine's, unless known_kernel_set() named another (tests). */
const char *known_kernel(void);
void known_kernel_set(const char *release);

#endif
