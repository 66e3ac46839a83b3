/* SPDX-License-Identifier: BSD-2-Clause */
/* L2's half of the smi scenarios: an SMI meets it with registers of its own and interrupts off. */
#include "l2guest/l2.h"

static void smi(struct l2_shared *shared)
{
	l2_turn_registers(shared, 0);
	l2_freeze();
	l2_turn_registers(shared, 1);
	l2_tell(1);
	asm volatile("sti; nop; cli" ::: "memory");
	l2_tell(2);
}

L2_SCENARIO(smi, smi);
