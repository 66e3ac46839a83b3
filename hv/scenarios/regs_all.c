/* SPDX-License-Identifier: BSD-2-Clause */
/* L2 with a value of its own in every register that it may change; told of below. */
#include "hv/scenario.h"

static void fly(void)
{
	static struct l2 l2;

	l2_create(&l2, "regs_all");
	l2_tells(&l2, 1);
}

SCENARIO(regs_all, NEEDS(L2_APICV),
	 "title: L2 has values of its own in all registers and MSRs that it may change\n"
	 "promise: SDM, Guest-State Area: what L2 wrote it reads, without a VM exit to L1\n"
	 "host: snapshot at an instruction of L2, general registers live\n"
	 "bug: registers restored in part, or for L1 instead of L2\n"
	 "failure: L2 names the register with the value expected and found\n"
	 "freeze: port\n"
	 "proof: l2 runnable rbx=0x1101 r15=0xbb0b\n",
	 .fly = fly);
