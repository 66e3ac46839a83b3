/* SPDX-License-Identifier: BSD-2-Clause */
/* A foreign guest that prints nothing. */
#include "tests/guests/guest.inc"

guest:
	mov $100000, %ecx
1:	loop 1b
	end 0
