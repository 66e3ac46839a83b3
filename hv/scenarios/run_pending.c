/* SPDX-License-Identifier: BSD-2-Clause */
/* Right behind VMLAUNCH, before L2's first instruction; told of below. */
#include "hv/scenario.h"
#include "lib/page.h"

static void fly(void)
{
	static struct l2 l2;

	l2_create(&l2, "rvi_behind_if");
	l2_pend(&l2, 0x51);
	/* KVM asks for this page within VMLAUNCH: the host stops the vCPU while it waits. */
	expect_page(page_gpa(l2.vapic));
	freeze_point();
	if (l2_tells(&l2, 1) && l2_tells(&l2, 2))
		L2_TOOK(&l2, 0x51);
}

SCENARIO(
	run_pending, NEEDS(L2_APICV), FLY(fly),
	TITLE("VMLAUNCH done, L2's first instruction not yet executed"),
	PROMISE("SDM, VM Entries: VM entry is one step; what it loads and injects happens once"),
	HOST("snapshot while KVM waits inside VMLAUNCH for the virtual-APIC page: "
	     "nested_run_pending"),
	BUG("Levitsky 2021: events of L1's VM entry lost when a migration hits nested_run_pending"),
	FAILURE("L2 starts twice or not at all, or the pending interrupt is lost"), FREEZE(page),
	PROOF("l2 run-pending"));
