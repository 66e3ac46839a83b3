/* SPDX-License-Identifier: BSD-2-Clause */
/* Traces of programs: whether two are alike, and side by side for people. */
#ifndef HOST_FUZZ_TRACE_H
#define HOST_FUZZ_TRACE_H

#include "host/base/util.h"
#include "l2guest/program.h"

/* The name of word @i of a trace with @exits exits, as "exit 3 GUEST_RIP". */
void trace_name(const struct program_trace *t, unsigned i, char *text, size_t size);

/* What names of words have in common: @name without numbers, of exits or of what stands in a row.
 */
void trace_kind(const char *name, char *kind, size_t size);

/* Index of the first word in which they differ; -1: none. One that is longer differs at its end. */
int trace_differs(const struct program_trace *a, const struct program_trace *b);

/* Appends both side by side, a line for each word that is not 0, `!` before those that differ. */
void trace_print(const struct program_trace *a, const struct program_trace *b, struct buf *text);
/* The same under other names than "without snapshot" and "with one". */
void trace_print_as(const struct program_trace *a, const struct program_trace *b,
		    const char *name_a, const char *name_b, struct buf *text);

/*
 * Calls @take with each thing that a trace has met, as a number that is the same for the same: an
 * exit behind another one, an event that L2 saw, a VM entry that failed.
 */
void trace_features(const struct program_trace *t, void (*take)(void *arg, uint64_t feature),
		    void *arg);

#endif
