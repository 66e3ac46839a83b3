/* SPDX-License-Identifier: BSD-2-Clause */
/* L2's halves of hv/scenarios/running.c. */
#include "l2guest/l2.h"
#include "lib/cpu.h"
#include "lib/uart.h"
#include "lib/x2apic.h"

/* Rounds of computation with interrupts on. */
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

#define HOLD	64 /* reads of what must not have changed */
#define PASSES	64 /* between two looks at the host's port, which is a VM exit to L0 */
#define VECTORS 0x60
#define TPRS	0x30

static bool is(const char *check, uint64_t expected, uint64_t found)
{
	l2_expect(check, expected, found);
	return expected == found;
}

/* What stands in the virtual-APIC page is as L2 left it. */
static bool hold(uint64_t tpr)
{
	for (unsigned i = 0; i < HOLD; i++)
		if (!is("L2's TPR", tpr, rdmsr(MSR_X2APIC_TPR)) ||
		    !is("L2's PPR", tpr, rdmsr(MSR_X2APIC_PPR)))
			return false;
	for (unsigned i = 0; i < 8; i++)
		if (!is("L2's ISR", 0, rdmsr(MSR_X2APIC_ISR0 + i)))
			return false;
	return true;
}

/* One TPR after another, an interrupt and its EOI behind each. */
static bool change(struct l2_shared *shared)
{
	for (unsigned pass = 0; pass < PASSES; pass++) {
		uint64_t sent = shared->val[0]++, tpr = 1 + sent % TPRS;

		wrmsr(MSR_X2APIC_TPR, tpr);
		if (!hold(tpr))
			return false;
		wrmsr(MSR_X2APIC_SELF_IPI, VECTORS + sent % VECTORS);
		asm volatile("sti; nop; cli" ::: "memory");
		if (!is("interrupts that L2 took", sent + 1, shared->irqs))
			return false;
	}
	return true;
}

/* val[0]: interrupts that L2 sent to itself. arg[0]: until the host has spoken to L1. */
static void running_vapic(struct l2_shared *shared)
{
	bool ok;

	for (;; l2_tell(1)) {
		do
			ok = change(shared);
		while (ok && shared->arg[0] && !(inb(UART_STATUS_PORT) & UART_RECEIVED));
		wrmsr(MSR_X2APIC_TPR, 0);
	}
}

L2_SCENARIO(running_vapic, running_vapic);
