/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry points of L1. A multiboot loader or a PVH one (Xen's x86 HVM direct boot ABI) enters in
 * 32-bit protected mode, paging off, interrupts off, flat segments; we leave to boot_main in 64-bit
 * mode with the first 4 GiB identity-mapped by 2-MiB pages, interrupts still off.
 */
#include "boot/layout.h"

#define MULTIBOOT_MAGIC 0x1badb002
/* Page-aligned modules, memory map; address fields valid: QEMU loads a 64-bit ELF only with them. */
#define MULTIBOOT_FLAGS 0x00010003

	.section .multiboot, "ax"
	.balign 4
multiboot_header:
	.long	MULTIBOOT_MAGIC
	.long	MULTIBOOT_FLAGS
	.long	-(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)
	.long	multiboot_header
	.long	load_start
	.long	load_end
	.long	bss_end
	.long	multiboot_entry

	.section .note.pvh, "a"
	.balign 4
	.long	4, 4, 18			/* name size, value size, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	pvh_entry

	.text
	.code32
	.globl	multiboot_entry
multiboot_entry:
	cmpl	$0x2badb002, %eax
	movl	$BOOT_MULTIBOOT, %esi
	je	enter_long_mode
	movl	$BOOT_UNKNOWN, %esi
	jmp	enter_long_mode

pvh_entry:
	movl	$BOOT_PVH, %esi

	/* esi: how we were booted, ebx: the loader's information; both go to boot_main. */
enter_long_mode:
	cld
	movl	$boot_stack_top, %esp

	/* A PVH loader zeroes .bss by p_memsz, multiboot by bss_end; do not rely on either. */
	movl	%esi, %ebp
	movl	$load_end, %edi
	movl	$bss_end, %ecx
	subl	%edi, %ecx
	xorl	%eax, %eax
	rep stosb
	movl	%ebp, %esi

	/* PML4[0] -> PDPT, PDPT[0..3] -> four page directories, 2-MiB leaves. */
	movl	$boot_pdpt + 3, boot_pml4
	movl	$boot_pd + 3, %eax
	movl	$boot_pdpt, %edi
	movl	$4, %ecx
1:	movl	%eax, (%edi)
	addl	$4096, %eax
	addl	$8, %edi
	loop	1b
	movl	$0x83, %eax			/* present, writable, page size */
	movl	$boot_pd, %edi
	movl	$2048, %ecx
1:	movl	%eax, (%edi)
	addl	$0x200000, %eax
	addl	$8, %edi
	loop	1b

	movl	$boot_pml4, %eax
	movl	%eax, %cr3
	movl	%cr4, %eax
	orl	$0x20, %eax			/* CR4.PAE */
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx		/* IA32_EFER.LME */
	rdmsr
	orl	$0x100, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000001, %eax		/* CR0.PG, CR0.PE */
	movl	%eax, %cr0
	lgdt	boot_gdt_ptr
	ljmp	$SEL_CODE, $long_mode

	.code64
long_mode:
	movl	$SEL_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %fs
	movl	%eax, %gs
	movl	%eax, %ss
	movl	%esi, %edi
	movl	%ebx, %esi
	call	boot_main
1:	cli
	hlt
	jmp	1b

	.section .note.GNU-stack, "", @progbits
