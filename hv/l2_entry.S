/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmx_enter(rdi: struct l2_regs *, esi: launched). On entry and on return: L1, interrupts off, the
 * VMCS of L2 current with HOST_RIP = vmx_exit_landing and HOST_RSP = vmx_host_rsp() of this CPU: the
 * end of a slot that holds L1's RSP (-16) and has room for L2's RDI (-8). So both fields stay
 * constant and can be checked.
 */
#define L1_RSP (-16)
#define L2_RDI (-8)

	.text
	.globl	vmx_enter
vmx_enter:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushq	%rdi
	movl	%esi, %ebx
	call	vmx_host_rsp
	movl	%ebx, %esi
	movq	(%rsp), %rdi
	movq	%rsp, L1_RSP(%rax)
	testl	%esi, %esi
	movq	0(%rdi), %rax
	movq	8(%rdi), %rbx
	movq	16(%rdi), %rcx
	movq	24(%rdi), %rdx
	movq	32(%rdi), %rsi
	movq	48(%rdi), %rbp
	movq	56(%rdi), %r8
	movq	64(%rdi), %r9
	movq	72(%rdi), %r10
	movq	80(%rdi), %r11
	movq	88(%rdi), %r12
	movq	96(%rdi), %r13
	movq	104(%rdi), %r14
	movq	112(%rdi), %r15
	movq	40(%rdi), %rdi			/* mov leaves the flags of testl alone */
	jnz	1f
	vmlaunch
	jmp	2f
1:	vmresume
2:	movl	$1, %eax			/* VMfail: CF=1 is VMfailInvalid, ZF=1 VMfailValid */
	jc	3f
	movl	$2, %eax
3:	popq	%rdi
	jmp	4f

	.balign	16
	.globl	vmx_exit_landing
vmx_exit_landing:
	movq	%rdi, L2_RDI(%rsp)
	movq	L1_RSP(%rsp), %rdi
	movq	(%rdi), %rdi
	movq	%rax, 0(%rdi)
	movq	%rbx, 8(%rdi)
	movq	%rcx, 16(%rdi)
	movq	%rdx, 24(%rdi)
	movq	%rsi, 32(%rdi)
	movq	L2_RDI(%rsp), %rax
	movq	%rax, 40(%rdi)
	movq	%rbp, 48(%rdi)
	movq	%r8, 56(%rdi)
	movq	%r9, 64(%rdi)
	movq	%r10, 72(%rdi)
	movq	%r11, 80(%rdi)
	movq	%r12, 88(%rdi)
	movq	%r13, 96(%rdi)
	movq	%r14, 104(%rdi)
	movq	%r15, 112(%rdi)
	movq	L1_RSP(%rsp), %rsp
	popq	%rdi
	xorl	%eax, %eax
4:	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	cld
	ret

	.section .note.GNU-stack, "", @progbits
