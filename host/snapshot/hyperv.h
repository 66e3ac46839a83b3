/* SPDX-License-Identifier: BSD-2-Clause */
/* Where in guest memory an enlightened L1 has what KVM reads: TLFS, "Nested Virtualization". */
#ifndef HOST_SNAPSHOT_HYPERV_H
#define HOST_SNAPSHOT_HYPERV_H

#include "host/snapshot/snapshot.h"
#include "lib/hyperv.h"

/* The host part of an enlightened VMCS, from ES to the I/O bitmaps; hv/evmcs.def. */
#define EVMCS_HOST_STATE      8
#define EVMCS_HOST_STATE_SIZE 88

enum hyperv_page { HYPERV_ASSIST, HYPERV_EVMCS, HYPERV_PARTITION };

/*
 * The guest-physical address of the VP assist page, of the enlightened VMCS that it names, or of
 * the partition assist page that this names. 0, or -1 with @e: L1 has none.
 */
int hyperv_address(const struct snapshot *s, enum hyperv_page which, uint64_t *gpa, struct err *e);

#endif
