/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An L2 under the VMX-preemption timer. From point 1 to point 2: it is frozen, val[0] and val[1]
 * are its TSC before and behind; then, if L1 has set arg[0], it waits for that TSC, by which the
 * timer must have fired and L1 have cleared arg[0]. Behind point 2 it sleeps.
 */
#include "l2guest/l2.h"

static void timed(struct l2_shared *shared)
{
	l2_tell(1);
	shared->val[0] = rdtsc();
	l2_freeze();
	shared->val[1] = rdtsc();
	while (rdtsc() < __atomic_load_n(&shared->arg[0], __ATOMIC_RELAXED))
		cpu_relax();
	l2_expect("VMX-preemption timer fired by its time", 0,
		  __atomic_load_n(&shared->arg[0], __ATOMIC_RELAXED));
	l2_tell(2);
	for (;;)
		asm volatile("sti; hlt; cli" ::: "memory");
}

L2_SCENARIO(timed, timed);
