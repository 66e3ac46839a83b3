/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1's second CPU, if the command line says vcpus=2. It runs one function at a time for the first
 * one, on a stack and with tables of its own, in VMX root operation, interrupts off. Only one of
 * both may print at a time.
 */
#ifndef BOOT_AP_H
#define BOOT_AP_H

#define AP_TRAMPOLINE 0x8000 /* where it starts, below 1 MiB */
#define CPUS	      2

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* INIT and SIPI to it; returns when it waits for work. x2APIC mode is on, VMX available. */
void ap_start(void);

/* True if it was started; else @why says so. */
bool ap_there(char *why, size_t size);

/* 0 on the first CPU, 1 on the second. */
unsigned cpu_index(void);

uint32_t ap_apic_id(void);

/* Has it run @fn; returns at once. It must have nothing to do. */
void ap_run(void (*fn)(void));

/*
 * Waits until it has nothing more to do, or until *@flag is not 0 (ap_until). False if the host's
 * nudge (an NMI) came first, or, for ap_until, it ended without setting the flag: a `fail` event
 * with @what was printed, unless @what is NULL: then the caller has one to print.
 */
bool ap_wait(const char *what);
bool ap_until(const volatile uint32_t *flag, const char *what);

/* Caches, SSE, XSAVE and AVX of the CPU that calls; boot/main.c. */
void fpu_init(void);
#endif

#endif
