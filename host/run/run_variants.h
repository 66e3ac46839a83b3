/* SPDX-License-Identifier: BSD-2-Clause */
/* The same run on several kernels, with several modules or parameters of KVM, and one table. */
#ifndef HOST_RUN_RUN_VARIANTS_H
#define HOST_RUN_RUN_VARIANTS_H

#include "host/cli/options.h"

#include <stdio.h>

#define VARIANTS_MAX 64

/* One way to run: what it is called, and options of lab.sh with their values. */
struct variant {
	char *name; /* fit for a directory */
	char *word[2 * L0_OPTIONS_MAX];
	unsigned words;
};

/*
 * All that @o asks for: each of the kernels, with each module, with each value of each parameter.
 * The number of @list (with room for VARIANTS_MAX), or -1 with @e filled.
 */
int variants_make(const struct options *o, struct variant *list, struct err *e);
void variants_free(struct variant *list, int count);

/*
 * Runs @o as each variant into a directory of its own in that of the logs. The worst exit status:
 * failed before environment before passed; 4 if all were skipped.
 */
int run_variants(const struct options *o);

/*
 * Prints the results of @count runs, JSON as in result.json or NULL for one that has none, as one
 * table: a row for each result that is not the same everywhere or did not pass.
 */
void variants_table(FILE *out, const char *const *names, void *const *runs, unsigned count);

#endif
