/* SPDX-License-Identifier: BSD-2-Clause */
/* A foreign guest that ends by a triple fault: it has no interrupt descriptor table. */
#include "tests/guests/guest.inc"

	.data
nowhere: .word 0
	.long 0

	.text
guest:
	serial
	say "falls\n"
	lidt nowhere
	ud2
