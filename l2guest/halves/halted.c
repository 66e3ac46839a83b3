/* SPDX-License-Identifier: BSD-2-Clause */
/* L2's half of `halted`: sleeps in HLT until an interrupt comes; see hv/scenarios/halted.c. */
#include "l2guest/l2.h"

static uint64_t interrupts(const struct l2_shared *shared)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < 256; i++)
		sum += shared->irq_count[i];
	return sum;
}

static void halted(struct l2_shared *shared)
{
	static struct compute_state after;
	const uint64_t *words[] = {(const uint64_t *)&shared->compute, (const uint64_t *)&after};

	for (uint64_t round = 0;; round++) {
		uint64_t before;

		l2_turn_registers(shared, round);
		/* Nothing that exits may stand between this call and HLT: the host freezes there.
		 */
		l2_call(L2_CALL_SLEEP, 0, 0, 0);
		before = interrupts(shared);
		after = shared->compute;
		compute_hlt(&shared->compute, &after);
		shared->hlts++;
		if (interrupts(shared) == before)
			l2_expect("HLT was left by an interrupt", 1, 0);
		for (unsigned i = 0; i < sizeof(after) / sizeof(uint64_t); i++)
			if (words[0][i] != words[1][i])
				l2_expect("L2 registers across HLT", words[0][i], words[1][i]);
	}
}

L2_SCENARIO(halted, halted);
