/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of a result that is neither PASS nor SKIP: a block that can go into a bug report. */
#ifndef HOST_REPORT_FAILURE_H
#define HOST_REPORT_FAILURE_H

#include "host/report/counts.h"
#include "host/report/ktap.h"

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
