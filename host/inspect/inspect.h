/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decodes a saved nested state. Known are, by their contents: snapshot files
 * (docs/snapshot-format.md), the buffer of KVM_GET_NESTED_STATE, and QEMU's migration stream.
 */
#ifndef HOST_INSPECT_INSPECT_H
#define HOST_INSPECT_INSPECT_H

#include "host/snapshot/snapshot.h"

enum inspect_format { INSPECT_SNAPSHOT, INSPECT_NESTED_STATE, INSPECT_QEMU, INSPECT_FORMATS };

/* What a file says, whatever its format, as a snapshot. */
struct inspected {
	enum inspect_format format;
	struct snapshot s;
	struct err memory; /* why there is no guest memory in it */
};

/* What the format is called. */
const char *inspect_format_name(enum inspect_format format);

/*
 * Reads the bytes of a file into a zeroed @i. 0, or -1 with @e: what is wrong, in one line; @i is
 * then empty. Revisions of vmcs12 are checked here.
 */
int inspect_load(struct inspected *i, const struct buf *file, struct err *e);
void inspect_free(struct inspected *i);

/* Appends everything that it says; fields that are zero only if @verbose. */
void inspect_print(const struct inspected *i, bool verbose, struct buf *text);

/* Appends about twelve lines: what a lost interrupt or a wrong entry could be about. */
void inspect_brief(const struct inspected *i, struct buf *text);

/*
 * Appends `field: old -> new` for each difference, and what was not compared. The number of
 * differences.
 */
int inspect_diff(const struct inspected *a, const struct inspected *b, struct buf *text);

/* The bytes of any known format as text, or why they cannot be decoded. */
void inspect_snapshot(const struct buf *file, bool brief, struct buf *text);

/* inspect_diff() of two files' bytes; -1: not comparable, @text says why. */
int inspect_compare(const struct buf *a, const struct buf *b, struct buf *text);

#endif
