/* SPDX-License-Identifier: BSD-2-Clause */
/* What the lab's emulator tells, while it runs, of the code of KVM that L0 has executed. */
#ifndef HOST_LAB_RAN_H
#define HOST_LAB_RAN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Instructions of kvm.ko and kvm-intel.ko in L0 that ran for the first time since the last call; at
 * the first call, since the lab was restored. -1: nobody records it (outside of the lab, in one
 * without a record, as nobody but root, or with KVM built into the kernel). Each is told once, so
 * there can be one caller in L0, and it is always the same thread.
 */
long lab_ran_new(void);

#define RAN_AREAS 2 /* kvm, kvm_intel */

/* The code of a module, by the low halves of its addresses, as of all modules the high ones are
 * alike. */
struct ran_area {
	uint32_t start, end;
};

/*
 * Fills @area from @modules, the text of /proc/modules, and tells how many there are; none if it
 * shows no addresses. An area can go on behind its module's code, but has no code of another.
 */
unsigned ran_areas(const char *modules, struct ran_area area[RAN_AREAS]);

#endif
