/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flight of an L2 that computes and takes posted interrupts, for all scenarios that are about
 * such an L2 (running.h).
 */
#include "hv/running.h"
#include "boot/cmdline.h"
#include "hv/hop.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/page.h"
#include "lib/random.h"
#include "lib/string.h"
#include "lib/x2apic.h"

#define LEGS_MIN	4 /* per hop without a host; and of so many one begins with a posting */
#define VECTORS_AT_ONCE 3

struct model {
	struct compute_state compute;
	uint64_t rounds;
	uint64_t (*data)[512];
};

static struct l2 l2;
static struct model model;
static uint64_t random_state;

/* Brings L1's model to the round where L2 is and compares everything that L2 computed. */
static bool check_digest(void)
{
	const struct l2_shared *s = l2.shared;
	const uint64_t *expected = (const uint64_t *)&model.compute;
	const uint64_t *found = (const uint64_t *)&s->compute;
	bool ok = true;

	for (; model.rounds < s->rounds; model.rounds++) {
		compute_steps_model(&model.compute);
		compute_walk(&model.compute, model.data, L2_DATA_PAGES);
	}
	ok &= ktap_check("L2 digest", model.compute.digest, s->compute.digest);
	for (unsigned i = 0; i < sizeof(struct compute_state) / sizeof(uint64_t); i++) {
		if (&found[i] == &s->compute.digest || expected[i] == found[i])
			continue;
		ktap_fail("check=\"L2 register\" index=%u expected=0x%lx found=0x%lx", i,
			  expected[i], found[i]);
		ok = false;
	}
	for (unsigned p = 0; p < L2_DATA_PAGES; p++) {
		const uint64_t *page = l2_data_page(&l2, p);

		for (unsigned i = 0; i < 512; i++) {
			if (page[i] == model.data[p][i])
				continue;
			ktap_fail("check=\"L2 data page\" gpa=0x%lx offset=0x%x expected=0x%lx "
				  "found=0x%lx",
				  page_gpa(page), i * 8, model.data[p][i], page[i]);
			ok = false;
			break;
		}
	}
	ok &= ktap_check("GUEST_FS_BASE", s->fs_base, vmcs_read(GUEST_FS_BASE));
	ok &= ktap_check("GUEST_GS_BASE", s->gs_base, vmcs_read(GUEST_GS_BASE));
	return ok;
}

static bool all_taken(void)
{
	for (unsigned v = 0; v < 256; v++)
		if (l2.posted[v] != l2.shared->irq_count[v])
			return false;
	return true;
}

/* Some vectors of different classes at once, and a notification at a random moment of the leg. */
static void post_some(uint64_t leg_ticks)
{
	unsigned n = 1 + random_below(&random_state, VECTORS_AT_ONCE);

	for (unsigned i = 0; i < n; i++)
		l2_post(&l2, 0x30 + 0x40 * i + random_below(&random_state, 0x40));
	l2_notify_in(random_below(&random_state, leg_ticks + leg_ticks / 2) + 1);
}

static void break_something(void)
{
	uint8_t vector = 0x41;

	switch (cmdline.breakage) {
	case BREAK_DIGEST:
		l2.shared->compute.digest ^= 1;
		break;
	case BREAK_PAGE:
		l2_data_page(&l2, 3)[77] ^= 1ull << 40;
		break;
	case BREAK_DROP_INTERRUPT:
		l2.posted[vector]++;
		break;
	case BREAK_DOUBLE_INTERRUPT:
		l2.shared->irq_count[vector]++;
		break;
	case BREAK_VMCS_FIELD:
		vmcs_corrupt(PAGE_FAULT_ERROR_CODE_MATCH, 0x10);
		break;
	case BREAK_NONE:
	case BREAK_TRUNCATE:
		break;
	}
}

/*
 * Runs legs until the host has spoken and no posting is under way. False: L2 is broken. A
 * notification that was lost is told and sent once more, so that the next hop begins well.
 */
static bool run_hop(enum hop_answer *answer)
{
	static uint64_t leg_ticks =
		1000000; /* the shortest so far: a freeze may be in the others */
	enum hop_answer heard = HOP_NONE;
	bool lost = false;

	for (unsigned leg = 0; leg < LEGS_MIN || heard == HOP_NONE || !all_taken(); leg++) {
		bool due = apic_timer_expired(), waiting = !all_taken();
		uint64_t start = rdtsc();
		enum l2_exit exit;

		if (l2.apicv && !waiting && leg % LEGS_MIN == 0 && heard == HOP_NONE) {
			post_some(leg_ticks);
			due = false;
			waiting = true;
		}
		exit = l2_run(&l2);
		if (exit == L2_EXIT_NUDGE) {
			hop_nudged(false);
			continue;
		}
		if (exit != L2_EXIT_CALL)
			return false;
		if (rdtsc() - start < leg_ticks)
			leg_ticks = rdtsc() - start;
		/*
		 * The timer had expired before this leg, so the notification was sent; L2 then ran
		 * a whole leg with interrupts on and must have taken everything.
		 */
		if (due && waiting && !l2_check_interrupts(&l2, true)) {
			if (lost)
				return false;
			lost = true;
			l2_wake();
		}
		if (heard == HOP_NONE) {
			heard = hop_answer();
			hop_digest(l2.shared->compute.digest, l2.shared->rounds);
		}
	}
	*answer = hop_outcome(heard);
	return true;
}

void running_fly(void (*prepare)(struct l2 *), bool (*check)(const struct l2 *))
{
	random_state = cmdline.seed;
	l2_create(&l2, "running");
	l2.shared->rounds_per_leg = cmdline.rounds;
	model.compute = l2.shared->compute;
	model.rounds = 0;
	model.data = page_alloc_n(L2_DATA_PAGES);
	compute_fill(model.data, L2_DATA_PAGES, cmdline.seed);
	for (unsigned p = 0; p < L2_DATA_PAGES; p++)
		memcpy(l2_data_page(&l2, p), model.data[p], PAGE_SIZE);
	if (prepare)
		prepare(&l2);

	for (uint64_t hop = 1; hop <= cmdline.hops; hop++) {
		enum hop_answer answer;
		bool ok;

		do {
			hop_begin(hop);
			ok = run_hop(&answer);
			if (ok && answer == HOP_RETRY)
				hop_end(hop, answer);
		} while (ok && answer == HOP_RETRY);
		if (ok && hop == cmdline.hops)
			break_something();
		ok = ok && check_digest() && l2_check_interrupts(&l2, true) && vmcs_check_written();
		if (ok && check)
			ok = check(&l2);
		hop_end(hop, HOP_KEEP);
		if (!ok)
			break;
	}
	l2_destroy_all();
}
