/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An event of the host forces L2 to exit to L1 before L2 was entered even once behind the restore:
 * KVM then has not mapped the pages of vmcs12. L1 enters again, and L2 goes on where it was; told
 * of below.
 */
#include "hv/exits.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/x2apic.h"

#define VECTOR 0x93

static struct l2 l2;

/* An L2 at point 1; a frozen one stands behind its next instruction. */
static bool start(void)
{
	l2_create(&l2, "port");
	expect_vector(VECTOR, NULL);
	return l2_tells(&l2, 1);
}

/* L2 exited behind the OUT and goes on from there. */
static void go_on(void)
{
	if (ktap_check("L2's RIP behind the OUT", l2.shared->val[0], vmcs_read(GUEST_RIP)) &
	    ktap_check("activity state", 0, vmcs_read(GUEST_ACTIVITY_STATE)) &
	    ktap_check("IDT-vectoring information", 0, vmcs_read(IDT_VECTORING_INFO_FIELD)))
		l2_tells(&l2, 2);
}

static void fly_nmi(void)
{
	if (start() && l2_exits(&l2, EXIT_REASON_EXCEPTION_NMI) &&
	    ktap_check("VM-exit interruption information", intr_info(INTR_NMI, VECTOR_NMI),
		       vmcs_read(VM_EXIT_INTR_INFO)))
		go_on();
}

static void fly_irq(void)
{
	if (start() && l2_exits_irq(&l2, VECTOR))
		go_on();
}

/* Without "acknowledge interrupt on exit", so without APICv: L1's APIC keeps the interrupt. */
static void fly_irq_noack(void)
{
	l2_create_plain(&l2, "port");
	vmx_control_set(VMX_EXIT_ACK_INTR, false);
	expect_vector(VECTOR, NULL);
	if (!l2_tells(&l2, 1) || !l2_exits(&l2, EXIT_REASON_EXTERNAL_INTERRUPT))
		return;
	ktap_check("VM-exit interruption information valid", 0, vmcs_read(VM_EXIT_INTR_INFO) >> 31);
	ktap_check("interrupt in IRR", 1, apic_irr(VECTOR));
	apic_drain();
	if (ktap_check("interrupt in IRR when taken", 0, apic_irr(VECTOR)))
		go_on();
}

static void fly_init(void)
{
	if (start() && l2_exits(&l2, EXIT_REASON_INIT_SIGNAL))
		go_on();
}

/* L2 sleeps behind STI; HLT; an interrupt that L1 injects wakes it. */
static void wake(void)
{
	if (!ktap_check("activity state", 1, vmcs_read(GUEST_ACTIVITY_STATE)))
		return;
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, intr_info(INTR_EXTERNAL, 0x61));
	l2.posted[0x61]++;
	if (l2_tells(&l2, 1))
		L2_TOOK(&l2, 0x61);
}

static void fly_halted_irq(void)
{
	l2_create(&l2, "hlt");
	expect_vector(VECTOR, NULL);
	if (l2_exits_irq(&l2, VECTOR))
		wake();
}

static void fly_halted_init(void)
{
	l2_create(&l2, "hlt");
	if (l2_exits(&l2, EXIT_REASON_INIT_SIGNAL))
		wake();
}

#define STALE_REQUEST                                                                        \
	BUG("2026, KVM: nVMX: Ensure KVM_REQ_GET_NESTED_STATE_PAGES is cleared on VM-Exit"), \
		FAILURE("no VM exit, a second one, or L2 goes on elsewhere")
#define RESTORED HOST("snapshot of the running L2; the event between restore and first KVM_RUN")
#define PAUSED	 HOST("snapshot of the running L2 behind which the event has come already")
#define PORT	 FREEZE(port), PROOF("l2 runnable !run-pending")
#define HALTED	 FREEZE(blocked), PROOF("l2 halted")
#define NMI	 PROMISE("SDM, VM-execution control NMI exiting: an NMI causes a VM exit")
#define IRQ	 PROMISE("SDM, VM-execution control external-interrupt exiting: it causes a VM exit")
#define INIT                                                                                 \
	PROMISE("SDM, INIT signals: in VMX non-root operation they cause VM exits; in root " \
		"operation they are blocked")

SCENARIO(forced_nmi_restored, NEEDS(L2_ANY), FLY(fly_nmi, .possible = hop_host_there),
	 TITLE("an NMI before the restored L2 is entered"), NMI, RESTORED, STALE_REQUEST,
	 ACT(nmi, restored), PORT);
SCENARIO(forced_nmi_paused, NEEDS(L2_ANY), FLY(fly_nmi, .possible = hop_host_there),
	 TITLE("an NMI between pause and save, L2 active"), NMI, PAUSED, STALE_REQUEST,
	 ACT(nmi, paused), PORT);
SCENARIO(forced_irq_restored, NEEDS(L2_ANY), FLY(fly_irq, .possible = hop_host_there),
	 TITLE("an interrupt for L1 before the restored L2 is entered"), IRQ, RESTORED,
	 STALE_REQUEST, ACT(irq, restored), PORT);
SCENARIO(forced_irq_paused, NEEDS(L2_ANY), FLY(fly_irq, .possible = hop_host_there),
	 TITLE("an interrupt for L1 between pause and save, L2 active"), IRQ, PAUSED, STALE_REQUEST,
	 ACT(irq, paused), PORT);
SCENARIO(forced_irq_noack, NEEDS(L2_BASE), FLY(fly_irq_noack, .possible = hop_host_there),
	 TITLE("an interrupt that the VM exit does not acknowledge, before the restored L2 is "
	       "entered"),
	 IRQ, RESTORED, STALE_REQUEST, ACT(irq, restored), PORT);
SCENARIO(forced_init_restored, NEEDS(L2_ANY), FLY(fly_init, .possible = hop_host_there),
	 TITLE("an INIT signal before the restored L2 is entered"), INIT, RESTORED, STALE_REQUEST,
	 ACT(init, restored), PORT);
SCENARIO(forced_init_paused, NEEDS(L2_ANY), FLY(fly_init, .possible = hop_host_there),
	 TITLE("an INIT signal between pause and save, L2 active"), INIT, PAUSED, STALE_REQUEST,
	 ACT(init, paused), PORT);
SCENARIO(forced_halted_irq, NEEDS(L2_APICV), FLY(fly_halted_irq, .possible = hop_host_there),
	 TITLE("an interrupt for L1 before the restored, sleeping L2 is entered"), IRQ, RESTORED,
	 STALE_REQUEST, ACT(irq, restored), HALTED);
SCENARIO(forced_halted_init, NEEDS(L2_APICV), FLY(fly_halted_init, .possible = hop_host_there),
	 TITLE("an INIT signal before the restored, sleeping L2 is entered"), INIT, RESTORED,
	 STALE_REQUEST, ACT(init, restored), HALTED);
