/* SPDX-License-Identifier: BSD-2-Clause */
/* What L2's scenario halves share. */
#ifndef L2GUEST_L2_H
#define L2GUEST_L2_H

#include "l2guest/layout.h"

struct l2_scenario {
	const char *name;
	void (*run)(struct l2_shared *shared);
};

/* Registers L2's half of scenario @id; L1 names the half it wants in the shared page. */
#define L2_SCENARIO(id, fn)                                             \
	static const struct l2_scenario l2_scenario_##id = {#id, fn};   \
	static const struct l2_scenario *const l2_scenario_##id##_entry \
		__attribute__((used, section(".l2_scenarios"))) = &l2_scenario_##id

static inline void l2_call(enum l2_call call, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
	asm volatile("vmcall" ::"a"((uint64_t)call), "b"(rbx), "c"(rcx), "d"(rdx) : "memory");
}

/* Tells L1 if @found is not @expected. */
static inline void l2_expect(enum l2_check check, uint64_t expected, uint64_t found)
{
	if (expected != found)
		l2_call(L2_CALL_CHECK, check, expected, found);
}

/*
 * Gives every register and MSR that L2 may change without a VM exit to L1 a value of its own,
 * derived from @round, and checks that those of @round - 1 are still there.
 */
void l2_turn_registers(struct l2_shared *shared, uint64_t round);

#endif
