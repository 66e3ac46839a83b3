/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the KVM of a host offers to a VM, as a snapshot without memory, and what several hosts all
 * offer: a VM that shall live on each of them must be given no more, as by the CPU model of a
 * fleet.
 */
#ifndef HOST_KVM_KVM_OFFERS_H
#define HOST_KVM_KVM_OFFERS_H

#include "host/snapshot/snapshot.h"

#include <linux/kvm.h>

/*
 * The indices of all MSRs that KVM, open as @kvm, saves, as many as it says; guarded (guarded.h).
 * NULL with @e filled.
 */
struct kvm_msr_list *kvm_msr_list(int kvm, struct err *e);

/* Adds what /dev/kvm offers to @s. 0, or -1 with @e filled. */
int kvm_offers_save(struct snapshot *s, struct err *e);

/*
 * Makes @common, which is zeroed, what all the files say whose names are in @paths, with commas
 * between. They are not trusted. 0, or -1 with @e filled and @common empty.
 */
int kvm_offers_load(const char *paths, struct snapshot *common, struct err *e);

/* Takes out of @cpuid, what this KVM supports, with Hyper-V's leaves or its own, what is not
 * @common's. */
void kvm_offers_cpuid(const struct snapshot *common, struct kvm_cpuid2 *cpuid);

/* Whether MSR @index is one that all save. */
bool kvm_offers_msr(const struct snapshot *common, uint32_t index);

/* Gives the vCPU with descriptor @fd @common's VMX capabilities. 0, or -1 with @e filled. */
int kvm_offers_set_vmx(const struct snapshot *common, int fd, struct err *e);

#endif
