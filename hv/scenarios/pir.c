/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts posted in the PIR, and the notification: not sent, processed, or pending in L1's own
 * local APIC; told of below.
 */
#include "hv/scenario.h"
#include "hv/script.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/x2apic.h"

#define LEFT	   SCRIPT_LEFT
#define INTR_VALID (1u << 31)

/* Pending in L1's local APIC until the next VM entry; L1 runs with interrupts off. */
static void self_ipi(uint8_t vector)
{
	wrmsr(MSR_X2APIC_SELF_IPI, vector);
}

static void notify(void)
{
	self_ipi(L2_NOTIFICATION_VECTOR);
}

static void post_three(struct l2 *l2)
{
	l2_post(l2, 0x51);
	l2_post(l2, 0x43);
	l2_post(l2, 0x92);
}

#define ENDS_WITH_THREE(l2) SCRIPT_ENDS(l2, 0x92, LEFT, 0x51, LEFT, 0x43, LEFT)

/* The three interrupts must still wait in the PIR. */
static bool all_in_pir(struct l2 *l2)
{
	return ktap_check("0x92 stands in", IN_PIR, vapic_find(l2->vapic, l2->pi, 0x92)) &
	       ktap_check("0x51 stands in", IN_PIR, vapic_find(l2->vapic, l2->pi, 0x51)) &
	       ktap_check("0x43 stands in", IN_PIR, vapic_find(l2->vapic, l2->pi, 0x43));
}

static void fly_notified(void)
{
	struct l2 *l2 = SCRIPT_L2(S_FREEZE, S_LET_IN);

	l2_pend(l2, 0x51);
	l2_pend(l2, 0x43);
	l2_post(l2, 0x47);
	l2_post(l2, 0x92);
	notify();
	SCRIPT_ENDS(l2, 0x92, LEFT, 0x51, LEFT, 0x47, LEFT, 0x43, LEFT);
}

/* L2 is frozen with RFLAGS.IF=1, and takes nothing before L1 has notified it. */
static void fly_unnotified(void)
{
	struct l2 *l2 = SCRIPT_L2(S_STI, S_FREEZE, S_MARK(2), S_CLI, S_TELL(1), S_LET_IN);

	post_three(l2);
	if (!l2_tells(l2, 1) || !SCRIPT_TRACED(l2, 2) || !all_in_pir(l2))
		return;
	notify();
	ENDS_WITH_THREE(l2);
}

/* A sender between its two steps: the PIR is set, ON comes next. */
static void fly_no_on(void)
{
	struct l2 *l2 = SCRIPT_L2(S_STI, S_FREEZE, S_MARK(2), S_CLI, S_TELL(1), S_LET_IN);

	post_three(l2);
	l2->pi->control = 0;
	l2->apicv = false;
	if (!l2_tells(l2, 1) || !SCRIPT_TRACED(l2, 2) || !all_in_pir(l2) ||
	    !ktap_check("ON", 0, l2->pi->control))
		return;
	l2->apicv = true;
	pi_notify(l2->pi);
	notify();
	ENDS_WITH_THREE(l2);
}

/* SN only tells senders to be quiet; the processor does not look at it. */
static void fly_sn(void)
{
	struct l2 *l2 =
		SCRIPT_L2(S_STI, S_FREEZE, S_MARK(2), S_CLI, S_TELL(1), S_LET_IN, S_TELL(2));

	post_three(l2);
	l2->pi->control |= PI_SN;
	l2->apicv = false;
	if (!l2_tells(l2, 1) || !SCRIPT_TRACED(l2, 2) || !all_in_pir(l2) ||
	    !ktap_check("ON and SN", PI_ON | PI_SN, l2->pi->control))
		return;
	notify();
	if (!l2_tells(l2, 2) || !ktap_check("SN", PI_SN, l2->pi->control))
		return;
	l2->pi->control = 0;
	l2->apicv = true;
	ENDS_WITH_THREE(l2);
}

static void fly_pending(void)
{
	struct l2 *l2 = SCRIPT_L2(S_LET_IN);

	post_three(l2);
	notify();
	freeze_point();
	ENDS_WITH_THREE(l2);
}

