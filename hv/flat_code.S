/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code of L2s that do not run in 64-bit mode; L1 copies it into their memory. Each passes one freeze
 * point and ends with l2_tell(1). hv/scenarios/paging.c says what it is for.
 */
#include "hv/flat_code.h"
#include "l2guest/layout.h"

#define L2_CALL_TELL 5 /* enum l2_call */

	.section .rodata
	.code32
	.globl	pae_code, pae_code_end
pae_code:
	movl	PAE_DATA, %ecx
	movl	%edx, PAE_TABLE + 16
	outb	%al, $FREEZE_IO_PORT
	movl	PAE_DATA, %esi
	invlpg	PAE_DATA
	movl	PAE_DATA, %edi
	movl	%cr3, %eax
	movl	%eax, %cr3
	movl	PAE_DATA, %ebp
	movl	$L2_CALL_TELL, %eax
	movl	$1, %ebx
	vmcall
pae_code_end:

	.globl	pae_loaded_code, pae_loaded_code_end
pae_loaded_code:
	movl	%edx, %cr3
	movl	%ecx, PAE_TABLE + 24
	outb	%al, $FREEZE_IO_PORT
	movl	PAE_DATA_0, %esi
	movl	PAE_DATA, %edi
	movl	PAE_DATA_3, %ebp
	movl	$L2_CALL_TELL, %eax
	movl	$1, %ebx
	vmcall
pae_loaded_code_end:

	.globl	long_code, long_code_end
long_code:
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$0x100, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000000, %eax
	movl	%eax, %cr0
	outb	%al, $FREEZE_IO_PORT
	rdmsr
	movl	%eax, %esi
	movl	(%ebx), %edi
	movl	$L2_CALL_TELL, %eax
	movl	$1, %ebx
	vmcall
long_code_end:

	.code16
	.globl	real_code, real_handler, real_code_end
real_code:
	ljmp	$REAL_CS, $REAL_CS_OFFSET + 1f - real_code
1:
	movl	REAL_DATA, %ecx
	int	$REAL_VECTOR
	outb	%al, $FREEZE_IO_PORT
	movl	REAL_DATA, %esi
	int	$REAL_VECTOR
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	movl	REAL_DATA, %edi
	movl	$L2_CALL_TELL, %eax
	movl	$1, %ebx
	vmcall
real_handler:
	incl	%edx
	iretw
real_code_end:

	.section .note.GNU-stack, "", @progbits
