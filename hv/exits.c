/* SPDX-License-Identifier: BSD-2-Clause */
/* VM exits by interrupts and exceptions. */
#include "hv/exits.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/x2apic.h"

bool l2_exits_irq(struct l2 *l2, uint8_t vector)
{
	bool ok;

	if (!l2_exits(l2, EXIT_REASON_EXTERNAL_INTERRUPT))
		return false;
	ok = ktap_check("VM-exit interruption information", intr_info(INTR_EXTERNAL, vector),
			vmcs_read(VM_EXIT_INTR_INFO)) &
	     ktap_check("acknowledged interrupt in IRR", 0, apic_irr(vector)) &
	     ktap_check("acknowledged interrupt in ISR", 1, apic_isr(vector));
	wrmsr(MSR_X2APIC_EOI, 0);
	return ok & ktap_check("interrupt in ISR after EOI", 0, apic_isr(vector));
}

bool l2_exits_exception(struct l2 *l2, uint8_t vector, int error)
{
	uint32_t info = intr_info(INTR_HARD_EXCEPTION, vector) | (error < 0 ? 0 : INTR_ERROR_CODE);

	return l2_exits(l2, EXIT_REASON_EXCEPTION_NMI) &&
	       ktap_check("VM-exit interruption information", info, vmcs_read(VM_EXIT_INTR_INFO)) &
		       (error < 0 || ktap_check("VM-exit interruption error code", (uint64_t)error,
						vmcs_read(VM_EXIT_INTR_ERROR_CODE))) &
		       ktap_check("IDT-vectoring information", 0,
				  vmcs_read(IDT_VECTORING_INFO_FIELD));
}
