/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tiny foreign guests share, in assembly: a multiboot header without addresses, printing on
 * COM1, an end by the debug-exit port. They run in 32-bit protected mode without paging, with
 * interrupts off, as the boot loader has left them.
 */
	.section .multiboot, "a"
	.balign 4
	.long 0x1badb002, 0, -0x1badb002

	.bss
	.skip 4096
stack:

	.text
	.code32
	.globl start
start:
	mov $stack, %esp
	jmp guest

/* Prints the text at %esi, which ends in NUL. Changes %eax, %edx, %esi. */
print:
	mov $0x3f8, %edx
1:	lodsb
	test %al, %al
	jz 2f
	outb %al, %dx
	jmp 1b
2:	ret

/* Prints %eax as eight hexadecimal digits. Changes %eax, %ecx, %edx. */
print_hex:
	mov %eax, %ecx
	mov $0x3f8, %edx
	.rept 8
	rol $4, %ecx
	mov %ecx, %eax
	and $15, %eax
	movb digits(%eax), %al
	outb %al, %dx
	.endr
	ret

.macro say text
	mov $9f, %esi
	call print
	.section .rodata
9:	.asciz "\text"
	.text
.endm

/* Ends the VM; @code goes to QEMU's isa-debug-exit. */
.macro end code
	mov $\code, %eax
	out %eax, $0xf4
1:	hlt
	jmp 1b
.endm

/* Programs COM1 for 8 bits. */
.macro serial
	mov $0x3fb, %edx
	mov $3, %al
	outb %al, %dx
.endm

	.section .rodata
digits:	.ascii "0123456789abcdef"
	.text
