/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults of L2, each with a place behind it to go on at: val[0] is that place, val[1] the address
 * of the fault to come. L2 takes by itself what does not exit: val[2] counts, val[3] is the last
 * vector, val[4] its error code, val[5] its RIP, val[6] CR2.
 */
#include "l2guest/l2.h"

static bool on_exception(struct trap_frame *f)
{
	l2_shared->val[2]++;
	l2_shared->val[3] = f->vector;
	l2_shared->val[4] = f->error;
	l2_shared->val[5] = f->rip;
	l2_shared->val[6] = read_cr2();
	f->rip = l2_shared->val[0];
	return true;
}

#define FAULT(shared, instruction, ...)                               \
	asm volatile("lea 1f(%%rip), %%rcx\n\t"                       \
		     "mov %%rcx, %0\n\t"                              \
		     "lea 2f(%%rip), %%rcx\n\t"                       \
		     "mov %%rcx, %1\n"                                \
		     "1:	" instruction "\n"                    \
		     "2:"                                             \
		     : "=m"((shared)->val[1]), "=m"((shared)->val[0]) \
		     : __VA_ARGS__                                    \
		     : "rcx", "memory", "cc")

/* A read at arg[0] and a write 8 bytes behind, where no page is; points 2 and 3 behind them. */
static void page_faults(struct l2_shared *shared)
{
	l2_on_exception = on_exception;
	l2_tell(1);
	l2_freeze();
	FAULT(shared, "mov (%2), %%eax", "a"(shared->arg[0]));
	l2_tell(2);
	FAULT(shared, "mov %%eax, 8(%2)", "a"(shared->arg[0]));
	l2_tell(3);
}

/* #UD, #GP, #DE, #BP; points 2 to 5 behind them. */
static void faults(struct l2_shared *shared)
{
	l2_on_exception = on_exception;
	l2_tell(1);
	l2_freeze();
	FAULT(shared, "ud2");
	l2_tell(2);
	FAULT(shared, "mov (%2), %%eax", "a"(1ull << 63));
	l2_tell(3);
	FAULT(shared, "div %%dl", "a"(1), "d"(0));
	l2_tell(4);
	FAULT(shared, "int3");
	l2_tell(5);
}

/* An exception that cannot be delivered, as L1 has left no IDT: the end, or point 2. */
static void no_idt(struct l2_shared *shared)
{
	l2_tell(1);
	if (shared->arg[0])
		l2_freeze();
	FAULT(shared, "ud2");
	l2_tell(2);
}

L2_SCENARIO(page_faults, page_faults);
L2_SCENARIO(faults, faults);
L2_SCENARIO(no_idt, no_idt);
