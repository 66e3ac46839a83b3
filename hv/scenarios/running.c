/* SPDX-License-Identifier: BSD-2-Clause */
/* L2s that go on while the VM is moved; all is told where the scenarios are registered, below. */
#include "boot/cmdline.h"
#include "hv/running.h"
#include "hv/scenario.h"
#include "lib/ktap.h"
#include "lib/string.h"
#include "lib/uart.h"

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

/* ---- what no VM exit to L1 tells of -------------------------------------------------------- */

static struct l2 l2;

/* L2's handlers count what it sends to itself, and L1 may know of it when L2 has come back. */
static bool check_vapic(void)
{
	memcpy(l2.posted, l2.shared->irq_count, sizeof(l2.posted));
	return ktap_check("interrupts that L2 sent itself", l2.shared->irqs, l2.shared->val[0]) &
	       l2_check_interrupts(&l2, true);
}

static bool vapic_hop(enum hop_answer *answer)
{
	const unsigned failures = ktap_failures();
	enum l2_exit exit;

	*answer = HOP_NONE;
	while (*answer == HOP_NONE) {
		l2.apicv = false;
		exit = l2_run(&l2);
		l2.apicv = true;
		if (exit == L2_EXIT_NUDGE)
			hop_nudged(false);
		else if (exit != L2_EXIT_CALL || !check_vapic() || ktap_failures() != failures)
			return false;
		else
			*answer = hop_answer();
	}
	*answer = hop_outcome(*answer);
	return true;
}

static void run_vapic(void)
{
	bool ok = true;

	l2_create(&l2, "running_vapic");
	l2.shared->arg[0] = cmdline.sync_host;
	l2.io_bitmap[0][UART_STATUS_PORT / 8] &= ~(1 << UART_STATUS_PORT % 8);
	for (uint64_t hop = 1; ok && hop <= cmdline.hops; hop++) {
		enum hop_answer answer;

		do {
			hop_begin(hop);
			ok = vapic_hop(&answer);
			if (ok && hop_again(answer))
				hop_end(hop, answer);
		} while (ok && hop_again(answer));
		hop_end(hop, HOP_KEEP);
	}
	l2_destroy_all();
}

SCENARIO(
	running_vapic, NEEDS(L2_APICV), RUN(run_vapic),
	TITLE("L2 writes its TPR, interrupts itself and gives EOIs without any VM exit to L1"),
	PROMISE("SDM, APIC Virtualization and Virtual Interrupts: the processor writes all that to "
		"the virtual-APIC page, and by no page table that could tell of it"),
	HOST("moves the VM meanwhile: from before that page is sent until it has gone on, L1 is "
	     "not on the CPU"),
	BUG("background-snapshot-misses-vapic; a virtual-APIC page that is not in the dirty log"),
	FAILURE("a TPR or PPR of before, a vector in service outside of its handler, an interrupt "
		"lost or doubled"),
	FREEZE(soon), PROOF("l2 runnable"));
