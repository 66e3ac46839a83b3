/* SPDX-License-Identifier: BSD-2-Clause */
/* The shards of one run put together. */
#ifndef HOST_MERGE_H
#define HOST_MERGE_H

#include "host/options.h"

/*
 * Reads the files of @o, which are not trusted, prints all results on @out as the run without
 * shards would have, and writes them to --out. The exit status of that run; -1 with @e filled if
 * --out cannot be written or, with nothing printed, if a file is damaged or missing or does not
 * fit.
 */
int merge(const struct options *o, FILE *out, struct err *e);

#endif
