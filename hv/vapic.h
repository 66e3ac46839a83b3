/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual-APIC page and the posted-interrupt descriptor of L2; SDM, "APIC Virtualization and
 * Virtual Interrupts".
 */
#ifndef HV_VAPIC_H
#define HV_VAPIC_H

#include <stdbool.h>
#include <stdint.h>

/* Registers in the virtual-APIC page, by offset. */
#define VAPIC_VTPR 0x080
#define VAPIC_VPPR 0x0a0
#define VAPIC_VISR 0x100
#define VAPIC_VIRR 0x200

struct vapic_page {
	uint32_t reg[1024];
};

/* SDM, "Posted-Interrupt Processing": 64 bytes, 64-byte aligned. */
struct pi_desc {
	uint32_t pir[8];
	uint32_t control; /* PI_ON, PI_SN */
	uint32_t reserved[7];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct pi_desc) == 64, "posted-interrupt descriptor");

#define PI_ON (1u << 0) /* outstanding notification */
#define PI_SN (1u << 1) /* suppress notification: for senders */

/* Where the one posting of a vector stands; none or several at once mean lost or doubled. */
enum vapic_where { IN_PIR = 1, IN_VIRR = 2, IN_VISR = 4 };

/* Sets @vector in the PIR; pi_notify sets ON. Locked, as a sender on another CPU would do it. */
void pi_post(struct pi_desc *pi, uint8_t vector);
bool pi_notify(struct pi_desc *pi); /* true if ON was clear, that is, a notification is due */

/* Bit mask of enum vapic_where for @vector. */
unsigned vapic_find(const struct vapic_page *vapic, const struct pi_desc *pi, uint8_t vector);

/* The highest vector in a 256-bit register of the virtual-APIC page (VIRR or VISR), 0 if none. */
uint8_t vapic_highest(const struct vapic_page *vapic, uint32_t offset);

#endif
