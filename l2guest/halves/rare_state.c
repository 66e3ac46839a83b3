/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L2's half of fields_after_exit: changes all guest state that it may change without a VM exit and
 * that a hypervisor seldom reads, tells point 1, and checks at point 2 that all is still so.
 */
#include "l2guest/rare_state.h"
#include "l2guest/l2.h"

static const struct {
	uint32_t msr;
	uint64_t val;
} msrs[] = {
	{MSR_IA32_SYSENTER_CS, RARE_SYSENTER_CS},   {MSR_IA32_SYSENTER_ESP, RARE_SYSENTER_ESP},
	{MSR_IA32_SYSENTER_EIP, RARE_SYSENTER_EIP}, {MSR_IA32_FS_BASE, RARE_FS_BASE},
	{MSR_IA32_GS_BASE, RARE_GS_BASE},	    {MSR_IA32_PAT, RARE_PAT},
};
#define MSRS (sizeof(msrs) / sizeof(msrs[0]))

static void rare_state(struct l2_shared *shared)
{
	const struct l2_header *header = (const void *)L2_VA_BASE;
	struct desc_ptr gdtr = {RARE_GDTR_LIMIT, header->gdt};
	struct desc_ptr idtr = {RARE_IDTR_LIMIT, header->idt};
	uint64_t val[MSRS], es, fs, cr0, cr4, dr7;

	asm volatile("lgdt %0; lidt %1; mov %w2, %%es; mov %w3, %%fs; mov %w3, %%gs" ::"m"(gdtr),
		     "m"(idtr), "r"(L2_SEL_CODE), "r"(0));
	for (unsigned i = 0; i < MSRS; i++)
		wrmsr(msrs[i].msr, msrs[i].val);
	write_cr0(shared->cr0 & ~CR0_MP);
	write_cr4(shared->cr4 | RARE_CR4);
	write_dr7(RARE_DR7);
	l2_tell(1);
	asm volatile("sgdt %0; sidt %1" : "=m"(gdtr), "=m"(idtr));
	es = read_es();
	fs = read_fs();
	cr0 = read_cr0();
	cr4 = read_cr4();
	dr7 = read_dr7();
	for (unsigned i = 0; i < MSRS; i++)
		val[i] = rdmsr(msrs[i].msr);
	l2_expect("L2 GDTR limit", RARE_GDTR_LIMIT, gdtr.limit);
	l2_expect("L2 IDTR limit", RARE_IDTR_LIMIT, idtr.limit);
	l2_expect("L2 ES", L2_SEL_CODE, es);
	l2_expect("L2 FS", 0, fs);
	l2_expect("L2 CR0", shared->cr0 & ~CR0_MP, cr0);
	l2_expect("L2 CR4", shared->cr4 | RARE_CR4, cr4);
	l2_expect("L2 DR7", RARE_DR7, dr7);
	for (unsigned i = 0; i < MSRS; i++)
		l2_expect("L2 MSR that it wrote", msrs[i].val, val[i]);
	l2_tell(2);
}

L2_SCENARIO(rare_state, rare_state);
