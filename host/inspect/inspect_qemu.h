/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU's migration stream as a snapshot, for `midflight inspect`. */
#ifndef HOST_INSPECT_INSPECT_QEMU_H
#define HOST_INSPECT_INSPECT_QEMU_H

#include "host/snapshot/snapshot.h"

/*
 * Fills the zeroed @s with sections as driver kvm saves them (REGS, SREGS2, NESTED_STATE, ...) and
 * guest memory, from the @len bytes of a complete stream. 0, or -1 with @e filled and @s empty. If
 * the memory is in a form that is not read, @s has none and @memory says why.
 */
int inspect_qemu(const void *stream, size_t len, struct snapshot *s, struct err *memory,
		 struct err *e);

/* QEMU's stream does not have @field (as oracle_place() names it), or not as KVM does. */
bool inspect_qemu_lacks(const char *field);

/* Appends the names of all such fields, parts separated by ", ". */
void inspect_qemu_lacking(struct buf *b);

#endif
