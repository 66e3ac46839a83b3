/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An L2 that meets an event with RSP = arg[1] and RAX = arg[3]: an interrupt that waits (arg[0] is
 * 0), INT 0x80 (1), #UD (2) or INT3 (3). It is frozen before if arg[2] says so. Points 1 and 2 lie
 * around all that. val[0] counts its exceptions.
 */
#include "l2guest/l2.h"

#define VECTOR_BP 3

static bool exception(struct trap_frame *f)
{
	if (f->vector != VECTOR_UD && f->vector != VECTOR_BP)
		return false;
	l2_shared->val[0]++;
	if (f->vector == VECTOR_UD)
		f->rip += 2;
	return true;
}

static bool interrupt(struct trap_frame *f)
{
	return f->vector == 0x80; /* no EOI for INT */
}

#define WITH_STACK(instruction)                                \
	asm volatile("mov %%rsp, %%rbx\n\t"                    \
		     "mov %0, %%rsp\n\t" instruction "\n\t"    \
		     "mov %%rbx, %%rsp" ::"r"(shared->arg[1]), \
		     "a"(shared->arg[3])                       \
		     : "rbx", "memory", "cc")

static void delivery(struct l2_shared *shared)
{
	l2_on_exception = exception;
	l2_on_interrupt = interrupt;
	l2_tell(1);
	if (shared->arg[2])
		l2_freeze();
	if (shared->arg[0] == 0)
		WITH_STACK("sti; nop; cli");
	else if (shared->arg[0] == 1)
		WITH_STACK("int $0x80");
	else if (shared->arg[0] == 2)
		WITH_STACK("ud2");
	else
		WITH_STACK("int3");
	l2_tell(2);
}

L2_SCENARIO(delivery, delivery);
