/* SPDX-License-Identifier: BSD-2-Clause */
/* Saves several vCPUs into one snapshot (snapshot_vcpus.h). */
#ifndef HOST_KVM_KVM_VCPUS_H
#define HOST_KVM_KVM_VCPUS_H

#include "host/kvm/kvm_vm.h"

/* kvm_state_save() of all vCPUs. 0, or -1 with @e filled. */
int kvm_vcpus_save(const struct kvm_vm *vm, struct snapshot *s, struct err *e);

/* What kvm_state.h needs for vCPU @vcpu of @vm. */
struct kvm_fds kvm_vcpu_fds(const struct kvm_vm *vm, unsigned vcpu);

#endif
