/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the oracles of oracle.h that need a VM. */
#ifndef HOST_KVM_KVM_ORACLES_H
#define HOST_KVM_KVM_ORACLES_H

#include "host/kvm/kvm_state.h"
#include "host/snapshot/oracle.h"

/*
 * Runs `buffer size` and `in place` on the stopped VM behind @fds, from which @saved was just
 * taken, and `new VM` in a VM of its own, by @order (with KVM_SET_CPUID2 for KVM_SET_CPUID, which
 * cannot say all that was saved). The VM behind @fds must not be run afterwards. Only sections of
 * @saved and its memory are read. 0, or -1 with @e: could not be run (a refused restore is a
 * finding, not an error).
 */
int oracle_run(const struct kvm_fds *fds, const struct snapshot *saved, const struct order *order,
	       struct oracle_report *report, struct err *e);

#endif
