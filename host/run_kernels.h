/* SPDX-License-Identifier: BSD-2-Clause */
/* `midflight run --kernel A,B,...`: the same run on one kernel after the other, and one table. */
#ifndef HOST_RUN_KERNELS_H
#define HOST_RUN_KERNELS_H

#include "host/options.h"

/*
 * Runs @o on each of o->kernels into a directory of its own, named after the kernel, in that of the
 * logs. The worst exit status: failed before environment before passed; 4 if all were skipped.
 */
int run_kernels(const struct options *o);

/*
 * Prints the results of @count runs, JSON as in result.json or NULL for one that has none, as one
 * table: a row for each result that is not the same everywhere or did not pass.
 */
void kernels_table(FILE *out, const char *const *names, void *const *runs, unsigned count);

#endif
