/* SPDX-License-Identifier: BSD-2-Clause */
/* L1's CPUs: which of them asks, and what the second one's APIC is. */
#ifndef BOOT_CPUS_H
#define BOOT_CPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPUS 2

/* From here on there are two CPUs; the second's APIC is @apic_id. */
void cpus_second(uint32_t apic_id);

/* True if it was started; else @why says so. */
bool ap_there(char *why, size_t size);

/* 0 on the first CPU, 1 on the second. */
unsigned cpu_index(void);

uint32_t ap_apic_id(void);

#endif
