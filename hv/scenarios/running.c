/* SPDX-License-Identifier: BSD-2-Clause */
/* L2 computes and, with APICv, takes posted interrupts; all is told where the scenario is
 * registered, below. */
#include "hv/running.h"
#include "hv/scenario.h"

static void run(void)
{
	running_fly(NULL, NULL);
}

SCENARIO(running, NEEDS(L2_ANY), RUN(run),
	 TITLE("L2 computes and takes posted interrupts; nothing may be lost, doubled or changed"),
	 PROMISE("SDM, Posted-Interrupt Processing and Virtual-Interrupt Delivery: a notification "
		 "that arrives in VMX non-root operation moves the PIR to VIRR and delivers "
		 "without a VM exit"),
	 HOST("freezes the VM while L2 computes with all its registers live"),
	 BUG("vmcs12 pages lost on restore; a stale MSR bitmap, with which L2's EOI goes to L1's "
	     "APIC; registers restored in part"),
	 FAILURE("a digest or page that differs from L1's own model, a vector counted zero or two "
		 "times, a VMCS field that L1 wrote and no longer reads back, an exit that L1 did "
		 "not ask for"),
	 FREEZE(soon), PROOF("l2 runnable"), QUICK);
