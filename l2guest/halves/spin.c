/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An L2 that only counts, for checks of the CPU itself (tests/emulator). rounds_per_leg says
 * whether interrupts are on.
 */
#include "l2guest/l2.h"

static void spin(struct l2_shared *shared)
{
	if (shared->rounds_per_leg)
		asm volatile("sti" ::: "memory");
	for (;;)
		__atomic_fetch_add(&shared->rounds, 1, __ATOMIC_RELAXED);
}

L2_SCENARIO(spin, spin);
