/* SPDX-License-Identifier: BSD-2-Clause */
/* The shards of one run put together. */
#ifndef HOST_RUN_MERGE_H
#define HOST_RUN_MERGE_H

#include "host/report/counts.h"
#include "host/report/ktap.h"

#include <jansson.h>

struct merged {
	json_t *top; /* as in result.json of the whole run; its files are named as in the shards' */
	unsigned *from; /* for each of its results, in their order, the number of its file */
};

/*
 * Reads @count files, which are not trusted: the shards of @whole, which is a shard itself or, with
 * no @n, all of the run; with @cut such that were cut off may be among them. 0, or -1 with @e
 * filled if one is damaged or missing or does not fit.
 */
int merge_files(struct merged *m, char *const *paths, unsigned count, const struct shard *whole,
		bool cut, struct err *e);
void merged_free(struct merged *m);

/* Of two results of the same name that with more badness is the one that counts. */
unsigned merge_badness(const struct report_line *line);

/*
 * Reads the files of @o, which are not trusted, prints all results on @out as the run without
 * shards would have, and writes them to --out. The exit status of that run; -1 with @e filled if
 * --out cannot be written or, with nothing printed, if a file is damaged or missing or does not
 * fit.
 */
int merge(const struct options *o, FILE *out, struct err *e);

#endif
