/* SPDX-License-Identifier: BSD-2-Clause */
/* L2's half of rvi_behind_if: frozen with interrupts off, then lets them in. */
#include "l2guest/l2.h"

static void rvi_behind_if(struct l2_shared *shared)
{
	(void)shared;
	l2_freeze();
	l2_tell(1);
	asm volatile("sti; nop; cli" ::: "memory");
	l2_tell(2);
}

L2_SCENARIO(rvi_behind_if, rvi_behind_if);
