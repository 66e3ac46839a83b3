/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A foreign guest that tells what the VMM tells it: number of CPUs by QEMU's firmware configuration, memory, command
 * line and module by multiboot. It also touches a port and an address where nothing is, and asks for PCI's first
 * function.
 */
#include "tests/guests/guest.inc"

guest:
	mov %ebx, %ebp
	serial
	say "line: "
	mov 16(%ebp), %esi
	call print
	say "\nCPUs: "
	mov $0x510, %edx
	mov $5, %eax
	outw %ax, %dx
	mov $0x511, %edx
	inb %dx, %al
	movzbl %al, %eax
	call print_hex
	say "\nupper KB: "
	mov 8(%ebp), %eax
	call print_hex
	say "\nmodules: "
	mov 20(%ebp), %eax
	call print_hex
	testl $8, (%ebp)
	jz 1f
	say "\nmodule: "
	mov 24(%ebp), %esi
	mov (%esi), %esi
	call print
1:	say "\nPCI: "
	mov $0xcf8, %edx
	mov $0x80000000, %eax
	out %eax, %dx
	mov $0xcfc, %edx
	in %dx, %eax
	call print_hex
	say "\nport: "
	mov $0x5658, %edx
	in %dx, %eax
	call print_hex
	say "\naddress: "
	mov 0xfed40000, %eax
	call print_hex
	say "\n"
	end 77
