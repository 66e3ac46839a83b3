/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An L2 that opens its interrupt window for a moment and comes to point 1, again, point 2, and so
 * on. Each time it tells IA32_KERNEL_GS_BASE in RCX.
 */
#include "l2guest/l2.h"

static void window(struct l2_shared *shared)
{
	(void)shared;
	for (uint64_t point = 1;; point++) {
		asm volatile("sti; nop; cli" ::: "memory");
		l2_call(L2_CALL_TELL, point, rdmsr(MSR_IA32_KERNEL_GS_BASE), 0);
	}
}

L2_SCENARIO(window, window);
