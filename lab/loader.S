/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls L0's kernel. All of it is in memory when the emulator is switched on (save-l0.sh), so that nothing
 * has to be loaded, and no kernel unpacked by the emulated CPU. Linux' Documentation/arch/x86/boot.rst
 * has what it wants to find. Lies at LOADER, and its first sector on the disk; -DENTRY: where the kernel
 * begins.
 */
	.code16			/* the boot sector: to the real-mode code, at 0x90000 */
	cli
	mov	$0x9000, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %fs
	mov	%ax, %gs
	mov	%ax, %ss
	mov	$0xe000, %sp
	ljmp	$0x9020, $0
	.org	510
	.byte	0x55, 0xaa

	.code32			/* code32_start: from there, with the boot parameters in ESI */
	lgdt	gdt_pointer
	mov	$0x20, %eax	/* CR4.PAE */
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax	/* EFER.LME */
	wrmsr
	mov	%cr0, %eax
	or	$0x80000000, %eax
	mov	%eax, %cr0
	ljmp	$0x10, $in_64_bits
	.code64
in_64_bits:
	mov	$0x18, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$ENTRY, %eax
	jmp	*%rax

	.balign	8
gdt:	.quad	0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.short	. - gdt - 1
	.long	gdt
	.balign	4096
pml4:	.quad	pdpt + 3
	.balign	4096
pdpt:	.quad	0x83		/* all memory, one page of 1 GB */
