/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An L2 that is frozen between point 1 and point 2 and has all its registers full. The instruction
 * at point 1 is followed by the OUT itself. val[0] is the address behind the OUT, val[1] counts
 * #UD, which L2 takes by itself, val[2] is where the last one was.
 */
#include "l2guest/l2.h"

static bool on_exception(struct trap_frame *f)
{
	if (f->vector != VECTOR_UD)
		return false;
	l2_shared->val[1]++;
	l2_shared->val[2] = f->rip;
	return true;
}

static void port(struct l2_shared *shared)
{
	uint64_t rax = L2_CALL_TELL, rbx = 1, rcx, rdx = 3, rsi = 4, rbp = 5;
	register uint64_t r8 asm("r8") = 6;
	register uint64_t r15 asm("r15") = 7;

	l2_on_exception = on_exception;
	asm volatile("lea 1f(%%rip), %%rcx\n\t"
		     "mov %%rcx, %[behind]\n\t"
		     "vmcall\n\t"
		     "outb %%al, %[port]\n"
		     "1:"
		     : "+a"(rax), "+b"(rbx), "=&c"(rcx), "+d"(rdx), "+S"(rsi), "+r"(rbp), "+r"(r8),
		       "+r"(r15), [behind] "=m"(shared->val[0])
		     : [port] "i"(FREEZE_IO_PORT)
		     : "memory");
	l2_expect("registers of L2", 0,
		  (rax ^ L2_CALL_TELL) | (rbx ^ 1) | (rcx ^ shared->val[0]) | (rdx ^ 3) |
			  (rsi ^ 4) | (rbp ^ 5) | (r8 ^ 6) | (r15 ^ 7));
	l2_tell(2);
}

L2_SCENARIO(port, port);
