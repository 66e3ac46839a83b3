/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a vCPU's state out of a QEMU migration stream, to prove where a snapshot fell. */
#ifndef HOST_QEMU_STREAM_H
#define HOST_QEMU_STREAM_H

#include "host/util.h"

/* State of one vCPU in a snapshot. */
struct saved_state {
	uint32_t mp_state; /* KVM_MP_STATE_* */
	bool nested;	   /* there is nested VMX state: VMXON was executed */
	uint16_t flags;	   /* KVM_STATE_NESTED_* */
	uint16_t format;   /* KVM_STATE_NESTED_FORMAT_* */
	uint32_t size;	   /* bytes of struct kvm_nested_state */
	uint64_t vmxon_pa, vmcs12_pa;
};

/* L2 was active: KVM_STATE_NESTED_GUEST_MODE. */
bool saved_l2_active(const struct saved_state *state);

/*
 * Finds the state of vCPU @cpu in the @len bytes of a complete stream. The stream's own
 * description (at its end) gives the offsets; headers, subsections and footers must agree with
 * it. 0, or -1 with @e filled.
 */
int qemu_stream_parse(const void *stream, size_t len, unsigned cpu, struct saved_state *state,
		      struct err *e);

#endif
