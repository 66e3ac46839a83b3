/* SPDX-License-Identifier: BSD-2-Clause */
/* L2's half of regs_all: gives all that it may change a value of its own around the freeze. */
#include "l2guest/l2.h"

#define GPRS 12

/* Patterns in all general registers but RAX, RDX, RSP, RBP across the freeze point. */
static void freeze_with_registers(uint64_t val[GPRS])
{
	asm volatile("mov $0x1101, %%rbx\n\t"
		     "mov $0x2202, %%rcx\n\t"
		     "mov $0x3303, %%rsi\n\t"
		     "mov $0x4404, %%r8\n\t"
		     "mov $0x5505, %%r9\n\t"
		     "mov $0x6606, %%r10\n\t"
		     "mov $0x7707, %%r11\n\t"
		     "mov $0x8808, %%r12\n\t"
		     "mov $0x9909, %%r13\n\t"
		     "mov $0xaa0a, %%r14\n\t"
		     "mov $0xbb0b, %%r15\n\t"
		     "mov $0xcc0c, %%eax\n\t"
		     "out %%al, %1\n\t"
		     "mov %%rbx, 0(%0)\n\t"
		     "mov %%rcx, 8(%0)\n\t"
		     "mov %%rsi, 16(%0)\n\t"
		     "mov %%r8, 24(%0)\n\t"
		     "mov %%r9, 32(%0)\n\t"
		     "mov %%r10, 40(%0)\n\t"
		     "mov %%r11, 48(%0)\n\t"
		     "mov %%r12, 56(%0)\n\t"
		     "mov %%r13, 64(%0)\n\t"
		     "mov %%r14, 72(%0)\n\t"
		     "mov %%r15, 80(%0)\n\t"
		     "mov %%rax, 88(%0)" ::"D"(val),
		     "i"(FREEZE_IO_PORT)
		     : "rax", "rbx", "rcx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
		       "r15", "memory");
}

static void regs_all(struct l2_shared *shared)
{
	static uint64_t val[GPRS];

	l2_turn_registers(shared, 0);
	freeze_with_registers(val);
	l2_turn_registers(shared, 1);
	for (unsigned i = 0; i < GPRS; i++)
		l2_expect("L2 general register", (i + 1) * 0x1100 + i + 1, val[i]);
	l2_tell(1);
}

L2_SCENARIO(regs_all, regs_all);
