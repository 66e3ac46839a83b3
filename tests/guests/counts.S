/* SPDX-License-Identifier: BSD-2-Clause */
/* A foreign guest that counts in its memory, says so, and ends as one whose test has passed. */
#include "tests/guests/guest.inc"

	.data
count:	.long 0

	.text
guest:
	serial
	say "Test suite: counts\n"
next:
	mov $20000, %ecx
1:	loop 1b
	incl count
	say "PASS: count "
	mov count, %eax
	call print_hex
	say "\n"
	cmpl $64, count
	jb next
	end 0
