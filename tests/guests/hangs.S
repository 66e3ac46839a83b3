/* SPDX-License-Identifier: BSD-2-Clause */
/* A foreign guest that comes to no end. */
#include "tests/guests/guest.inc"

guest:
	serial
	say "waits\n"
1:	hlt
	jmp 1b
