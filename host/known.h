/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of postings and known KVM bugs. */
#ifndef HOST_KNOWN_H
#define HOST_KNOWN_H

#include "host/method.h"
#include "host/oracle.h"
#include "host/scenario.h"
#include "host/verdict.h"

/* When the host posts an interrupt around a snapshot. */
enum post {
#define P(id, name, text) POST_##id,
#include "host/posts.def"
#undef P
	POSTS
};
const char *post_name(enum post p);

struct known {
	const char *id, *result;
	unsigned traits; /* METHOD_*: methods with any of them can meet it */
	const char *check;
	const char *fixed; /* first fixed kernel, "": none yet */
	const char *text;
};

/* The first row of bug @id, or NULL. */
const struct known *known_find(const char *id);

/*
 * Whether bug @id, which @text tells of, can explain a failure of @result (as below) by @method on
 * @kernel.
 */
bool known_explains(const char *id, const char *text, const char *result, enum method method,
		    const char *kernel);

/* The bug that @result (a scenario, or scenario.post) is known for on this kernel, or NULL. */
const struct known *known_of(const char *result, enum method method);

/*
 * The known bug that explains a failed run, or NULL. If several bugs together explain it, the first
 * one that is met. @oracle: what the general oracles found, as checks `oracle NAME: FIELD`, or
 * NULL. @refused: KVM's refusal of a step of the restore, as check `refused TEXT`; "": none.
 * @control: what the same scenario without snapshots gave in this run: it passed, or failed by the
 * bug @control_known (NULL: no known one). A control itself counts as passed.
 */
const struct known *known_match(const char *result, enum method method, const struct guest_log *log,
				const struct verdict *v, const struct oracle_report *oracle,
				const char *refused, bool control_passed,
				const struct known *control_known);

/* Whether @kernel, a release like 6.1.0-50-amd64, is older than @version, like 6.11. */
bool kernel_before(const char *kernel, const char *version);

/* The kernel under test: this machine's, unless known_kernel_set() named another (tests). */
const char *known_kernel(void);
void known_kernel_set(const char *release);

#endif
