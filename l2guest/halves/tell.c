/* SPDX-License-Identifier: BSD-2-Clause */
/* An L2 that only comes to point 1, again and again: for scenarios about L1. */
#include "l2guest/l2.h"

static void tell(struct l2_shared *shared)
{
	(void)shared;
	for (;;)
		l2_tell(1);
}

L2_SCENARIO(tell, tell);
