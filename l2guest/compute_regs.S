/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compute_steps and compute_hlt: all of r8-r15, xmm/ymm0-15 and st(0)-st(7) live in registers for
 * the whole time, so that a freeze anywhere in here catches them. L2, ring 0; x87 stack empty and
 * control word as after FNINIT on entry and on return.
 */
#include "l2guest/compute.h"

	.text

	.macro	load_all base
	.set	i, 7
	.rept	8
	fildq	COMPUTE_X87 + i * 8(\base)
	.set	i, i - 1
	.endr
	cmpq	$4, COMPUTE_LANES(\base)
	je	1f
	.irp	i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movdqu	COMPUTE_VEC + \i * 32(\base), %xmm\i
	.endr
	jmp	2f
1:
	.irp	i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovdqu	COMPUTE_VEC + \i * 32(\base), %ymm\i
	.endr
2:
	.irp	i, 8, 9, 10, 11, 12, 13, 14, 15
	movq	COMPUTE_GPR + (\i - 8) * 8(\base), %r\i
	.endr
	.endm

	.macro	store_all base
	.irp	i, 8, 9, 10, 11, 12, 13, 14, 15
	movq	%r\i, COMPUTE_GPR + (\i - 8) * 8(\base)
	.endr
	cmpq	$4, COMPUTE_LANES(\base)
	je	1f
	.irp	i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movdqu	%xmm\i, COMPUTE_VEC + \i * 32(\base)
	.endr
	jmp	2f
1:
	.irp	i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovdqu	%ymm\i, COMPUTE_VEC + \i * 32(\base)
	.endr
2:
	.set	i, 0
	.rept	8
	fistpq	COMPUTE_X87 + i * 8(\base)
	.set	i, i + 1
	.endr
	.endm

	.macro	save_callee
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	.endm

	.macro	restore_callee
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	ret
	.endm

	.macro	step_gpr to, add, xor, rol
	addq	%r\add, %r\to
	rolq	$\rol, %r\to
	xorq	%r\xor, %r\to
	.endm

	/* compute_steps(rdi: struct compute_state *) */
	.globl	compute_steps
compute_steps:
	save_callee
	load_all %rdi
	movl	COMPUTE_LANES(%rdi), %edx
	xorl	%ecx, %ecx
3:	step_gpr 8, 9, 11, 5
	step_gpr 9, 10, 12, 7
	step_gpr 10, 11, 13, 9
	step_gpr 11, 12, 14, 11
	step_gpr 12, 13, 15, 13
	step_gpr 13, 14, 8, 15
	step_gpr 14, 15, 9, 17
	step_gpr 15, 8, 10, 19
	testl	$COMPUTE_VEC_EVERY - 1, %ecx
	jnz	5f
	fadd	%st(1), %st
	fincstp					/* the next one is st(0) then; 8 make a full turn */
	cmpl	$4, %edx
	je	4f
	.macro	step_xmm to, add, xor
	paddq	%xmm\add, %xmm\to
	pxor	%xmm\xor, %xmm\to
	.endm
	.macro	step_ymm to, add, xor
	vpaddq	%ymm\add, %ymm\to, %ymm\to
	vpxor	%ymm\xor, %ymm\to, %ymm\to
	.endm
	.macro	step_vec step
	\step	0, 1, 5
	\step	1, 2, 6
	\step	2, 3, 7
	\step	3, 4, 8
	\step	4, 5, 9
	\step	5, 6, 10
	\step	6, 7, 11
	\step	7, 8, 12
	\step	8, 9, 13
	\step	9, 10, 14
	\step	10, 11, 15
	\step	11, 12, 0
	\step	12, 13, 1
	\step	13, 14, 2
	\step	14, 15, 3
	\step	15, 0, 4
	.endm
	step_vec step_xmm
	jmp	5f
4:	step_vec step_ymm
5:	incl	%ecx
	cmpl	$COMPUTE_STEPS, %ecx
	jb	3b
	store_all %rdi
	restore_callee

	/* compute_hlt(rdi: const struct compute_state *, rsi: struct compute_state *out) */
	.globl	compute_hlt
compute_hlt:
	save_callee
	load_all %rdi
	/*
	 * STI holds interrupts back until after the next instruction: with HLT right behind it no
	 * interrupt can slip in between and be slept over.
	 */
	sti
	hlt
	cli
	store_all %rsi
	restore_callee

	.section .note.GNU-stack, "", @progbits
