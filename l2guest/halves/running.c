/* SPDX-License-Identifier: BSD-2-Clause */
/* L2's half of `running`: rounds of computation with interrupts on; see hv/scenarios/running.c. */
#include "l2guest/l2.h"
#include "lib/cpu.h"

static void running(struct l2_shared *shared)
{
	uint64_t(*data)[512] = (void *)shared->data_va;

	asm volatile("sti" ::: "memory");
	for (uint64_t leg = 0;; leg++) {
		for (uint64_t i = 0; i < shared->rounds_per_leg; i++) {
			compute_steps(&shared->compute);
			compute_walk(&shared->compute, data, shared->data_pages);
			shared->rounds++;
		}
		outb(FREEZE_IO_PORT, 0);
		l2_turn_registers(shared, leg);
		l2_call(L2_CALL_LEG, 0, 0, 0);
	}
}

L2_SCENARIO(running, running);
