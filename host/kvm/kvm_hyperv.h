/* SPDX-License-Identifier: BSD-2-Clause */
/* KVM as Hyper-V: what an enlightened L1 finds in its CPUID, and enlightened VMCSs. */
#ifndef HOST_KVM_KVM_HYPERV_H
#define HOST_KVM_KVM_HYPERV_H

#include "host/base/util.h"

#include <linux/kvm.h>
#include <stdbool.h>

/*
 * Adds to @cpuid, which has room for @max entries, the leaves of KVM_GET_SUPPORTED_HV_CPUID in the
 * place of KVM's own, which move up as QEMU moves them. A KVM without that leaves it as it is. 0,
 * or -1 with @e filled.
 */
int kvm_hyperv_cpuid(int kvm, struct kvm_cpuid2 *cpuid, unsigned max, struct err *e);

/* KVM_CAP_HYPERV_ENLIGHTENED_VMCS for a vCPU; nothing if KVM does not have it. 0, or -1 with @e. */
int kvm_hyperv_enable_evmcs(int vcpu, struct err *e);

/* Whether a CPUID tells L1 of Hyper-V with enlightened VMCSs. */
bool kvm_hyperv_says_evmcs(const struct kvm_cpuid_entry2 *entry, unsigned count);

#endif
