/* SPDX-License-Identifier: BSD-2-Clause */
/* A run that repeats a result, made of its replay.json. */
#ifndef HOST_RUN_REPLAY_RUN_H
#define HOST_RUN_REPLAY_RUN_H

#include "host/report/replay.h"

#include <limits.h>

/*
 * Sets @log to the directory of a run about @o->file: --log, or @name beside the file. Never one
 * that holds the file, as a run removes what lay there. 0, or -1 with @e filled.
 */
int replay_log(const struct options *o, const char *name, char log[PATH_MAX], struct err *e);

/* What `midflight run` would be told. */
struct replay_run {
	struct options options;
	char **args; /* to which the options point */
};

/*
 * From @r, with what @o says of the machine. The words must ask for that one result; the steps of
 * an order are written into @log. 0, or -1 with @e filled.
 */
int replay_run_make(struct replay_run *run, const struct options *o, const struct replay *r,
		    const char *log, struct err *e);
void replay_run_free(struct replay_run *run);

#endif
