/* SPDX-License-Identifier: BSD-2-Clause */
/* A foreign guest that tells how much time has passed at once, which is more when it is stopped. */
#include "tests/guests/guest.inc"

	.data
last:	.long 0

	.text
guest:
	serial
	say "begins\n"
	mov $200000, %ebx
	xor %ebp, %ebp
	rdtsc
	mov %eax, last
next:
	rdtsc
	mov %eax, %ecx
	sub last, %ecx
	mov %eax, last
	cmp %ebp, %ecx
	jb 1f
	mov %ecx, %ebp
1:	dec %ebx
	jnz next
	say "longest: "
	mov %ebp, %eax
	call print_hex
	say "\n"
	end 0