static bool exits_for(struct l2 *l2, uint8_t vector)
{
	return l2_exits(l2, EXIT_REASON_EXTERNAL_INTERRUPT) &&
	       ktap_check("VM_EXIT_INTR_INFO", INTR_VALID | vector, vmcs_read(VM_EXIT_INTR_INFO)) &&
	       ktap_check("vector in service in L1", 1, apic_isr(vector));
}

static void fly_in_handler(void)
{
	struct l2 *l2 = SCRIPT_L2(S_SELF_IPI(0x62), S_LET_IN, S_HANDLER(0x62), S_STI, S_TELL(1),
				  S_MARK(2), S_PPR(0x60), S_EOI, S_MARK(3));

	if (!l2_tells(l2, 1) || !SCRIPT_TRACED(l2, 0x62))
		return;
	l2_post(l2, 0x51);
	l2_post(l2, 0x43);
	notify();
	freeze_point();
	SCRIPT_ENDS(l2, 2, 0x51, LEFT, 0x43, LEFT, 3, LEFT);
}

static void fly_and_higher(void)
{
	struct l2 *l2 = SCRIPT_L2(S_LET_IN);

	post_three(l2);
	notify();
	self_ipi(0xf8);
	freeze_point();
	if (!exits_for(l2, 0xf8) || !all_in_pir(l2))
		return;
	wrmsr(MSR_X2APIC_EOI, 0);
	ENDS_WITH_THREE(l2);
}

/* The notification is the higher one: it is processed first, then the other vector exits. */
static void fly_and_lower(void)
{
	struct l2 *l2 = SCRIPT_L2(S_LET_IN);

	post_three(l2);
	notify();
	self_ipi(0x35);
	freeze_point();
	if (!exits_for(l2, 0x35))
		return;
	wrmsr(MSR_X2APIC_EOI, 0);
	ktap_check("RVI", 0x92, vmcs_read(GUEST_INTR_STATUS));
	ENDS_WITH_THREE(l2);
}

static void fly_behind_isr(void)
{
	struct l2 *l2 = SCRIPT_L2(S_LET_IN, S_TELL(1), S_LET_IN);

	post_three(l2);
	notify();
	self_ipi(0xf8);
	if (!exits_for(l2, 0xf8))
		return;
	freeze_point();
	if (!l2_tells(l2, 1) || !all_in_pir(l2))
		return;
	wrmsr(MSR_X2APIC_EOI, 0);
	ENDS_WITH_THREE(l2);
}

static void fly_into_hlt(void)
{
	struct l2 *l2 = SCRIPT_L2(S_TELL(1), S_CLI);

	if (!l2_tells(l2, 1))
		return;
	vmcs_write(GUEST_RFLAGS, vmcs_read(GUEST_RFLAGS) | RFLAGS_IF);
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_HLT);
	post_three(l2);
	notify();
	freeze_point();
	ENDS_WITH_THREE(l2);
}

static bool can_enter_hlt(char *why, size_t size)
{
	return vmx_misc_cap(MISC_CAP_HLT, "no VM entry into HLT", why, size);
}

#define PROCESSING                                                                                \
	PROMISE("SDM, Posted-Interrupt Processing: only the notification vector, arriving or "    \
		"pending when L2 is entered, moves the PIR to VIRR and RVI, and then all of it; " \
		"L1 is not told")
#define TOO_EARLY                                                                       \
	BUG("none known"),                                                              \
		FAILURE("a vector missing, doubled, out of order, or taken before its " \
			"notification"),                                                \
		FREEZE(port)

SCENARIO(pir_notified, NEEDS(L2_APICV), FLY(fly_notified),
	 TITLE("posted interrupts, merged with pending ones, wait behind RFLAGS.IF=0"), PROCESSING,
	 HOST("snapshot in L2 after the notification was processed"), TOO_EARLY,
	 PROOF("l2 runnable rvi=0x92 virr:0x92 virr:0x51 virr:0x47 virr:0x43 !pir:0x92 !pir:0x47 "
	       "!on !irr:0xf2"));
