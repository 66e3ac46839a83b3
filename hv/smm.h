/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SMM below L1: our handler at the default SMBASE; SDM, "System Management Mode". It counts the
 * SMI, sends the IPI that it is told once, passes a freeze point and does RSM.
 */
#ifndef HV_SMM_H
#define HV_SMM_H

#define SMM_BASE       0x30000
#define SMM_ENTRY      (SMM_BASE + 0x8000)
#define SMM_COUNT      (SMM_ENTRY + 0x800) /* u32: SMIs handled */
#define SMM_ICR	       (SMM_ENTRY + 0x804) /* u32: for the ICR, destination 0; 0: nothing */
#define SMM_STATE_SAVE (SMM_BASE + 0xf000) /* its page */

#ifndef __ASSEMBLER__
#include "lib/string.h"

#include <stdint.h>

extern const uint8_t smi_handler[], smi_handler_end[];

/* The handler where the CPU looks for it; no SMI was handled, no IPI is to be sent. */
static inline void smi_handler_install(void)
{
	memcpy((void *)SMM_ENTRY, smi_handler, (uintptr_t)smi_handler_end - (uintptr_t)smi_handler);
	*(volatile uint32_t *)SMM_COUNT = 0;
	*(volatile uint32_t *)SMM_ICR = 0;
}
#endif

#endif
