/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SMI handler, copied to SMM_ENTRY. The CPU starts it as in real mode, with CS at SMM_BASE,
 * the other segments at 0 and limits of 4 GiB. RSM loads all registers that it changes.
 */
#include "hv/smm.h"
#include "l2guest/layout.h"

	.section .rodata
	.globl	smi_handler, smi_handler_end
	.code16
smi_handler:
	addr32 incl SMM_COUNT
	xorl	%eax, %eax
	addr32 xchgl %eax, SMM_ICR
	testl	%eax, %eax
	jz	1f
	xorl	%edx, %edx
	movl	$0x830, %ecx			/* IA32_X2APIC_ICR */
	wrmsr
1:	outb	%al, $FREEZE_IO_PORT
	/* As firmware does on its way to protected mode. VMX would fault: SMM is outside of it. */
	movl	%cr4, %eax
	orl	$0x20, %eax			/* CR4.PAE */
	movl	%eax, %cr4
	rsm
smi_handler_end:

	.section .note.GNU-stack, "", @progbits
