/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a snapshot says of one vCPU, its MSRs and its nested guest, whatever saved it. Of several
 * vCPUs the sections of the first have KVM's names, those of the second the prefix `vcpu1.`. What
 * belongs to the VM is there once, with the first.
 */
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

enum {
#define M(name, index) HOST_MSR_##name = index,
#include "lib/msr.def"
#undef M
};

/* The entry of MSR @index in section MSRS of @s, or NULL. */
struct kvm_msr_entry *saved_msr(const struct snapshot *s, uint64_t index);

/* The name of an MSR, or its index in @text. */
const char *msr_name(uint32_t index, char *text, size_t size);

#define VCPU1_PREFIX "vcpu1."

/* How many vCPUs @s has. */
unsigned kvm_vcpus_saved(const struct snapshot *s);

/*
 * Vcpu @vcpu in @s as if it were alone; all data and memory stay @s's. kvm_vcpu_part_free() gives
 * back what is the part's own.
 */
struct snapshot kvm_vcpu_part(const struct snapshot *s, unsigned vcpu);
void kvm_vcpu_part_free(struct snapshot *part);

#endif
