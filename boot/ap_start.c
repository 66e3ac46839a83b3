/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts L1's second CPU. SDM, "Multiple-Processor (MP) Initialization". */
#include "boot/ap.h"
#include "boot/cpus.h"
#include "lib/cpu.h"
#include "lib/string.h"
#include "lib/x2apic.h"

extern const uint8_t ap_trampoline[], ap_trampoline_end[];

void ap_start(void)
{
	cpus_second(~apic_id()); /* nobody's, until it has said its own */
	memcpy((void *)AP_TRAMPOLINE, ap_trampoline,
	       (uintptr_t)ap_trampoline_end - (uintptr_t)ap_trampoline);
	apic_send(0, APIC_ICR_INIT | APIC_ICR_OTHERS);
	apic_send(0, APIC_ICR_SIPI | APIC_ICR_OTHERS | AP_TRAMPOLINE / PAGE_SIZE);
}
