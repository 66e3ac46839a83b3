/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold for any snapshot, whatever the guest does: no scenario knows of these checks.
 *   in place   KVM_SET_* of what KVM_GET_* gave, on the same stopped vCPU, changes nothing
 *   new VM     restored into a fresh VM whose TSC is far from the old one's, KVM_GET_* gives the
 *              same bytes; so saving, restoring and saving again is exact
 *   log        L0's kernel log has no new WARNING, BUG or Oops
 * Differences are told by field name. Buffers end at a page that cannot be touched (kvm_state.c).
 */
#ifndef HOST_ORACLE_H
#define HOST_ORACLE_H

#include "host/kvm_state.h"
#include "host/snapshot.h"

struct oracle_finding {
	const char *oracle; /* "in place", "new VM", "log" */
	char field[96]; /* like VCPU_EVENTS.nmi.pending, MSRS.0x10, NESTED_STATE.vmcs12.GUEST_RIP */
	char text[160]; /* what was expected and found */
};

#define ORACLE_FINDINGS_MAX 64

struct oracle_report {
	struct oracle_finding finding[ORACLE_FINDINGS_MAX];
	unsigned findings; /* kept; further ones are only counted in `more` */
	unsigned more;
};

/*
 * Compares the sections of two saves of the same state and adds a finding of @oracle for each field
 * that differs and may not (time goes on: oracle.c's table says what may).
 */
void oracle_compare(const char *oracle, const struct snapshot *before, const struct snapshot *after,
		    struct oracle_report *report);

/*
 * Runs `in place` on the stopped VM behind @fds, from which @saved was just taken, and `new VM` in
 * VMs of its own, both by @order. The VM behind @fds must not be run afterwards. Only sections of
 * @saved and its memory are read. 0, or -1 with @e: could not be run (a refused restore is a
 * finding, not an error).
 */
int oracle_run(const struct kvm_fds *fds, const struct snapshot *saved, const struct order *order,
	       struct oracle_report *report, struct err *e);

/* Reads L0's log to its end, so that l0_log_read() finds only what is new. -1: cannot be read. */
int l0_log_begin(void);

/* Adds a finding of oracle "log" for each WARNING, BUG, Oops or lockdep report since. */
void l0_log_read(struct oracle_report *report);

#endif
