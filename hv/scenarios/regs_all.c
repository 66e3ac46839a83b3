/* SPDX-License-Identifier: BSD-2-Clause */
/* L2 with a value of its own in every register that it may change; told of below. */
#include "hv/scenario.h"

static void fly(void)
{
	static struct l2 l2;

	l2_create(&l2, "regs_all");
	l2_tells(&l2, 1);
}

SCENARIO(regs_all, NEEDS(L2_ANY), FLY(fly),
	 TITLE("L2 has values of its own in all registers and MSRs that it may change"),
	 PROMISE("SDM, Guest-State Area: what L2 wrote it reads, without a VM exit to L1"),
	 HOST("snapshot at an instruction of L2, general registers live"),
	 BUG("registers restored in part, or for L1 instead of L2"),
	 FAILURE("L2 names the register with the value expected and found"), FREEZE(port),
	 PROOF("l2 runnable rbx=0x1101 r15=0xbb0b"));
