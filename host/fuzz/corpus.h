/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs that are worth to be kept: in a directory each in a file of its own, or all in a text.
 */
#ifndef HOST_FUZZ_CORPUS_H
#define HOST_FUZZ_CORPUS_H

#include "host/fuzz/program.h"

#define CORPUS_MAX  4096
#define CORPUS_NAME "%016llx.mf" /* the hash of the program's text */

struct corpus {
	struct corpus_program {
		uint64_t hash;
		struct program_lists lists;
	} * program;
	unsigned count;
};

void corpus_free(struct corpus *c);

/* Adds @p. False: it was there, or there are CORPUS_MAX. */
bool corpus_add(struct corpus *c, const struct program_lists *p);

/*
 * Adds all programs (*.mf) of directory @dir, whatever their names; none is there twice then. Short
 * ones come first, so that of two which meet the same the shorter one stays. 0, or -1 with @e,
 * which names file and line.
 */
int corpus_read(struct corpus *c, const char *dir, struct err *e);

/* Writes those into @dir, which is made, that are not there yet. 0, or -1 with @e filled. */
int corpus_write(const struct corpus *c, const char *dir, struct err *e);

/* ---- several programs in one text ----------------------------------------------------------- */

/* Appends @p to @text, behind a line with its name. */
void bundle_add(const struct corpus_program *p, struct buf *text);

/*
 * Calls @take with each program of @text: what stands behind a line `# program NAME`. 0, or what is
 * not 0 of @take, which ends it.
 */
int bundle_each(const char *text,
		int (*take)(void *arg, const char *name, const char *text, struct err *e),
		void *arg, struct err *e);

/* Adds all programs of such a text, in their order. 0, or -1 with @e filled. */
int corpus_unbundle(struct corpus *c, const char *text, struct err *e);

#endif
