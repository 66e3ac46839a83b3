/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An L2 that takes arg[0] interrupts, computing or (arg[1]) asleep, and then comes to point 1,
 * interrupts off; behind that it lets them in once and comes to point 2. val[0] says that it is
 * there.
 */
#include "l2guest/l2.h"

static void until_irqs(struct l2_shared *shared)
{
	shared->val[0] = 1;
	while (*(volatile uint32_t *)&shared->irqs < shared->arg[0]) {
		if (shared->arg[1])
			asm volatile("sti; hlt; cli" ::: "memory");
		else
			asm volatile("sti; pause; cli" ::: "memory");
	}
	l2_tell(1);
	asm volatile("sti; nop; cli" ::: "memory");
	l2_tell(2);
}

L2_SCENARIO(until_irqs, until_irqs);
