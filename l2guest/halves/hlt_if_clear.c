/* SPDX-License-Identifier: BSD-2-Clause */
/* An L2 that sleeps with interrupts off; awake again it tells, lets them in, and tells again. */
#include "l2guest/l2.h"

static void hlt_if_clear(struct l2_shared *shared)
{
	(void)shared;
	asm volatile("cli; hlt" ::: "memory");
	l2_tell(1);
	asm volatile("sti; nop; cli" ::: "memory");
	l2_tell(2);
}

L2_SCENARIO(hlt_if_clear, hlt_if_clear);
