/* SPDX-License-Identifier: BSD-2-Clause */
/* L2s that remember, each in memory and in an MSR: for scenarios that enter two by turns. */
#ifndef HV_TURNS_H
#define HV_TURNS_H

#include "hv/l2.h"

/* Makes @l2, which remembers @val, and its VMCS the current one. */
void turns_create(struct l2 *l2, uint64_t val);

/*
 * Enters the current @l2, which must find @last and then remembers @val; with @freeze the VM is
 * frozen in it. False: a check failed.
 */
bool turns_take(struct l2 *l2, uint64_t last, uint64_t val, bool freeze);

/* Makes @l2 the current one. What was written to the other one's fields is no longer asked. */
bool turns_switch(const struct l2 *l2);

#endif
