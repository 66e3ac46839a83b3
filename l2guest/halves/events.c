/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An L2 that waits at point 1 for an event that L1 injects, keeps its number (val[0]), vector,
 * error code and RIP (val[1] to val[3]), goes on at arg[0], and comes to point 2. No EOI.
 */
#include "l2guest/l2.h"

static bool keep(struct trap_frame *f)
{
	struct l2_shared *s = l2_shared;

	s->val[0]++;
	s->val[1] = f->vector;
	s->val[2] = f->error;
	s->val[3] = f->rip;
	f->rip = s->arg[0];
	f->rflags &= ~RFLAGS_IF;
	return true;
}

static void events(struct l2_shared *shared)
{
	(void)shared;
	l2_on_exception = keep;
	l2_on_interrupt = keep;
	l2_tell(1);
	l2_tell(2);
}

L2_SCENARIO(events, events);
