/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of scenarios and of known KVM bugs. */
#ifndef HOST_KNOWN_H
#define HOST_KNOWN_H

#include "host/verdict.h"

enum method {
#define M(id, name, text, unit) METHOD_##id,
#include "host/methods.def"
#undef M
	METHODS
};

/* When the host posts an interrupt around a snapshot. */
enum post {
#define P(id, name, text) POST_##id,
#include "host/posts.def"
#undef P
	POSTS
};
const char *post_name(enum post p);

/* Name of @m, and what one hop of it is called (plural). */
const char *method_name(enum method m);
const char *method_unit(enum method m);
/* The method called @name, or METHODS. */
enum method method_find(const char *name);

struct scenario {
	const char *name;
	uint32_t mp_state; /* KVM_MP_STATE_* at the snapshot */
	const char *state; /* in words */
	bool posts;	   /* the host posts interrupts */
	bool quick;	   /* runs unasked with every driver */
};

/* All scenarios; @count is their number. */
const struct scenario *scenarios(unsigned *count);
/* The scenario called @name (of @len bytes), or NULL. */
const struct scenario *scenario_find(const char *name, size_t len);

struct known {
	const char *id, *result;
	enum method method;
	const char *check, *text;
};

/* The known bug of @result (a scenario, or scenario.post) under @method, or NULL. */
const struct known *known_of(const char *result, enum method method);

/*
 * The known bug that explains all of a failed run, or NULL. @control_passed: the same scenario
 * without snapshots passed in this run.
 */
const struct known *known_match(const char *result, enum method method, const struct guest_log *log,
				const struct verdict *v, bool control_passed);

#endif
