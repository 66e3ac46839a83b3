/* SPDX-License-Identifier: BSD-2-Clause */
/* L1's GDT, page tables and first stack, which both CPUs begin with. */

	.data
	.balign 8
	.globl	boot_gdt
boot_gdt:
	.quad	0
	.quad	0x00af9b000000ffff		/* SEL_CODE: 64-bit code */
	.quad	0x00cf93000000ffff		/* SEL_DATA */
	.quad	0, 0				/* SEL_TSS, filled in each CPU's copy by trap_init */
boot_gdt_end:
	.globl	boot_gdt_ptr
boot_gdt_ptr:
	.word	boot_gdt_end - boot_gdt - 1
	.quad	boot_gdt

	.bss
	.balign	4096
	.globl	boot_pml4, boot_pdpt, boot_pd
boot_pml4:
	.skip	4096
boot_pdpt:
	.skip	4096
boot_pd:
	.skip	4 * 4096
	.skip	16384
	.globl	boot_stack_top
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
