/* SPDX-License-Identifier: BSD-2-Clause */
/* An NMI takes a halted L2 back to L1; told of below. */
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"

static void fly(void)
{
	static struct l2 l2;

	l2_create(&l2, "hlt");
	if (l2_exits(&l2, EXIT_REASON_EXCEPTION_NMI))
		ktap_check("activity state after the NMI", 1, vmcs_read(GUEST_ACTIVITY_STATE));
}

SCENARIO(halted_nmi, NEEDS(L2_ANY), FLY(fly, .possible = hop_host_there),
	 TITLE("an NMI takes an L2 that sleeps in HLT back to L1"),
	 PROMISE("SDM, VM-execution control NMI exiting: an NMI causes a VM exit, also from HLT"),
	 HOST("snapshot of the sleeping L2; an NMI when the restored vCPU has blocked again"),
	 BUG("none known"), FAILURE("L2 sleeps on, or exits for another reason"), FREEZE(blocked),
	 ACT(nmi, blocked), PROOF("l2 halted"));
