/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debug exceptions of an L2 that is frozen behind an OUT at which one became pending. val[0] is the
 * address behind that OUT, val[1] counts #DB, val[2] and val[3] are RIP and DR6 at the last one.
 */
#include "l2guest/l2.h"

#define DR6_INIT 0xffff0ff0
#define DR7_INIT 0x400
/* L0, R/W0 = read or write, LEN0 = 2 bytes; SDM, "Debug Control Register (DR7)". */
#define DR7_BREAK_0 (DR7_INIT | 1 | 3 << 16 | 1 << 18)

static bool on_exception(struct trap_frame *f)
{
	if (f->vector != VECTOR_DB)
		return false;
	l2_shared->val[1]++;
	l2_shared->val[2] = f->rip;
	l2_shared->val[3] = read_dr6();
	f->rflags &= ~RFLAGS_TF;
	return true;
}

static void start(void)
{
	l2_on_exception = on_exception;
	write_dr6(DR6_INIT);
}

/* POPF sets TF: the trap comes behind the next instruction, the OUT. arg[0]: point 1 before it. */
static void single_step(struct l2_shared *shared)
{
	start();
	if (shared->arg[0])
		l2_tell(1);
	asm volatile("lea 1f(%%rip), %%rcx\n\t"
		     "mov %%rcx, %[behind]\n\t"
		     "pushf\n\t"
		     "orq %[tf], (%%rsp)\n\t"
		     "popf\n\t"
		     "outb %%al, %[port]\n"
		     "1:	nop"
		     : [behind] "=m"(shared->val[0])
		     : [tf] "i"((int)RFLAGS_TF), [port] "i"(FREEZE_IO_PORT), "a"(0)
		     : "rcx", "memory", "cc");
	shared->val[4] = read_dr6();
	l2_tell(2);
}

/* MOV SS holds its own data breakpoint back until behind the next instruction, the OUT. */
static void movss_break(struct l2_shared *shared)
{
	static uint16_t selector __attribute__((aligned(2))) = L2_SEL_DATA;

	start();
	write_dr0((uint64_t)&selector);
	write_dr7(DR7_BREAK_0);
	asm volatile("lea 1f(%%rip), %%rcx\n\t"
		     "mov %%rcx, %[behind]\n\t"
		     "mov %[selector], %%ss\n\t"
		     "outb %%al, %[port]\n"
		     "1:	nop"
		     : [behind] "=m"(shared->val[0])
		     : [selector] "m"(selector), [port] "i"(FREEZE_IO_PORT), "a"(0)
		     : "rcx", "memory");
	write_dr7(DR7_INIT);
	shared->val[4] = read_dr6();
	l2_tell(2);
}

L2_SCENARIO(single_step, single_step);
L2_SCENARIO(movss_break, movss_break);
