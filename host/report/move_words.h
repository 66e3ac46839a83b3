/* SPDX-License-Identifier: BSD-2-Clause */
/* What QEMU says of how a VM was moved, in words. */
#ifndef HOST_REPORT_MOVE_WORDS_H
#define HOST_REPORT_MOVE_WORDS_H

#include "host/flight/flight.h"

/*
 * Appends what the @hops hops cost, without a newline: `downtime 12.1 to 31.0 ms, 1.0 MiB per move,
 * 1 to 3 rounds, 41 page requests (MSR bitmap; other x40)`. Nothing that QEMU did not say; nothing
 * at all of a VM that was not moved.
 */
void report_moves(const struct hop_record *hop, unsigned hops, struct buf *text);

/* Whether QEMU said anything of the move. */
bool move_told(const struct move_record *move);

#endif
