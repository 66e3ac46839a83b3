/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L2's header, tables and first instruction. L1 enters in 64-bit mode, paging on, interrupts off,
 * segments and tables as the header says, RDI = the shared page, RSP = top of L2's stack.
 */
#include "l2guest/layout.h"

	.section .header, "aw"
	.quad	l2_entry
	.quad	l2_gdt, l2_gdt_end - l2_gdt - 1
	.quad	l2_idt, 256 * 16 - 1
	.quad	l2_tss, 0x67
	.quad	l2_out

	.text
	.globl	l2_entry
l2_entry:
	fninit
	call	l2_main
1:	jmp	1b

l2_out:
	outb	%al, %dx
1:	pause
	jmp	1b

	.data
	.balign	8
l2_gdt:
	.quad	0
	.quad	0x00af9b000000ffff		/* L2_SEL_CODE */
	.quad	0x00cf93000000ffff		/* L2_SEL_DATA */
	.quad	0, 0				/* L2_SEL_TSS: loaded by L1 through the VMCS, never by LTR */
l2_gdt_end:

	.bss
	.balign	16
l2_tss:
	.skip	0x68

	.section .note.GNU-stack, "", @progbits
