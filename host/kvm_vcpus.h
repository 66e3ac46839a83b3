/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A snapshot of several vCPUs: the sections of the first have KVM's names, those of the second the
 * prefix `vcpu1.`. What belongs to the VM is there once, with the first.
 */
#ifndef HOST_KVM_VCPUS_H
#define HOST_KVM_VCPUS_H

#include "host/kvm_vm.h"

/* kvm_state_save() of all vCPUs. 0, or -1 with @e filled. */
int kvm_vcpus_save(const struct kvm_vm *vm, struct snapshot *s, struct err *e);

/* How many vCPUs @s has. */
unsigned kvm_vcpus_saved(const struct snapshot *s);

/*
 * Vcpu @vcpu in @s as if it were alone; all data and memory stay @s's. kvm_vcpu_part_free() gives
 * back what is the part's own.
 */
struct snapshot kvm_vcpu_part(const struct snapshot *s, unsigned vcpu);
void kvm_vcpu_part_free(struct snapshot *part);

/* What kvm_state.h needs for vCPU @vcpu of @vm. */
struct kvm_fds kvm_vcpu_fds(const struct kvm_vm *vm, unsigned vcpu);

#endif
