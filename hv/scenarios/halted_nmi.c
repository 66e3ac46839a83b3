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

SCENARIO(halted_nmi, NEEDS(L2_BASE),
	 "title: an NMI takes an L2 that sleeps in HLT back to L1\n"
	 "promise: SDM, VM-execution control NMI exiting: an NMI causes a VM exit, also from HLT\n"
	 "host: snapshot of the sleeping L2; an NMI when the restored vCPU has blocked again\n"
	 "bug: none known\n"
	 "failure: L2 sleeps on, or exits for another reason\n"
	 "freeze: blocked\n"
	 "act: nmi blocked\n"
	 "proof: l2 halted\n",
	 .possible = hop_host_there, .fly = fly);
