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
 * L1 and L2 write here where a snapshot is wanted, and L1 lets L2's write pass: it exits to the VMM
 * alone, which can freeze the VM behind exactly that instruction. Nothing decodes the port; to a
 * read the small VMM of driver kvm answers with a byte of its own.
 */
#define FREEZE_IO_PORT 0xe5
#define FREEZE_IO_BYTE 0xa5

/* Vector with which L1's timer, or the host, notifies L2 of posted interrupts. */
#define L2_NOTIFICATION_VECTOR 0xf2

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
	uint64_t out; /* writes AL to port DX and goes no further */
};

#define L2_STACK_PAGES	2
#define L2_SHARED_PAGES 1
#define L2_TABLE_PAGES	4 /* PML4, PDPT, PD, PT */

/* L2 -> L1: VMCALL with RAX = call; arguments in RBX, RCX, RDX. */
enum l2_call {
	L2_CALL_LEG = 1, /* `running`: rounds_per_leg more rounds are done */
	L2_CALL_SLEEP,	 /* `halted`: all is checked, HLT comes next */
	L2_CALL_CHECK,	 /* a check in L2 failed: RBX its text (L2 virtual), RCX expected, RDX found
			  */
	L2_CALL_TRAP,	 /* exception in L2: RBX vector, RCX error code, RDX RIP */
	L2_CALL_TELL,	 /* L2's half has come to the point RBX; RCX and RDX are its own */
};

#define L2_LOG	64 /* interrupts whose order is kept */
#define L2_ARGS 16

/* The shared page. L1 fills it before L2 starts; the writer of each part is named. */
struct l2_shared {
	/* L1 */
	char scenario[24];
	uint64_t arg[L2_ARGS]; /* the scenario's own */
	uint64_t rounds_per_leg;
	uint64_t cr0, cr3, cr4; /* what L2 must read */
	uint64_t data_va, data_pages;
	uint64_t apicv; /* L2 has an x2APIC of its own */
	uint64_t seed;
	/* L2 */
	uint64_t rounds;			   /* finished rounds of `running` */
	uint64_t hlts;				   /* HLTs left in `halted` */
	uint64_t fs_base, gs_base, kernel_gs_base; /* what L2 wrote last */
	uint64_t val[L2_ARGS];			   /* the scenario's own */
	uint64_t frozen;			   /* l2_freeze() calls that came back */
	struct compute_state compute;
	uint32_t irq_count[256];
	uint32_t irqs;		 /* all of them */
	uint8_t irq_log[L2_LOG]; /* the vectors of the first, in order */
};
_Static_assert(sizeof(struct l2_shared) <= L2_SHARED_PAGES * 4096, "fits its pages");

#endif
#endif
