/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a SIPI lets the second CPU start: real mode, CS:IP = AP_TRAMPOLINE / 16 : 0. It goes on
 * to ap_main in 64-bit mode, with the first CPU's page tables and a stack of its own.
 */
#include "boot/ap.h"
#include "boot/layout.h"

	.section .rodata
	.globl	ap_trampoline, ap_trampoline_end
	.code16
ap_trampoline:
	cli
	cld
	xorw	%ax, %ax
	movw	%ax, %ds
	lgdtl	AP_TRAMPOLINE + gdt_ptr - ap_trampoline
	movl	$0x20, %eax			/* CR4.PAE */
	movl	%eax, %cr4
	movl	$boot_pml4, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx		/* IA32_EFER.LME */
	rdmsr
	orl	$0x100, %eax
	wrmsr
	movl	$0x80000011, %eax		/* CR0.PG, CR0.ET, CR0.PE */
	movl	%eax, %cr0
	ljmpl	$SEL_CODE, $ap_long_mode
	.balign	4
gdt_ptr:
	.word	SEL_TSS - 1
	.long	boot_gdt
ap_trampoline_end:

	.text
	.code64
ap_long_mode:
	movl	$SEL_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %fs
	movl	%eax, %gs
	movl	%eax, %ss
	movl	$ap_stack_top, %esp
	call	ap_main

	.bss
	.balign	16
	.skip	16384
ap_stack_top:

	.section .note.GNU-stack, "", @progbits
