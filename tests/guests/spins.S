/* SPDX-License-Identifier: BSD-2-Clause */
/* A foreign guest that comes to no end, and does nothing that exits to its hypervisor. */
#include "tests/guests/guest.inc"

guest:
	serial
	say "waits\n"
1:	jmp 1b
