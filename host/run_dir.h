/* SPDX-License-Identifier: BSD-2-Clause */
/* The directory of a run: what lies in it, what of it an earlier run has left. */
#ifndef HOST_RUN_DIR_H
#define HOST_RUN_DIR_H

#include "host/util.h"

#include <jansson.h>

/* In the run directory of a replay: the steps of --order, which were those of a file. */
#define ORDER_FILE "order.txt"

/*
 * Removes what an earlier run left in directory @log, so that nobody reads stale results: the files
 * that we know in directories that are called like results, and these if nothing is left.
 */
void run_dir_clean(const char *log);

/*
 * Writes @log/index.txt: what lies where, for each result of @top, the object of result.json, a
 * line. 0, or -1 with @e filled.
 */
int run_dir_index(const char *log, const json_t *top, struct err *e);

#endif
