/* SPDX-License-Identifier: BSD-2-Clause */
/* L1's local APIC in x2APIC mode, and its timer as the only interrupt source. */
#ifndef LIB_X2APIC_H
#define LIB_X2APIC_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Enables x2APIC mode, software-enables the APIC, masks LINT0 and lets LINT1 deliver NMIs (the
 * host's nudge comes in there). False if CPUID has no x2APIC.
 */
bool x2apic_init(void);

/*
 * Arms the timer to send @vector once, after about @ticks TSC ticks: TSC-deadline mode where
 * CPUID has it, else one-shot mode with @ticks APIC-timer ticks.
 */
void apic_timer_arm(uint8_t vector, uint64_t ticks);

/* The timer sends @vector each @count APIC-timer ticks; 0: never again. */
void apic_timer_periodic(uint8_t vector, uint32_t count);

/* True if the armed timer has expired (its interrupt is then sent, taken or not). */
bool apic_timer_expired(void);

void apic_timer_stop(void);

/* This CPU's x2APIC ID. */
uint32_t apic_id(void);

/* Writes the ICR; SDM, "Interrupt Command Register (ICR)". */
enum {
	APIC_ICR_NMI = 4 << 8,
	APIC_ICR_INIT = 5 << 8 | 1 << 14,
	APIC_ICR_SIPI = 6 << 8 | 1 << 14, /* the vector is the page where the CPU starts */
	APIC_ICR_OTHERS = 3 << 18,	  /* to all but this CPU */
};
void apic_send(uint32_t id, uint32_t icr);

/* Whether @vector stands in L1's own interrupt request / in-service register. */
bool apic_irr(uint8_t vector);
bool apic_isr(uint8_t vector);

/* Takes a pending @vector out of the IRR by way of L1's IDT; interrupts are off before and after.
 */
void apic_drain(void);

#endif
