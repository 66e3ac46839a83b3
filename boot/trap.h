/* SPDX-License-Identifier: BSD-2-Clause */
/* L1's exceptions and interrupts. */
#ifndef BOOT_TRAP_H
#define BOOT_TRAP_H

#include <stdint.h>

/*
 * Loads GDT, IDT and TSS of CPU @cpu (cpu_index()), on which it is called. Every exception prints
 * the registers and ends the run with an `error` event; external interrupts are counted and
 * acknowledged, NMIs counted, nothing more. NMI, double fault and page fault have a stack of their
 * own.
 */
void trap_init(unsigned cpu);

/*
 * The vector of the last exception that FIXUP_1_TO_2 was for, which then went on; -1: written there
 * before, by whom it is about. For scenarios of one CPU.
 */
extern int trap_fixed;

/* Interrupts of @vector that L1 itself has taken through its IDT. */
unsigned trap_count(uint8_t vector);

/* Addresses for the vmcs12 host-state area, of the CPU that asks. */
uint64_t trap_tss_base(void);
uint64_t trap_idt_base(void);
uint64_t trap_gdt_base(void);

#endif
