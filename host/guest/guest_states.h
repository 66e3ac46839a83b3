/* SPDX-License-Identifier: BSD-2-Clause */
/* What the freezes of a guest met, by guest_states.def; for this folder. */
#ifndef HOST_GUEST_GUEST_STATES_H
#define HOST_GUEST_GUEST_STATES_H

#include "host/flight/flight.h"

/* The states that @s shows on any of its vCPUs, bit N for row N. */
uint32_t guest_states_of(const struct snapshot *s);

#endif
