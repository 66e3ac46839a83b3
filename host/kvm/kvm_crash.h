/* SPDX-License-Identifier: BSD-2-Clause */
/* Why KVM gave a VM up, in words. */
#ifndef HOST_KVM_KVM_CRASH_H
#define HOST_KVM_KVM_CRASH_H

#include "host/base/util.h"

#include <linux/kvm.h>

/* Appends what KVM_EXIT_INTERNAL_ERROR says: suberror, and of its data what they are known to be.
 */
void kvm_crash_internal(const struct kvm_run *run, struct buf *text);

/* The same of KVM_EXIT_FAIL_ENTRY: an exit reason, or a VM-instruction error. */
void kvm_crash_entry(uint64_t reason, struct buf *text);

#endif
