/* SPDX-License-Identifier: BSD-2-Clause */
/* An L2 with its APIC in xAPIC mode, memory-mapped at arg[0]; see hv/scenarios/apic_access.c. */
#include "l2guest/l2.h"

#define TPR	0x80
#define EOI	0xb0
#define VERSION 0x30
#define SVR	0xf0
#define ICR_LOW 0x300

static inline volatile uint32_t *reg(uint64_t offset)
{
	return (void *)(l2_shared->arg[0] + offset);
}

/* L1 that emulates the access knows this instruction. */
static uint32_t read_reg(uint64_t offset)
{
	uint32_t val;

	asm volatile("movl (%1), %0" : "=a"(val) : "d"(reg(offset)) : "memory");
	return val;
}

static void write_reg(uint64_t offset, uint32_t val)
{
	asm volatile("movl %0, (%1)" ::"a"(val), "d"(reg(offset)) : "memory");
}

static void apic_mmio(struct l2_shared *shared)
{
	write_reg(TPR, 0x30);
	l2_freeze();
	shared->val[0] = read_reg(TPR);
	write_reg(TPR, 0x70);
	shared->val[1] = read_reg(TPR);
	shared->val[2] = read_reg(VERSION);
	asm volatile("orl $0x100, (%0)" ::"d"(reg(SVR)) : "memory", "cc");
	write_reg(ICR_LOW, 0x40043);
	l2_tell(1);
}

/* Frozen in its handler of vector arg[1], before the EOI. */
static bool handler(struct trap_frame *f)
{
	if (f->vector == l2_shared->arg[1])
		l2_freeze();
	write_reg(EOI, 0);
	return true;
}

static void apic_mmio_eoi(struct l2_shared *shared)
{
	(void)shared;
	l2_on_interrupt = handler;
	asm volatile("sti; nop; cli" ::: "memory");
	l2_tell(1);
}

L2_SCENARIO(apic_mmio, apic_mmio);
L2_SCENARIO(apic_mmio_eoi, apic_mmio_eoi);
