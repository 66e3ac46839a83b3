/* SPDX-License-Identifier: BSD-2-Clause */
/* A foreign guest that never stops printing. */
#include "tests/guests/guest.inc"

guest:
	serial
1:	say "and so on and so on and so on and so on and so on\n"
	jmp 1b
