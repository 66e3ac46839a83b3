/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host posts an interrupt, as a device would, at a moment of its choice around the snapshot; L2
 * sleeps in HLT or computes. The scenarios are told of below.
 */
#include "boot/cmdline.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/page.h"
#include "lib/random.h"
#include "lib/x2apic.h"

#define LEGS_AFTER     2 /* whole legs in which a posting must have arrived */
#define ROUNDS_PER_LEG 256

static struct l2 l2;

/*
 * Whether the host posted is known only when its byte has come; until then the vector may be under
 * way or taken, once. Afterwards the books are balanced.
 */
static uint8_t next_vector(uint64_t *random_state)
{
	l2.by_host = 0x30 + random_below(random_state, 0xc0);
	return l2.by_host;
}

static void settle(enum hop_answer answer)
{
	if (hop_posted(answer))
		l2.posted[l2.by_host]++;
	l2.by_host = 0;
}

static void begin(uint64_t hop, uint8_t vector)
{
	ktap_event("expect", "hop=%lu vector=0x%x notification=0x%x descriptor=0x%lx", hop, vector,
		   L2_NOTIFICATION_VECTOR, page_gpa(l2.pi));
	hop_begin(hop);
}

/* L2 sleeps until the posting or the host's nudge. False: L2 is broken. */
static bool sleep_hop(uint64_t hop, enum hop_answer *answer, uint64_t *random_state)
{
	uint8_t vector = next_vector(random_state);
	uint64_t hlts = l2.shared->hlts;
	enum l2_exit exit;

	begin(hop, vector);
	*answer = HOP_NONE;
	while ((exit = l2_run(&l2)) == L2_EXIT_NUDGE) {
		if (*answer == HOP_NONE) {
			*answer = hop_wait();
			settle(*answer);
		}
		if (l2_wake_up_lost(&l2, hop, vector, hop_posted(*answer)))
			l2_wake();	       /* one lost wake-up costs one hop, not the run */
		else if (!hop_posted(*answer)) /* asleep, as it should be */
			return l2_check_interrupts(&l2, true) &&
			       ktap_check("HLTs left by L2", hlts, l2.shared->hlts);
	}
	if (exit == L2_EXIT_BROKEN)
		return false;
	if (*answer == HOP_NONE) {
		*answer = hop_wait();
		settle(*answer);
	}
	if (!ktap_check("L2 was woken by a posting", 1, hop_posted(*answer)) ||
	    !ktap_check("call from L2", L2_CALL_SLEEP, l2.regs.rax) ||
	    !ktap_check("HLTs left by L2", hlts + 1, l2.shared->hlts) ||
	    !l2_check_interrupts(&l2, true))
		return false;
	*answer = hop_outcome(*answer);
	return true;
}

static void run_halted(void)
{
	uint64_t random_state = cmdline.seed;
	bool ok;

	l2_create(&l2, "halted");
	ok = l2_run(&l2) == L2_EXIT_CALL;
	for (uint64_t hop = 1; ok && hop <= cmdline.hops; hop++) {
		enum hop_answer answer = HOP_KEEP;

		do {
			ok = sleep_hop(hop, &answer, &random_state);
			if (ok && hop_again(answer))
				hop_end(hop, answer);
		} while (ok && hop_again(answer));
		hop_end(hop, HOP_KEEP);
	}
	l2_destroy_all();
}

/* L2 runs until the host has spoken, and then long enough to take what was posted. */
static bool leg_hop(uint64_t hop, enum hop_answer *answer, uint64_t *random_state)
{
	unsigned after = 0;

	begin(hop, next_vector(random_state));
	*answer = HOP_NONE;
	while (*answer == HOP_NONE || after++ < LEGS_AFTER) {
		enum l2_exit exit = l2_run(&l2);

		if (exit == L2_EXIT_NUDGE)
			hop_nudged(false);
		else if (exit != L2_EXIT_CALL)
			return false;
		if (*answer == HOP_NONE) {
			*answer = hop_answer();
			if (*answer != HOP_NONE)
				settle(*answer);
		}
	}
	if (l2_check_interrupts(&l2, true)) {
		*answer = hop_outcome(*answer);
		return true;
	}
	/* Lost: a new notification brings it, so that one lost interrupt costs one hop. */
	l2_wake();
	return l2_run(&l2) == L2_EXIT_CALL && l2_check_interrupts(&l2, true);
}

static void run_running(void)
{
	uint64_t random_state = cmdline.seed;
	bool ok = true;

	l2_create(&l2, "running");
	l2.shared->rounds_per_leg = ROUNDS_PER_LEG;
	for (uint64_t hop = 1; ok && hop <= cmdline.hops; hop++) {
		enum hop_answer answer = HOP_KEEP;

		do {
			ok = leg_hop(hop, &answer, &random_state);
			if (ok && hop_again(answer))
				hop_end(hop, answer);
		} while (ok && hop_again(answer));
		hop_end(hop, HOP_KEEP);
	}
	l2_destroy_all();
}

/* Without a host there is nobody to post. */
static bool possible(char *why, size_t size)
{
	return hop_host_there(why, size);
}

#define ABOUT                                                                                     \
	PROMISE("SDM, Posted-Interrupt Processing: whoever sets a bit in the PIR, then ON, and "  \
		"then sends the notification vector, may count on it"),                           \
		HOST("posts right before it stops the vCPU, between stop and save, between "      \
		     "restore and the first KVM_RUN, when the restored vCPU has blocked, or not " \
		     "at all"),                                                                   \
		BUG("KVM: x86: Get vmcs12 pages before checking pending interrupts (2022)"),      \
		FAILURE("lost wake-up (L2 asleep with the posting in the PIR), interrupt lost, "  \
			"interrupt taken twice, or a wake-up without a posting"),                 \
		FREEZE(soon), POSTS
SCENARIO(posted_halted, NEEDS(L2_APICV), RUN(run_halted, .possible = possible),
	 TITLE("the host posts an interrupt to an L2 that sleeps in HLT"), ABOUT,
	 PROOF("l2 halted"));
SCENARIO(posted_running, NEEDS(L2_APICV), RUN(run_running, .possible = possible),
	 TITLE("the host posts an interrupt to an L2 that computes"), ABOUT, PROOF("l2 runnable"));
