/* SPDX-License-Identifier: BSD-2-Clause */
/* Events of every type that L1 injects by a VM entry, and their delivery; told of below. */
#include "hv/steps.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/page.h"

#define ERROR_CODE 0x1238

static struct l2 l2;

/*
 * One event with @info, @len behind L2's RIP if it is a software event. The VM is frozen within the
 * VM entry; @in_delivery: behind it, while L2's IDT is asked for.
 */
static void inject(uint32_t info, unsigned len, bool in_delivery)
{
	uint8_t vector = (uint8_t)info;
	bool external = info == intr_info(INTR_EXTERNAL, vector);
	uint32_t error = info & INTR_ERROR_CODE ? ERROR_CODE : 0;
	uint64_t rip;

	l2_create(&l2, "events");
	vmx_control_set(VMX_PIN_VIRTUAL_NMIS, true);
	if (!l2_tells(&l2, 1))
		return;
	expect_page(in_delivery ? page_gpa(l2_own_idt(&l2))
				: page_gpa(l2.vapic ? (void *)l2.vapic : l2.msr_bitmap));
	rip = vmcs_read(GUEST_RIP);
	l2.shared->arg[0] = rip;
	if (vector >= 32)
		l2.posted[vector]++;
	if (external)
		vmcs_write(GUEST_RFLAGS, vmcs_read(GUEST_RFLAGS) | RFLAGS_IF);
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, info);
	vmcs_write(VM_ENTRY_EXCEPTION_ERROR_CODE, error);
	vmcs_write(VM_ENTRY_INSTRUCTION_LEN, len);
	freeze_point();
	if (!l2_tells(&l2, 2))
		return;
	ktap_check("events", 1, l2.shared->val[0]);
	ktap_check("vector", vector, l2.shared->val[1]);
	ktap_check("error code", error, l2.shared->val[2]);
	ktap_check("RIP of the event", rip + len, l2.shared->val[3]);
	ktap_check("interruptibility behind the IRET", 0, vmcs_read(GUEST_INTERRUPTIBILITY_INFO));
	ktap_check("injected once", 0, vmcs_read(VM_ENTRY_INTR_INFO_FIELD) >> 31);
}

#define ABOUT                                                                          \
	PROMISE("SDM, Event Injection: VM entry delivers the event through L2's IDT"), \
		FAILURE("the event lost, doubled, or with another error code or RIP"), \
		FREEZE(page)
#define LEVITSKY                                                                 \
	BUG("Levitsky 2021: events of L1's VM entry lost when a migration hits " \
	    "nested_run_pending")
#define NONE_KNOWN BUG("none known")
#define INT1_LOST  BUG("found here: KVM drops INT1 when its delivery meets an EPT violation")
#define SOFT_LOST                                                                                \
	BUG("found here: KVM_GET_VCPU_EVENTS leaves out software events, as if RIP stood at an " \
	    "instruction that brings them again")
#define INJECT(id, what, info, len, bug, proof_info)                                     \
	static void fly_inject_##id(void)                                                \
	{                                                                                \
		inject(info, len, false);                                                \
	}                                                                                \
	SCENARIO(inject_##id, NEEDS(L2_ANY, VMX_PIN_VIRTUAL_NMIS), FLY(fly_inject_##id), \
		 TITLE("L1 injects " what ", and L2 has not begun"), ABOUT, bug,         \
		 HOST("snapshot while KVM waits inside VMRESUME for a page of vmcs12: "  \
		      "nested_run_pending"),                                             \
		 PROOF("l2 run-pending VM_ENTRY_INTR_INFO_FIELD=" proof_info))
#define DELIVER(id, what, info, len, bug, proof_terms)                                          \
	static void fly_deliver_##id(void)                                                      \
	{                                                                                       \
		inject(info, len, true);                                                        \
	}                                                                                       \
	SCENARIO(deliver_##id, NEEDS(L2_ANY, VMX_PIN_VIRTUAL_NMIS), FLY(fly_deliver_##id),      \
		 TITLE("the delivery of " what " that L1 has injected is interrupted"), ABOUT,  \
		 bug,                                                                           \
		 HOST("snapshot while KVM waits for the page of L2's IDT, as it would for any " \
		      "page that is swapped out"),                                              \
		 PROOF("l2 !run-pending " proof_terms))

INJECT(irq, "an external interrupt", intr_info(INTR_EXTERNAL, 0x43), 0, LEVITSKY, "0x80000043");
INJECT(nmi, "an NMI", intr_info(INTR_NMI, VECTOR_NMI), 0, LEVITSKY, "0x80000202");
INJECT(ud, "an exception without error code", intr_info(INTR_HARD_EXCEPTION, VECTOR_UD), 0,
       LEVITSKY, "0x80000306");
INJECT(gp, "an exception with error code",
       intr_info(INTR_HARD_EXCEPTION, VECTOR_GP) | INTR_ERROR_CODE, 0, LEVITSKY, "0x80000b0d");
INJECT(int, "a software interrupt (INT n)", intr_info(INTR_SOFT_INT, 0x80), 2, LEVITSKY,
       "0x80000480");
INJECT(int1, "a privileged software exception (INT1)", intr_info(INTR_PRIV_EXCEPTION, VECTOR_DB), 1,
       INT1_LOST, "0x80000501");
INJECT(int3, "a software exception (INT3)", intr_info(INTR_SOFT_EXCEPTION, 3), 1, LEVITSKY,
       "0x80000603");
INJECT(into, "a software exception (INTO)", intr_info(INTR_SOFT_EXCEPTION, 4), 1, LEVITSKY,
       "0x80000604");

DELIVER(irq, "an external interrupt", intr_info(INTR_EXTERNAL, 0x43), 0, NONE_KNOWN,
	"events.interrupt.injected=1 events.interrupt.nr=0x43");
DELIVER(nmi, "an NMI", intr_info(INTR_NMI, VECTOR_NMI), 0, NONE_KNOWN, "events.nmi.injected=1");
DELIVER(gp, "an exception with error code",
	intr_info(INTR_HARD_EXCEPTION, VECTOR_GP) | INTR_ERROR_CODE, 0, NONE_KNOWN,
	"events.exception.injected=1 events.exception.nr=13");
DELIVER(int, "a software interrupt (INT n)", intr_info(INTR_SOFT_INT, 0x80), 2, SOFT_LOST,
	"events.exception.injected=0 events.nmi.injected=0");
DELIVER(int3, "a software exception (INT3)", intr_info(INTR_SOFT_EXCEPTION, 3), 1, SOFT_LOST,
	"events.interrupt.injected=0 events.nmi.injected=0");
