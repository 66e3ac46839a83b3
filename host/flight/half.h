/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first half of a flight: a snapshot that driver kvm has kept. Beside the VM it has the serial
 * log up to there and what was asked for, so that another process, kernel or machine can fly the
 * second half and judge the whole.
 */
#ifndef HOST_FLIGHT_HALF_H
#define HOST_FLIGHT_HALF_H

#include "host/flight/flight.h"

/* Adds to @s, in place of what it has, that @config was flown, and the @log up to the snapshot. */
void half_add(struct snapshot *s, const struct flight_config *config, const void *log, size_t len);

/*
 * Makes of @s, which is not trusted, the flight that goes on from there: scenario, posting, hops
 * and seed of @config, and @from, which the caller frees and @config points to. The scenarios must
 * be loaded. 0, or -1 with @e filled.
 */
int half_resume(const struct snapshot *s, struct flight_config *config, struct flight_resume *from,
		struct err *e);
void half_free(struct flight_resume *from);

#endif