SCENARIO(pir_unnotified, NEEDS(L2_APICV), FLY(fly_unnotified),
	 TITLE("interrupts posted with ON=1, but not notified"), PROCESSING,
	 HOST("snapshot in L2 with RFLAGS.IF=1"), TOO_EARLY,
	 PROOF("l2 runnable pir:0x92 pir:0x51 pir:0x43 on !sn rvi=0 !irr:0xf2 rflags&0x200"));
SCENARIO(pir_no_on, NEEDS(L2_APICV), FLY(fly_no_on),
	 TITLE("interrupts posted in the PIR, ON not yet set"), PROCESSING,
	 HOST("snapshot in L2 with RFLAGS.IF=1, as if the sender was between its two steps"),
	 TOO_EARLY,
	 PROOF("l2 runnable pir:0x92 pir:0x51 pir:0x43 !on rvi=0 !irr:0xf2 rflags&0x200"));
SCENARIO(pir_sn, NEEDS(L2_APICV), FLY(fly_sn),
	 TITLE("interrupts posted with ON=1 and SN=1, notified later nevertheless"), PROCESSING,
	 HOST("snapshot in L2 with RFLAGS.IF=1"), TOO_EARLY,
	 PROOF("l2 runnable pir:0x92 pir:0x51 pir:0x43 on sn rvi=0 !irr:0xf2 rflags&0x200"));
SCENARIO(nv_pending, NEEDS(L2_APICV), FLY(fly_pending),
	 TITLE("the notification is pending in L1's local APIC right before VM entry"), PROCESSING,
	 HOST("snapshot in L1"), TOO_EARLY,
	 PROOF("vmxon vmcs12 !l2 irr:0xf2 pir:0x92 pir:0x51 pir:0x43 on"));
SCENARIO(nv_in_handler, NEEDS(L2_APICV), FLY(fly_in_handler),
	 TITLE("the notification is pending right before VM entry into an interrupt handler"),
	 PROCESSING, HOST("snapshot in L1"), TOO_EARLY,
	 PROOF("vmxon vmcs12 !l2 svi=0x62 visr:0x62 irr:0xf2 pir:0x51 pir:0x43 on"));
SCENARIO(nv_and_higher, NEEDS(L2_APICV), FLY(fly_and_higher),
	 TITLE("notification and a higher vector pending in L1 right before VM entry"), PROCESSING,
	 HOST("snapshot in L1"), TOO_EARLY,
	 PROOF("vmxon vmcs12 !l2 irr:0xf2 irr:0xf8 pir:0x92 pir:0x51 pir:0x43 on"));
SCENARIO(nv_and_lower, NEEDS(L2_APICV), FLY(fly_and_lower),
	 TITLE("notification and a lower vector pending in L1 right before VM entry"), PROCESSING,
	 HOST("snapshot in L1"), TOO_EARLY,
	 PROOF("vmxon vmcs12 !l2 irr:0xf2 irr:0x35 pir:0x92 pir:0x51 pir:0x43 on"));
SCENARIO(nv_behind_isr, NEEDS(L2_APICV), FLY(fly_behind_isr),
	 TITLE("the notification waits for L1's EOI of a vector of its class"), PROCESSING,
	 HOST("snapshot in L1, between the VM exit that acknowledged that vector and L1's EOI"),
	 TOO_EARLY, PROOF("vmxon vmcs12 !l2 isr:0xf8 irr:0xf2 pir:0x92 pir:0x51 pir:0x43 on"));
SCENARIO(nv_into_hlt, NEEDS(L2_APICV), FLY(fly_into_hlt, .possible = can_enter_hlt),
	 TITLE("the notification is pending right before a halted L2 is entered"), PROCESSING,
	 HOST("snapshot in L1, GUEST_ACTIVITY_STATE=1 (HLT)"), TOO_EARLY,
	 PROOF("vmxon vmcs12 !l2 irr:0xf2 pir:0x92 pir:0x51 pir:0x43 on GUEST_ACTIVITY_STATE=1"));
