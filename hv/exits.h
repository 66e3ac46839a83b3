/* SPDX-License-Identifier: BSD-2-Clause */
/* VM exits by interrupts and exceptions, as many scenarios expect them; all that l2_exits checks.
 */
#ifndef HV_EXITS_H
#define HV_EXITS_H

#include "hv/l2.h"

/*
 * L2 exits by an external interrupt, acknowledged as @vector, which is then in service in L1's APIC
 * alone. L1 ends it. False after a `fail` event.
 */
bool l2_exits_irq(struct l2 *l2, uint8_t vector);

/*
 * L2 exits by the hardware exception @vector, with error code @error or, if that is negative,
 * without. False after a `fail` event.
 */
bool l2_exits_exception(struct l2 *l2, uint8_t vector, int error);

#endif
