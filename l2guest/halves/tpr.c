/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An L2 that writes arg[0] to CR8, is frozen, reads CR8 (val[0]), writes arg[1], reads it (val[1]):
 * point 1; writes arg[2], reads it (val[2]): point 2.
 */
#include "l2guest/l2.h"

static uint64_t change(uint64_t cr8)
{
	write_cr8(cr8);
	return read_cr8();
}

static void tpr(struct l2_shared *shared)
{
	write_cr8(shared->arg[0]);
	l2_freeze();
	shared->val[0] = read_cr8();
	shared->val[1] = change(shared->arg[1]);
	l2_tell(1);
	shared->val[2] = change(shared->arg[2]);
	l2_tell(2);
}

L2_SCENARIO(tpr, tpr);
