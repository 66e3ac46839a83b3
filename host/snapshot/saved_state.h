/* SPDX-License-Identifier: BSD-2-Clause */
/* What a snapshot says of one vCPU and its nested guest, whatever saved it. */
#ifndef HOST_SNAPSHOT_SAVED_STATE_H
#define HOST_SNAPSHOT_SAVED_STATE_H

#include "host/snapshot/snapshot.h"

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

/* What a snapshot says about L2. */
void kvm_state_summary(const struct snapshot *s, struct saved_state *state);

#endif
