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

SCENARIO(rvi_behind_if, NEEDS(L2_APICV),
	 "title: three virtual interrupts wait behind RFLAGS.IF=0\n"
	 "promise: SDM, Evaluation of Pending Virtual Interrupts and Virtual-Interrupt Delivery: a "
	 "pending virtual interrupt is delivered once RFLAGS.IF is 1, highest vector first\n"
	 "host: snapshot at an instruction of L2 with IF=0\n"
	 "bug: RVI not restored, or a pending interrupt delivered before L2 allows it\n"
	 "failure: a vector missing, doubled or out of order\n"
	 "freeze: port\n"
	 "proof: l2 runnable rvi=0x92 virr:0x51 virr:0x43 !rflags&0x200\n",
	 .fly = fly);
