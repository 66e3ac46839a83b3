/* SPDX-License-Identifier: BSD-2-Clause */
/* The directory of a run: what lies in it, what of it an earlier run has left. */
#ifndef HOST_REPORT_RUN_DIR_H
#define HOST_REPORT_RUN_DIR_H

#include "host/base/util.h"

#include <jansson.h>

/* In the run directory of a replay: the steps of --order, which were those of a file. */
#define ORDER_FILE "order.txt"

/*
 * Takes directory @log for a run: until the descriptor that it gives is closed no other run can. -1
 * with @e filled: another run has it, or a file that is none of ours stands where the run writes.
 */
int run_dir_lock(const char *log, struct err *e);

/*
 * Removes what an earlier run left there, so that nobody reads stale results: the files that we
 * know in directories that are called like results, and these if nothing is left.
 */
void run_dir_clean(const char *log);

/*
 * Removes what campaigns of `midflight fuzz` left there: findings, or these and the programs that
 * were kept. Files that we do not know stay.
 */
void run_dir_clean_findings(const char *log);
void run_dir_clean_programs(const char *log);

/* Takes and cleans it, for a command that flies whatever it is told. */
int run_dir_begin(const char *log, struct err *e);

/* Whether one of the results of @top, the object of a result.json, is no SKIP. */
bool run_dir_flew(const json_t *top);

/* Whether there are such results in @log, which a run that flies nothing must not replace. */
bool run_dir_has_flown(const char *log);

/*
 * Makes a directory in @log, which is taken, for what each of @count labs leaves. 0, or -1 with @e
 * filled; the paths of all are the caller's to free.
 */
int run_dir_labs(const char *log, char **labs, unsigned count, struct err *e);

/* Moves all of @new, that of the only lab, into @log, which is clean. 0, or -1 with @e filled. */
int run_dir_take(const char *log, const char *new, struct err *e);

/*
 * Makes one run's directory of @log, which is clean, and of those of @count labs, whose results are
 * @top's, each of lab @from[i]: moves what lies in the directories of results. 0, or -1 with @e
 * filled.
 */
int run_dir_join(const char *log, char *const *labs, unsigned count, const json_t *top,
		 const unsigned *from, struct err *e);

/*
 * Writes @log/index.txt: what lies where, for each result of @top, the object of result.json, a
 * line. 0, or -1 with @e filled.
 */
int run_dir_index(const char *log, const json_t *top, struct err *e);

#endif
