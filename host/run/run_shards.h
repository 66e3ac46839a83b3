/* SPDX-License-Identifier: BSD-2-Clause */
/* One run dealt to several labs at once, and put together again as though it had been in one. */
#ifndef HOST_RUN_RUN_SHARDS_H
#define HOST_RUN_RUN_SHARDS_H

#include "host/cli/plan.h"
#include "host/report/screen.h"

/* To how many labs @o wants @plan to be dealt: not more than there are results. */
unsigned shards_wanted(const struct options *o, const struct plan *plan);

/*
 * Deals @plan, that of @o, to @count labs: @fly(@arg, options) runs one of the shards, in a process
 * of its own, into the log directory that the options name, and gives its exit status. What they
 * tell comes to @screen in the order of the plan, and all that they leave into directory @log,
 * which is taken. A lab that comes to no end makes ERROR of what it has not told, or of the
 * last if it has told all. The exit status.
 */
int run_shards(const struct options *o, const struct plan *plan, unsigned count, const char *log,
	       struct screen *screen, int (*fly)(void *arg, const struct options *shard),
	       void *arg);

#endif
