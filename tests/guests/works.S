/* SPDX-License-Identifier: BSD-2-Clause */
/* A foreign guest that works for a while, some 400 million instructions, and says how far it is. */
#include "tests/guests/guest.inc"

	.data
count:	.long 0

	.text
guest:
	serial
next:
	mov $5000000, %ecx
1:	loop 1b
	incl count
	say "PASS: work "
	mov count, %eax
	call print_hex
	say "\n"
	cmpl $80, count
	jb next
	end 0
