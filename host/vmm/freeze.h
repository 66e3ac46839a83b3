/* SPDX-License-Identifier: BSD-2-Clause */
/* At which moment after L1's `ready` the VM is frozen. */
#ifndef HOST_VMM_FREEZE_H
#define HOST_VMM_FREEZE_H

#include <stdint.h>

/* Once in a flight, behind the mark. */
#define FREEZE_BEHIND_MARK(f) ((f)->at == FREEZE_AFTER || (f)->at == FREEZE_STEPS)

#define BLOCK_POLL_NS	  1000000 /* between two looks at whether a vCPU sleeps */
#define FREEZE_AFTER_HOPS 32	  /* of the guest, whose serial port takes two bytes for each */

struct freeze {
	enum freeze_at {
		FREEZE_NOW,    /* as soon as the host has heard of it */
		FREEZE_TIME,   /* after `value` nanoseconds */
		FREEZE_EXITS,  /* after `value` exits of KVM_RUN to userspace */
		FREEZE_PORT,   /* at the next write of L1 or L2 to FREEZE_IO_PORT */
		FREEZE_READ,   /* at the next read there, which KVM_RUN has not completed yet */
		FREEZE_ASLEEP, /* there, or before that when the last vCPU sleeps in KVM_RUN */
		FREEZE_SOON,   /* there, or before that `value` ns after vCPU 0 goes on */
		FREEZE_PAGE,   /* while the page at guest-physical `value` is asked for */
		/*
		 * `value` nanoseconds after the mark: when the guest has taken the first byte that
		 * it gets for this. A high-resolution timer of the vCPU's thread ends KVM_RUN then,
		 * whatever the guest or KVM are at; neither sees anything of it before.
		 */
		FREEZE_AFTER,
		/*
		 * `value` instructions behind the same mark, each of them stepped by
		 * KVM_GUESTDBG_SINGLESTEP: what that changes is told in docs/sweep.md.
		 */
		FREEZE_STEPS,
	} at;
	int64_t value;
};

#endif
