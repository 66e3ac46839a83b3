/* SPDX-License-Identifier: BSD-2-Clause */
/* The directory of a run: what lies in it, what of it an earlier run has left. */
#ifndef HOST_RUN_DIR_H
#define HOST_RUN_DIR_H

#include "host/util.h"

#include <jansson.h>

/* In the run directory of a replay: the steps of --order, which were those of a file. */
#define ORDER_FILE "order.txt"

/*
 * Takes directory @log for a run: until the descriptor that it gives is closed no other run can.
 * Removes what an earlier run left there, so that nobody reads stale results: the files that we
 * know in directories that are called like results, and these if nothing is left. -1 with @e
 * filled, and nothing removed: another run has it, or a file that is none of ours stands where the
 * run writes.
 */
int run_dir_begin(const char *log, struct err *e);

/*
 * Writes @log/index.txt: what lies where, for each result of @top, the object of result.json, a
 * line. 0, or -1 with @e filled.
 */
int run_dir_index(const char *log, const json_t *top, struct err *e);

#endif
