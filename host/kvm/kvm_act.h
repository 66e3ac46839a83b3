/* SPDX-License-Identifier: BSD-2-Clause */
/* What a scenario has the host do to a VM beside saving and restoring it (acts.def). */
#ifndef HOST_KVM_KVM_ACT_H
#define HOST_KVM_KVM_ACT_H

#include "host/kvm/kvm_vm.h"

/*
 * Does it. @live: the vCPU may be inside KVM_RUN; else it stands still, which all but ACT_IRQ,
 * ACT_INIT and ACT_POST need. 0, or -1 with @e filled.
 */
int kvm_act(struct kvm_vm *vm, const struct act_config *act, bool live, struct err *e);

#endif
