/* SPDX-License-Identifier: BSD-2-Clause */
/* An enlightened VMCS, revision 1, as memory; TLFS, "Enlightened VMCS". */
#ifndef HV_EVMCS_H
#define HV_EVMCS_H

#include <stdbool.h>
#include <stdint.h>
#include "hv/vmcs.h"
#include "lib/hyperv.h"

#define EVMCS_REVISION 1

/* Bits of EVMCS_CLEAN_FIELDS: 1 says that no field of the group has changed since the last exit. */
enum evmcs_group {
	EVMCS_IO_BITMAP,
	EVMCS_MSR_BITMAP,
	EVMCS_CONTROL_GRP2,
	EVMCS_CONTROL_GRP1,
	EVMCS_CONTROL_PROC,
	EVMCS_CONTROL_EVENT,
	EVMCS_CONTROL_ENTRY,
	EVMCS_CONTROL_EXCPN,
	EVMCS_CRDR,
	EVMCS_CONTROL_XLAT,
	EVMCS_GUEST_BASIC,
	EVMCS_GUEST_GRP1,
	EVMCS_GUEST_GRP2,
	EVMCS_HOST_POINTER,
	EVMCS_HOST_GRP1,
	EVMCS_ENLIGHTENMENTS_CONTROL,
	EVMCS_GROUPS,
	EVMCS_NONE = EVMCS_GROUPS,
	EVMCS_UNREAD
};
#define EVMCS_ALL_CLEAN ((1u << EVMCS_GROUPS) - 1)

/* EVMCS_ENLIGHTENMENTS: L0 handles L2's TLB flushes; L1 says when its MSR bitmap has changed. */
#define EVMCS_NESTED_FLUSH	 (1u << 0)
#define EVMCS_ENLIGHTENED_BITMAP (1u << 1)

/* L0's word for "flushed as L2 asked, and L1 wants to know"; TLFS, "Synthetic VM-Exit". */
#define EXIT_REASON_TRAP_AFTER_FLUSH 0x10000031u

static inline uint32_t *evmcs_u32(void *evmcs, enum evmcs_own at)
{
	return (uint32_t *)((uint8_t *)evmcs + at);
}

static inline uint64_t *evmcs_u64(void *evmcs, enum evmcs_own at)
{
	return (uint64_t *)((uint8_t *)evmcs + at);
}

/* Whether @field has a place that KVM reads or writes. */
bool evmcs_has(enum vmcs_field field);
/* The group of a field that has. */
enum evmcs_group evmcs_group(enum vmcs_field field);

/* Reads or writes a field that has a place; leaves EVMCS_CLEAN_FIELDS alone. */
uint64_t evmcs_read(const void *evmcs, enum vmcs_field field);
void evmcs_write(void *evmcs, enum vmcs_field field, uint64_t val);

/* From now on L1 has changed something of @group: clears its bit. */
void evmcs_dirty(void *evmcs, enum evmcs_group group);

#endif
