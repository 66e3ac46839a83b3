/* SPDX-License-Identifier: BSD-2-Clause */
/* What the user gets to read: KTAP and result.json. */
#ifndef HOST_REPORT_KTAP_H
#define HOST_REPORT_KTAP_H

#include "host/report/counts.h"
#include "host/flight/known.h"
#include "host/cli/options.h"
#include "host/report/screen.h"

#include <jansson.h>

/* In front of the text of a known bug, in the diagnostics of a result that passed all the same. */
#define REPORT_UNMET ": known failure passed: "

/* report_init(), and prints version and plan on @out; @planned as in struct report. */
void report_begin(struct report *r, const struct options *o, FILE *out, const char *log,
		  unsigned lines, unsigned planned);

/* Prints version and plan, and no more. */
void report_plan(const struct report *r);

/*
 * Prints one result, counts it, adds it to result.json; of a failure it writes failure.txt and
 * replay.json.
 */
void report_result(struct report *r, const struct report_entry *entry);

/* What a line of KTAP told of a result; the words are those of @told. */
struct report_line report_told(const struct screen_result *told);

/* Prints and counts it. */
void report_line(struct report *r, const struct report_line *line);

/*
 * Prints the summary (summary.c): a table, one line with the numbers, what they mean, and commands
 * to try next.
 */
void report_summary(const struct report *r);

/* Writes DIR/result.json, prints the summary, frees. 0, or -1 with @e filled. */
int report_end(struct report *r, const char *dir, struct err *e);

/*
 * Appends what the @hops hops cost, without a newline: `downtime 12.1 to 31.0 ms, 1.0 MiB per move,
 * memory sent in 1 to 3 rounds, 41 page requests (MSR bitmap; other x40)`. Nothing that QEMU did
 * not say; nothing at all of a VM that was not moved.
 */
void report_moves(const struct hop_record *hop, unsigned hops, struct buf *text);

/*
 * Prints which pages the first hop of @result, or with @all each, asked for, as pages_report()
 * tells it; each below its number and @name, unless that is NULL.
 */
void report_pages(FILE *out, const char *name, const struct flight_result *result, bool all,
		  const char *late);

/* Whether QEMU said anything of the move. */
bool move_told(const struct move_record *move);

/* ---- what is said of a result that is neither PASS nor SKIP (failure.c) --------------------- */

/* In front of commands that repeat it. */
#define FAILURE_AGAIN "again: "
#define FAILURE_ALONE "this one alone: "

struct failure {
	const struct options *options;
	const struct report_entry *entry;
	const json_t *environment;
	const char *dir;   /* of the result, with its files; NULL: it has none */
	const char *shown; /* the same as the user knows it, or NULL */
};

/*
 * Prints it on @out: what failed, where, what the snapshot says of the nested guest, how to repeat
 * it. @whole: all of it, as for failure.txt; else what fits on a screen, which for a known bug is
 * only what failed.
 */
void failure_print(const struct failure *f, bool whole, FILE *out);

/* Writes failure.txt into the directory. 0, or -1 with @e filled. */
int failure_write(const struct failure *f, struct err *e);

#endif
