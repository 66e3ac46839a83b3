/* SPDX-License-Identifier: BSD-2-Clause */
/* A foreign guest that powers the VM off with its first instructions. */
#include "tests/guests/guest.inc"

guest:
	serial
	say "!\n"
	mov $0x604, %edx
	mov $0x2000, %eax
	outw %ax, %dx
	hlt
