/* SPDX-License-Identifier: BSD-2-Clause */
/* An L2 that sleeps with interrupts on, and tells when it woke: point 1. */
#include "l2guest/l2.h"

static void hlt(struct l2_shared *shared)
{
	(void)shared;
	for (;;) {
		asm volatile("sti; hlt; cli" ::: "memory");
		l2_tell(1);
	}
}

L2_SCENARIO(hlt, hlt);
