/* SPDX-License-Identifier: BSD-2-Clause */
/* What became of flights that were saved on one host and restored on another, as a table. */
#ifndef HOST_RUN_CROSS_H
#define HOST_RUN_CROSS_H

#include <jansson.h>
#include <stdio.h>

#define CROSS_MAX 8 /* hosts */

struct cross_table {
	const char *name[CROSS_MAX]; /* of each host */
	unsigned hosts;
	/* result.json of the flights from the first to the second; with themselves: whole ones. */
	json_t *run[CROSS_MAX][CROSS_MAX]; /* NULL: was not flown */
};

/* Forgets the runs. */
void cross_free(struct cross_table *t);

/* One line: what the flights from @from to @to came to. */
void cross_line(FILE *out, const struct cross_table *t, unsigned from, unsigned to);

/*
 * A row for each result that does not survive all, by signs, with the known bugs that it met; then
 * what was refused or wrong, by pair.
 */
void cross_print(FILE *out, const struct cross_table *t);

#endif
