/* SPDX-License-Identifier: BSD-2-Clause */
/* result.json: schema `midflight-result`, version 2 (docs/result.schema.json). */
#ifndef HOST_REPORT_RESULT_JSON_H
#define HOST_REPORT_RESULT_JSON_H

#include "host/report/ktap.h"

#include <jansson.h>

/* Adds one, with what is printed of it, and gives the new object, which stays the list's. */
json_t *report_json_result(struct report *r, const struct report_entry *entry,
			   const struct report_line *line);
/* Sets in @top, a JSON object, what follows from the counts; the list of results is handed over. */
void report_json_counts(json_t *top, struct report *r);
/* The object of all that @r has; the list is handed over. */
json_t *report_json_end(struct report *r);

/*
 * While a run lasts each result that has ended is kept in a file of its own in @dir/JOURNAL, so
 * that a run that comes to no end leaves them all: @number, from 1, is the result's in the list, 0
 * stands for none, to begin with. 0, or -1 with @e filled.
 */
#define JOURNAL "journal"
int report_json_keep(struct report *r, const char *dir, size_t number, struct err *e);

/*
 * Writes @top, the object of such a file, as @dir/result.json, whole or not at all, and its index;
 * a journal then goes. 0, or -1 with @e filled.
 */
int report_json_write(const json_t *top, const char *dir, struct err *e);
/* What the file says of @shard: {"k": 1, "n": 3}, or null for all. */
json_t *report_json_shard(const struct shard *shard);

/*
 * Reads such a file, which is not trusted, or, where there is no whole one, the journal beside it,
 * and checks it. NULL with @e filled.
 */
json_t *report_json_load(const char *path, struct err *e);
/*
 * The object that the files of a journal make, not yet checked: @part reads file @number, from 0,
 * or returns NULL behind the last. NULL: there is none.
 */
json_t *report_json_journal(json_t *(*part)(void *arg, size_t number), void *arg);
/*
 * Whether @top is the object of such a file: whole, with all that the writer makes sure of, and at
 * one with itself. 0, or -1 with @e filled.
 */
int report_json_check(const json_t *top, struct err *e);

/* What is printed of @result, and the counts of all @results, which were checked. */
struct report_line report_json_line(const json_t *result);
void report_json_count(const json_t *results, struct report *r);
/* The result called @name of @top, or NULL. */
const json_t *report_json_find(const json_t *top, const char *name);
/* The word of a result in such a file; -1: it has none, or one that there is not. */
int report_json_word(const json_t *result);

/* Writes @top to the files that --json and --junit ask for. 0, or -1 with @e filled. */
int report_json_copies(const struct options *o, const json_t *top, struct err *e);

/*
 * Appends @top, the object of result.json, as an XML document: one testsuite, a testcase for each
 * result with class `driver.scenario`. Known bugs are skipped with their text (failures with
 * --strict), and ERROR is an error. What @top lacks is left out: it may come from a file.
 */
void report_junit(const json_t *top, struct buf *xml);

#endif
