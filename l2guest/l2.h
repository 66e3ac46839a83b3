/* SPDX-License-Identifier: BSD-2-Clause */
/* What L2's scenario halves share. */
#ifndef L2GUEST_L2_H
#define L2GUEST_L2_H

#include <stdbool.h>
#include "l2guest/layout.h"
#include "lib/cpu.h"
#include "lib/idt.h"

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

/* Tells L1 if @found is not @expected; @check becomes the `check` of the fail event. */
static inline void l2_expect(const char *check, uint64_t expected, uint64_t found)
{
	if (expected != found)
		l2_call(L2_CALL_CHECK, (uint64_t)check, expected, found);
}

/* L1's l2_tells(@point) is waiting for this. */
static inline void l2_tell(uint64_t point)
{
	l2_call(L2_CALL_TELL, point, 0, 0);
}

extern struct l2_shared *volatile l2_shared;

/* The host freezes the VM here. */
static inline void l2_freeze(void)
{
	outb(FREEZE_IO_PORT, 0);
	l2_shared->frozen++;
}

/*
 * What a half may hook in. The interrupt hook runs in the handler, interrupts off, before the
 * interrupt is counted, logged and ended (EOI); unless it returns true: then it has done the EOI or
 * wants none. The exception hook returns true if it has dealt with the exception.
 */
extern bool (*l2_on_interrupt)(struct trap_frame *f);
extern bool (*l2_on_exception)(struct trap_frame *f);

/*
 * Gives every register and MSR that L2 may change without a VM exit to L1 a value of its own,
 * derived from @round, and checks that those of @round - 1 are still there.
 */
void l2_turn_registers(struct l2_shared *shared, uint64_t round);

#endif
