/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Breaks a snapshot on purpose between save and restore (--break), to prove that the scenarios
 * notice. The table of what can be broken is breaks.def.
 */
#ifndef HOST_SNAPSHOT_BREAK_H
#define HOST_SNAPSHOT_BREAK_H

#include "host/snapshot/snapshot.h"

struct break_kind {
	const char *name; /* with `=`: takes an argument, like vmcs12-field=GUEST_RIP */
	const char *text; /* in words */
	/* How it is done: by a function, or by edits. */
	int (*fn)(struct snapshot *s, const char *arg, struct err *e);
	const struct edit *edits;
};

/* All breakages. */
const struct break_kind *break_kinds(unsigned *count);

/* 0 if @what names a breakage (and its argument makes sense), else -1 with @e. */
int break_check(const char *what, struct err *e);

/*
 * Breaks @s. 0: something was changed; 1: there was nothing to break in this state (no nested
 * state, no posting, ...), @e says what was missing; -1: @what makes no sense, @e as above.
 */
int break_apply(struct snapshot *s, const char *what, struct err *e);

#endif
