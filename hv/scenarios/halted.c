/* SPDX-License-Identifier: BSD-2-Clause */
/* A posted interrupt must wake an L2 that sleeps in HLT; the scenario is told of below. */
#include "boot/cmdline.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/random.h"
#include "lib/x2apic.h"

/*
 * How long L2 sleeps, in TSC ticks. Doubled with each miss, as the host may have been too slow to
 * freeze it in time; halved by each hop without one, as it may have been too early as well.
 */
#define SLEEP_START 2000000ull
#define SLEEP_MAX   (SLEEP_START << 10)

static struct l2 l2;

/* One sleep of L2, from its call before HLT to its next one. False: L2 is broken. */
static bool run_hop(uint64_t hop, uint64_t ticks, uint64_t *random_state)
{
	uint8_t vector = 0x30 + random_below(random_state, 0xc0);
	uint64_t hlts = l2.shared->hlts;
	enum l2_exit exit;

	if (cmdline.breakage == BREAK_DROP_INTERRUPT && hop == cmdline.hops) {
		/* Notified, but nothing is posted: L2 sleeps on. */
		l2.posted[vector]++;
		l2_notify_in(ticks);
	} else {
		l2_post(&l2, vector);
		l2_notify_in(ticks);
	}
	expect_quiet(hop, ticks);
	hop_begin(hop);
	while ((exit = l2_run(&l2)) == L2_EXIT_NUDGE)
		if (l2_wake_up_lost(&l2, hop, vector, apic_timer_expired()))
			l2_wake();
	return exit == L2_EXIT_CALL && ktap_check("call from L2", L2_CALL_SLEEP, l2.regs.rax) &&
	       ktap_check("HLTs left by L2", hlts + 1, l2.shared->hlts) &&
	       l2_check_interrupts(&l2, true);
}

static void run(void)
{
	const uint64_t least = SLEEP_START << cmdline.sleep;
	uint64_t random_state = cmdline.seed, ticks = least;

	l2_create(&l2, "halted");
	if (l2_run(&l2) != L2_EXIT_CALL) {
		l2_destroy_all();
		return;
	}
	for (uint64_t hop = 1; hop <= cmdline.hops; hop++) {
		enum hop_answer answer = HOP_KEEP;
		bool ok, missed = false;

		do {
			if (answer == HOP_RETRY) {
				missed = true;
				hop_end(hop, answer);
			}
			if (answer == HOP_RETRY && ticks < SLEEP_MAX)
				ticks *= 2;
			ok = run_hop(hop, ticks, &random_state);
			if (ok)
				answer = hop_outcome(hop_wait());
		} while (ok && answer == HOP_RETRY);
		if (!missed && ticks > least)
			ticks /= 2;
		hop_digest(l2.shared->compute.digest, l2.shared->hlts);
		hop_end(hop, HOP_KEEP);
		if (!ok)
			break;
	}
	l2_destroy_all();
}

SCENARIO(halted, NEEDS(L2_APICV), RUN(run),
	 TITLE("a posted interrupt wakes an L2 that sleeps in HLT"),
	 PROMISE("SDM, Posted-Interrupt Processing: the notification is processed in the HLT "
		 "activity state as well, and the virtual interrupt that it makes pending ends "
		 "that state"),
	 HOST("freezes the VM while L2 sleeps (HLT exiting is off) with a posting on its way"),
	 BUG("KVM: x86: Get vmcs12 pages before checking pending interrupts (2022, never merged): "
	     "a restored vCPU that blocks at once never maps the virtual-APIC page, so KVM takes "
	     "the notification for nothing"),
	 FAILURE("L2 stays asleep for ever; the host's nudge (an NMI) brings L1 back on the CPU, "
		 "and L1 tells where the interrupt got stuck: lost wake-up"),
	 FREEZE(soon), PROOF("l2 halted"), QUICK);
