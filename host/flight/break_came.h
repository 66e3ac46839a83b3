/* SPDX-License-Identifier: BSD-2-Clause */
/* What came of a breakage (--break): a failure behind it proves something only if it was noticed.
 */
#ifndef HOST_FLIGHT_BREAK_CAME_H
#define HOST_FLIGHT_BREAK_CAME_H

#include "host/flight/flight.h"

enum break_came {
	BREAK_NONE,	 /* none was asked for; a control has no snapshot to break */
	BREAK_NOT_MET,	 /* the flight ended before anything was broken */
	BREAK_NOTHING,	 /* the state has nothing of the kind */
	BREAK_REFUSED,	 /* KVM refused the restore before it could matter to the guest */
	BREAK_ENDED,	 /* KVM took it and ended the VM before the guest said anything */
	BREAK_UNNOTICED, /* every check held */
	BREAK_NOTICED,
};

enum break_came break_came(const struct flight_config *c, const struct flight_result *r);

/*
 * Appends to @text, with a comma in front, what came of it in the flight @r of @c whose result is
 * called @result; for BREAK_NONE nothing.
 */
void break_came_text(const char *result, const struct flight_config *c,
		     const struct flight_result *r, struct buf *text);

#endif
