/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nmi: an L2 that counts its NMIs (val[0]) between points 1 and 3, and in the handler of the first
 * one is frozen and comes to point 2. nmi_ipi: an L2 that writes arg[0] to its ICR, and tells.
 */
#include "l2guest/l2.h"

static bool handler(struct trap_frame *f)
{
	if (f->vector != VECTOR_NMI)
		return false;
	if (l2_shared->val[0]++ == 0) {
		l2_freeze();
		l2_tell(2);
	}
	return true;
}

static void nmi(struct l2_shared *shared)
{
	(void)shared;
	l2_on_exception = handler;
	l2_tell(1);
	l2_tell(3);
}

static void nmi_ipi(struct l2_shared *shared)
{
	wrmsr(MSR_X2APIC_ICR, shared->arg[0]);
	l2_tell(1);
}

L2_SCENARIO(nmi, nmi);
L2_SCENARIO(nmi_ipi, nmi_ipi);
