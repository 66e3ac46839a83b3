/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtual interrupts wait in VIRR and RVI until L2 sets RFLAGS.IF; told of below. */
#include "hv/scenario.h"

static void fly(void)
{
	static struct l2 l2;

	l2_create(&l2, "rvi_behind_if");
	l2_pend(&l2, 0x51);
	l2_pend(&l2, 0x43);
	l2_pend(&l2, 0x92);
	if (l2_tells(&l2, 1) && L2_TOOK(&l2) && l2_tells(&l2, 2))
		L2_TOOK(&l2, 0x92, 0x51, 0x43);
}

SCENARIO(
	rvi_behind_if, NEEDS(L2_APICV), FLY(fly),
	TITLE("three virtual interrupts wait behind RFLAGS.IF=0"),
	PROMISE("SDM, Evaluation of Pending Virtual Interrupts and Virtual-Interrupt Delivery: a "
		"pending virtual interrupt is delivered once RFLAGS.IF is 1, highest vector first"),
	HOST("snapshot at an instruction of L2 with IF=0"),
	BUG("RVI not restored, or a pending interrupt delivered before L2 allows it"),
	FAILURE("a vector missing, doubled or out of order"), FREEZE(port),
	PROOF("l2 runnable rvi=0x92 virr:0x51 virr:0x43 !rflags&0x200"));
