/* SPDX-License-Identifier: BSD-2-Clause */
/* The flight of an L2 that computes, shared by the scenarios that add something to its vmcs12. */
#ifndef HV_RUNNING_H
#define HV_RUNNING_H

#include "hv/l2.h"

/*
 * Runs the whole scenario: creates L2, lets @prepare (may be NULL) change vmcs12 before the first
 * VM entry, flies all hops with the checks of `running` and, at the end of each, @check (may be
 * NULL), which prints its own `fail` events.
 */
void running_fly(void (*prepare)(struct l2 *), bool (*check)(const struct l2 *));

#endif
