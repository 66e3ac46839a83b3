/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's APICv is inhibited and allowed again while L2 is active. L1's own interrupts, one in
 * service and one pending, must come out of it as they went in; told of below.
 */
#include "hv/scenario.h"
#include "hv/script.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/x2apic.h"

#define SERVED	0x60 /* in service in L1's APIC while L2 runs */
#define WAITING 0x43 /* pending there, of a lower class */
#define WAKES	0x71 /* the host's */

/* An interrupt takes L2 out before it has done anything; L1 does not end it yet. */
static bool serve(struct l2 *l2)
{
	wrmsr(MSR_X2APIC_SELF_IPI, SERVED);
	if (!l2_exits(l2, EXIT_REASON_EXTERNAL_INTERRUPT) ||
	    !ktap_check("VM_EXIT_INTR_INFO", intr_info(INTR_EXTERNAL, SERVED),
			vmcs_read(VM_EXIT_INTR_INFO)))
		return false;
	wrmsr(MSR_X2APIC_SELF_IPI, WAITING);
	return ktap_check("ISR, served vector", 1, apic_isr(SERVED));
}

/* The end of the one lets the other in, and then nothing is left. */
static void end_served(void)
{
	if (!ktap_check("ISR, served vector", 1, apic_isr(SERVED)) ||
	    !ktap_check("IRR, waiting vector", 1, apic_irr(WAITING)))
		return;
	wrmsr(MSR_X2APIC_EOI, 0);
	ktap_check("ISR behind the EOI", 0, apic_isr(SERVED));
	apic_drain();
	ktap_check("IRR, waiting vector", 0, apic_irr(WAITING));
	ktap_check("ISR, waiting vector", 0, apic_isr(WAITING));
}

static void fly_l1(void)
{
	struct l2 *l2 = SCRIPT_L2(S_FREEZE, S_MARK(2), S_FREEZE, S_MARK(3));

	if (serve(l2) && SCRIPT_ENDS(l2, 2, 3))
		end_served();
}

static void fly_asleep(void)
{
	struct l2 *l2 = SCRIPT_L2(S_FREEZE, S_SLEEP, S_MARK(2));

	expect_vector(WAKES, NULL);
	if (!serve(l2) || !l2_exits(l2, EXIT_REASON_EXTERNAL_INTERRUPT) ||
	    !ktap_check("VM_EXIT_INTR_INFO", intr_info(INTR_EXTERNAL, WAKES),
			vmcs_read(VM_EXIT_INTR_INFO)) ||
	    !ktap_check("activity state", GUEST_ACTIVITY_HLT, vmcs_read(GUEST_ACTIVITY_STATE)))
		return;
	wrmsr(MSR_X2APIC_EOI, 0);
	ktap_check("ISR, vector that ended HLT", 0, apic_isr(WAKES));
	end_served();
	l2_pend(l2, 0x51);
	SCRIPT_ENDS(l2, 0x51, SCRIPT_LEFT, 2);
}

/* L2's own: one in service, one above it pending, behind its IF. */
static void fly_l2(void)
{
	struct l2 *l2 = SCRIPT_L2(S_LET_IN, S_HANDLER(0x51), S_TELL(1), S_FREEZE, S_PPR(0x50),
				  S_FREEZE, S_STI, S_MARK(2), S_EOI, S_PPR(0));

	if (!serve(l2))
		return;
	l2_pend(l2, 0x51);
	if (!l2_tells(l2, 1))
		return;
	l2_pend(l2, 0x92);
	l2_pend(l2, 0x43);
	if (SCRIPT_ENDS(l2, 0x51, 0x92, SCRIPT_LEFT, 2, 0x43, SCRIPT_LEFT, SCRIPT_LEFT))
		end_served();
}

#define ABOUT                                                                                    \
	PROMISE("SDM, EOI Virtualization and Virtual-Interrupt Delivery: the vector in service " \
		"and what is pending do not depend on who virtualizes the APIC"),                \
		BUG("KVM: VMX: Update SVI during runtime APICv activation; KVM: nVMX: "          \
		    "Immediately refresh APICv controls as needed on nested VM-Exit"),           \
		FAILURE("an interrupt of L1 or L2 is lost, doubled, or stays in service"),       \
		FREEZE(port)
SCENARIO(apicv_off_l1, NEEDS(L2_APICV), FLY(fly_l1, .possible = hop_host_there),
	 TITLE("L1 serves an interrupt and enters L2; APICv is off for a while"),
	 HOST("inhibits APICv with L2 active, allows it at the next freeze point and saves"), ABOUT,
	 ACT(apicv_off, first), ACT(apicv_on, paused), PROOF("l2 runnable isr:0x60 irr:0x43"));
SCENARIO(
	apicv_off_asleep, NEEDS(L2_APICV), FLY(fly_asleep, .possible = hop_host_there),
	TITLE("APICv is off when a restored L2 goes to sleep, and on when L1 is woken"),
	HOST("inhibits APICv behind the restore; allows it when L2 sleeps, and sends an interrupt"),
	ABOUT, ACT(apicv_off, restored), ACT(apicv_on, blocked), ACT(irq, blocked),
	PROOF("l2 runnable isr:0x60 irr:0x43"));
SCENARIO(apicv_off_l2, NEEDS(L2_APICV), FLY(fly_l2, .possible = hop_host_there),
	 TITLE("APICv is off for a while, with L2 in a handler and another interrupt pending"),
	 HOST("inhibits APICv with L2 active, allows it at the next freeze point and saves"), ABOUT,
	 ACT(apicv_off, first), ACT(apicv_on, paused),
	 PROOF("l2 runnable svi=0x51 rvi=0x92 virr:0x43 isr:0x60 irr:0x43"));
