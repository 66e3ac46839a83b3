/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contract between L1 and L2: address layout, the page they share, and L2's calls (VMCALL).
 *
 * L2 virtual, L2 physical and L1 physical addresses all differ, so that a translation that is
 * skipped or stale shows. L2's pages lie in a row in L2's physical and virtual memory, in the order
 * of enum l2_area; L1 backs each area with pages in reverse order.
 */
#ifndef L2GUEST_LAYOUT_H
#define L2GUEST_LAYOUT_H

#define L2_VA_BASE  0x40000000
#define L2_GPA_BASE 0x123400000

/*
 * L2 writes here once per leg, and L1 lets it pass: the write exits to the VMM alone, which can
 * freeze the VM at exactly that instruction. Nothing decodes the port.
 */
#define L2_FREEZE_PORT 0xe5

/* Selectors in L2's GDT. */
#define L2_SEL_CODE 0x08
#define L2_SEL_DATA 0x10
#define L2_SEL_TSS  0x18

#ifndef __ASSEMBLER__

#include <stdint.h>
#include "l2guest/compute.h"

/* Lies at the start of the image; addresses are L2 virtual. */
struct l2_header {
	uint64_t entry, gdt, gdt_limit, idt, idt_limit, tss, tss_limit;
};

#define L2_STACK_PAGES	2
#define L2_SHARED_PAGES 1
#define L2_TABLE_PAGES	4 /* PML4, PDPT, PD, PT */

/* L2 -> L1: VMCALL with RAX = call; arguments in RBX, RCX, RDX. */
enum l2_call {
	L2_CALL_LEG = 1, /* `running`: rounds_per_leg more rounds are done */
	L2_CALL_SLEEP,	 /* `halted`: all is checked, HLT comes next */
	L2_CALL_CHECK,	 /* a check in L2 failed: RBX=enum l2_check, RCX expected, RDX found */
	L2_CALL_TRAP,	 /* exception in L2: RBX vector, RCX error code, RDX RIP */
};

/* What L2 checks about itself: K(NAME, "text"). */
#define L2_CHECKS(K)                                        \
	K(SCENARIO, "L2 knows the scenario")                \
	K(CR0, "L2 CR0")                                    \
	K(CR2, "L2 CR2")                                    \
	K(CR3, "L2 CR3")                                    \
	K(CR4, "L2 CR4")                                    \
	K(CR8, "L2 CR8")                                    \
	K(DR0, "L2 DR0")                                    \
	K(DR1, "L2 DR1")                                    \
	K(DR2, "L2 DR2")                                    \
	K(DR3, "L2 DR3")                                    \
	K(DR7, "L2 DR7")                                    \
	K(EFER, "L2 IA32_EFER")                             \
	K(FS_BASE, "L2 IA32_FS_BASE")                       \
	K(GS_BASE, "L2 IA32_GS_BASE")                       \
	K(KERNEL_GS_BASE, "L2 IA32_KERNEL_GS_BASE")         \
	K(STAR, "L2 IA32_STAR")                             \
	K(LSTAR, "L2 IA32_LSTAR")                           \
	K(CSTAR, "L2 IA32_CSTAR")                           \
	K(FMASK, "L2 IA32_FMASK")                           \
	K(SELECTORS, "L2 segment selectors")                \
	K(GDTR, "L2 GDTR base")                             \
	K(IDTR, "L2 IDTR base")                             \
	K(TSC, "L2 TSC goes forward")                       \
	K(REGISTERS, "L2 registers across HLT (index)")     \
	K(HLT_NO_INTERRUPT, "HLT was left by an interrupt") \
	K(VISR, "L2 in-service register empty outside handlers")

enum l2_check {
#define K(name, text) L2_CHECK_##name,
	L2_CHECKS(K)
#undef K
};

/* The shared page. L1 fills it before L2 starts; the writer of each part is named. */
struct l2_shared {
	/* L1 */
	char scenario[16];
	uint64_t rounds_per_leg;
	uint64_t cr0, cr3, cr4; /* what L2 must read */
	uint64_t data_va, data_pages;
	uint64_t seed;
	/* L2 */
	uint64_t rounds;			   /* finished rounds of `running` */
	uint64_t hlts;				   /* HLTs left in `halted` */
	uint64_t fs_base, gs_base, kernel_gs_base; /* what L2 wrote last */
	struct compute_state compute;
	uint32_t irq_count[256];
};
_Static_assert(sizeof(struct l2_shared) <= L2_SHARED_PAGES * 4096, "fits its pages");

#endif
#endif
