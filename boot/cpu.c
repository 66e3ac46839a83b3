/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets a CPU up. */
#include "boot/cpu.h"
#include "lib/cpu.h"

/*
 * Turns on caches, SSE, XSAVE and AVX where the CPU has them. L1's own code uses none of it: the
 * register state is L2's, and stays in the registers while L1 runs.
 */
void fpu_init(void)
{
	struct cpuid c = cpuid(1, 0);

	write_cr0((read_cr0() & ~(CR0_EM | CR0_TS | CR0_CD | CR0_NW)) | CR0_MP | CR0_NE | CR0_WP);
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	if (c.ecx & CPUID_1_ECX_XSAVE) {
		write_cr4(read_cr4() | CR4_OSXSAVE);
		xsetbv(0, XCR0_X87 | XCR0_SSE | (c.ecx & CPUID_1_ECX_AVX ? XCR0_AVX : 0));
	}
}

/* Firmware may leave the PIT ticking; the local APIC's timer is to be the only interrupt. */
void pic_mask(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}
