/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1's second CPU, if the command line says vcpus=2. It runs one function at a time for the first
 * one, on a stack and with tables of its own, interrupts off. Only one of both may print at a time.
 */
#ifndef BOOT_AP_H
#define BOOT_AP_H

#define AP_TRAMPOLINE 0x8000 /* where it starts, below 1 MiB */

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* INIT and SIPI to it; it does what it is given first when it has come up. x2APIC mode is on. */
void ap_start(void);

/* Has it run @fn; returns at once. It must have nothing to do. */
void ap_run(void (*fn)(void));

/*
 * Waits until it has nothing more to do, or until *@flag is not 0 (ap_until). False if the host's
 * nudge (an NMI) came first, or, for ap_until, it ended without setting the flag: a `fail` event
 * with @what was printed, unless @what is NULL: then the caller has one to print.
 */
bool ap_wait(const char *what);
bool ap_until(const volatile uint32_t *flag, const char *what);

#endif

#endif
