/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs, flown with and without a snapshot, and what is found; docs/fuzz.md. */
#ifndef HOST_FUZZ_FUZZ_H
#define HOST_FUZZ_FUZZ_H

#include "host/cli/options.h"
#include "host/fuzz/fuzz_vm.h"

int cmd_fuzz(struct options *o);

/*
 * Writes @log/finding-@number/ with a program and the two traces that differ. 0, or -1 with @e
 * filled (findings.c).
 */
int finding_write_texts(const char *log, unsigned number, const struct buf *program,
			const struct buf *traces, struct err *e);

/* What a program did, compared (compare.c). */
enum fuzz_word {
	FUZZ_ALIKE,   /* with the snapshot as without */
	FUZZ_FOUND,   /* not */
	FUZZ_INEXACT, /* two flights without a snapshot differ: nothing can be said */
	FUZZ_DROPPED, /* without a snapshot it does not come to its end */
	FUZZ_NO_MARK, /* it came to none that was wanted */
	FUZZ_ERROR    /* ours: fuzz_compared.why */
};

struct fuzz_compared {
	struct fuzz_flown control, again, frozen;
	char why[400]; /* what differs, with values */
	char kind[80]; /* the same without values and numbers of exits: what failures have in common
			*/
};

/*
 * Flies @p twice without a snapshot: FUZZ_ALIKE, FUZZ_INEXACT, FUZZ_DROPPED, FUZZ_NO_MARK. @fresh:
 * each time in a VM as it was at the start.
 */
enum fuzz_word fuzz_controls(struct fuzz_vm *v, const struct program_lists *p, bool fresh,
			     struct fuzz_compared *c);
/* Behind that, flies it frozen at @mark: FUZZ_ALIKE, FUZZ_FOUND, FUZZ_NO_MARK. */
enum fuzz_word fuzz_frozen(struct fuzz_vm *v, const struct program_lists *p, int mark, bool fresh,
			   struct fuzz_compared *c);
/* Both, if the first are alike. */
enum fuzz_word fuzz_compare(struct fuzz_vm *v, const struct program_lists *p, int mark, bool fresh,
			    struct fuzz_compared *c);

/*
 * Takes what the host does, steps and bits of numbers out of @p as long as it still fails at a mark
 * in the way of @c->kind, which is that of @mark now; *@mark follows. @c is what the last try did.
 */
void fuzz_minimise(struct fuzz_vm *v, struct program_lists *p, int *mark, struct fuzz_compared *c);

#endif
