/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * running: L2 computes and takes posted interrupts; nothing may be lost, doubled or changed.
 *
 * Architecture: SDM, "Posted-Interrupt Processing" and "Virtual-Interrupt Delivery": a notification
 * that arrives in VMX non-root operation moves the PIR to VIRR and delivers without a VM exit.
 * The host freezes the VM while L2 computes with all its registers live.
 * Known bugs it models: a restored vCPU that lost vmcs12 pages, a stale MSR bitmap (L2's EOI then
 * goes to L1's APIC), register state restored in part.
 * A failure looks like: a digest or page that differs from L1's own model, a vector counted zero or
 * two times, a VMCS field that L1 wrote and no longer reads back, an exit that L1 did not ask for.
 */
#include "hv/running.h"
#include "hv/scenario.h"

static void run(void)
{
	running_fly(NULL, NULL);
}

SCENARIO(running, l2_possible, run);
