/* SPDX-License-Identifier: BSD-2-Clause */
/* Patches to KVM as columns of the table of several runs, and what each of them changed. */
#ifndef HOST_RUN_PATCH_COLUMNS_H
#define HOST_RUN_PATCH_COLUMNS_H

#include "host/run/run.h"

/*
 * Fills @made (with room for VARIANTS_MAX) with each of @list without a patch and, behind it, with
 * each of those of @o. Their number; -1 with @e filled.
 */
int patch_columns_make(const struct options *o, const struct variant *list, int count,
		       struct variant *made, struct err *e);

/* Builds all modules and all labs, which say themselves what they cannot. 0 or an exit status. */
int patch_columns_build(const struct options *o, const struct variant *list, unsigned count);

/* Prints what changed in each of the @count columns against column @baseline. */
void columns_against(FILE *out, const struct variant *list, void *const *runs, unsigned count,
		     unsigned baseline);

/*
 * Prints what each patch of @o changed in the results of the column without one: @runs as
 * variants_table() has them, in the order of patch_columns_make(). @status is that of all runs:
 * what becomes of it, where a failure is only what a patch broke or was expected to cure.
 */
int patch_columns_tell(FILE *out, const struct options *o, const struct variant *list,
		       void *const *runs, unsigned count, int status);

#endif
