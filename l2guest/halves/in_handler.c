/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An L2 that is frozen in the handler of vector arg[0], before its EOI, and then reads the arg[1]
 * MSRs arg[2], arg[3], ... into val[0], val[1], ... It lets interrupts in and comes to point 1.
 */
#include "l2guest/l2.h"

static bool handler(struct trap_frame *f)
{
	struct l2_shared *s = l2_shared;

	if (f->vector != s->arg[0])
		return false;
	l2_freeze();
	for (unsigned i = 0; i < s->arg[1]; i++)
		s->val[i] = rdmsr(s->arg[2 + i]);
	return false;
}

static void in_handler(struct l2_shared *shared)
{
	(void)shared;
	l2_on_interrupt = handler;
	asm volatile("sti; nop; cli" ::: "memory");
	l2_tell(1);
}

L2_SCENARIO(in_handler, in_handler);
