/* SPDX-License-Identifier: BSD-2-Clause */
/* Which results a run gives: scenarios, moments of posting, methods, orders; a shard has a part of
 * them. */
#ifndef HOST_CLI_PLAN_H
#define HOST_CLI_PLAN_H

#include "host/cli/options.h"

struct plan_item {
	const struct scenario *scenario;
	bool control; /* stands in front of its scenario's results */
	enum post post;
	enum method method;
	const char *order; /* the scenario's second one, in place of --order; or NULL */
};

struct plan {
	struct plan_item *item;
	unsigned count;
	unsigned planned; /* results of all shards together, without controls */
};

/* What @o asks for; with --only that result and its control. A scenario all of whose results are in
 * other shards has no control here. */
void plan_make(struct plan *p, const struct options *o);
void plan_free(struct plan *p);

/* Name of a result without its method, as known.def calls it; the caller frees it. */
char *plan_key(const struct plan_item *item);
/* Its name: with the second order, and with the method if --method was given. The caller frees it.
 */
char *plan_name(const struct options *o, const struct plan_item *item);
/* Whether @word, @len bytes of it, is a moment of posting. */
bool plan_is_post(const char *word, size_t len);
/* Whether a result of any run can be called @name. */
bool plan_names(const char *name);

#endif
