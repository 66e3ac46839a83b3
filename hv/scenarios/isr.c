/* SPDX-License-Identifier: BSD-2-Clause */
/* L2 in its interrupt handlers: vectors in service, and others pending; told of below. */
#include "hv/scenario.h"
#include "hv/script.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/x2apic.h"

#define LEFT SCRIPT_LEFT

static void fly_eoi(void)
{
	struct l2 *l2 = SCRIPT_L2(S_SELF_IPI(0x51), S_LET_IN, S_HANDLER(0x51), S_FREEZE,
				  S_PPR(0x50), S_EOI, S_PPR(0));

	SCRIPT_ENDS(l2, 0x51, LEFT);
}

/* 0x52 is higher, but of the class in service. */
static void fly_lower(void)
{
	struct l2 *l2 = SCRIPT_L2(S_SELF_IPI(0x51), S_LET_IN, S_HANDLER(0x51), S_SELF_IPI(0x43),
				  S_SELF_IPI(0x52), S_STI, S_FREEZE, S_MARK(2), S_EOI, S_MARK(3));

	SCRIPT_ENDS(l2, 0x51, 2, 0x52, LEFT, 0x43, LEFT, 3, LEFT);
}

static void fly_higher(void)
{
	struct l2 *l2 = SCRIPT_L2(S_SELF_IPI(0x51), S_LET_IN, S_HANDLER(0x51), S_SELF_IPI(0x92),
				  S_SELF_IPI(0x43), S_FREEZE, S_MARK(2), S_STI, S_MARK(3), S_EOI,
				  S_MARK(4));

	SCRIPT_ENDS(l2, 0x51, 2, 0x92, LEFT, 3, 0x43, LEFT, 4, LEFT);
}

static void fly_again(void)
{
	struct l2 *l2 = SCRIPT_L2(S_SELF_IPI(0x51), S_LET_IN, S_HANDLER(0x51), S_SELF_IPI(0x51),
				  S_STI, S_FREEZE, S_MARK(2), S_EOI, S_MARK(3));

	SCRIPT_ENDS(l2, 0x51, 2, 0x51, LEFT, 3, LEFT);
}

static void fly_behind_vtpr(void)
{
	struct l2 *l2 = SCRIPT_L2(S_SELF_IPI(0x51), S_LET_IN, S_HANDLER(0x51), S_TPR(0x70),
				  S_SELF_IPI(0x62), S_SELF_IPI(0x43), S_STI, S_FREEZE, S_PPR(0x70),
				  S_MARK(2), S_TPR(0), S_PPR(0x50), S_MARK(3), S_EOI, S_MARK(4));

	SCRIPT_ENDS(l2, 0x51, 2, 0x62, LEFT, 3, 0x43, LEFT, 4, LEFT);
}

static void fly_nested2(void)
{
	struct l2 *l2 = SCRIPT_L2(S_SELF_IPI(0x51), S_LET_IN, S_HANDLER(0x51), S_SELF_IPI(0x43),
				  S_SELF_IPI(0x92), S_STI, S_MARK(3), S_EOI, S_MARK(4),
				  S_HANDLER(0x92), S_FREEZE, S_MARK(2), S_EOI);

	SCRIPT_ENDS(l2, 0x51, 0x92, 2, LEFT, 3, 0x43, LEFT, 4, LEFT);
}

static void fly_nested3(void)
{
	struct l2 *l2 = SCRIPT_L2(S_SELF_IPI(0x43), S_LET_IN, S_HANDLER(0x43), S_SELF_IPI(0x51),
				  S_STI, S_MARK(4), S_PPR(0x40), S_EOI, S_PPR(0), S_HANDLER(0x51),
				  S_SELF_IPI(0x92), S_STI, S_MARK(3), S_PPR(0x50), S_EOI,
				  S_PPR(0x40), S_HANDLER(0x92), S_SELF_IPI(0x52), S_FREEZE,
				  S_PPR(0x90), S_MARK(2), S_EOI, S_PPR(0x50));

	SCRIPT_ENDS(l2, 0x43, 0x51, 0x92, 2, LEFT, 3, 0x52, LEFT, LEFT, 4, LEFT);
}

static void fly_eoi_given(void)
{
	struct l2 *l2 = SCRIPT_L2(S_SELF_IPI(0x51), S_LET_IN, S_HANDLER(0x51), S_SELF_IPI(0x43),
				  S_EOI, S_FREEZE, S_MARK(2));

	SCRIPT_ENDS(l2, 0x51, 2, LEFT, 0x43, LEFT);
}

static void fly_eoi_inner(void)
{
	struct l2 *l2 = SCRIPT_L2(S_SELF_IPI(0x51), S_LET_IN, S_HANDLER(0x51), S_SELF_IPI(0x92),
				  S_SELF_IPI(0x43), S_SELF_IPI(0x54), S_STI, S_MARK(3), S_EOI,
				  S_MARK(4), S_HANDLER(0x92), S_EOI, S_FREEZE, S_MARK(2));

	SCRIPT_ENDS(l2, 0x51, 0x92, 2, LEFT, 3, 0x54, LEFT, 0x43, LEFT, 4, LEFT);
}

/* Only what is higher than the class in service may wake L2; L1 looks after a while. */
static void fly_halted(void)
{
	enum { LOOK = 0x35, LOOK_TICKS = 50000000 };
	struct l2 *l2 = SCRIPT_L2(S_SELF_IPI(0x51), S_LET_IN, S_HANDLER(0x51), S_SELF_IPI(0x43),
				  S_SELF_IPI(0x54), S_SLEEP, S_MARK(2), S_EOI);

	expect_quiet(hop_current(), LOOK_TICKS);
	apic_timer_arm(LOOK, LOOK_TICKS);
	if (!l2_exits(l2, EXIT_REASON_EXTERNAL_INTERRUPT))
		return;
	wrmsr(MSR_X2APIC_EOI, 0);
	ktap_check("VM_EXIT_INTR_INFO", intr_info(INTR_EXTERNAL, LOOK),
		   vmcs_read(VM_EXIT_INTR_INFO));
	ktap_check("activity state", GUEST_ACTIVITY_HLT, vmcs_read(GUEST_ACTIVITY_STATE));
	if (!SCRIPT_TRACED(l2, 0x51))
		return;
	l2_pend(l2, 0x92);
	SCRIPT_ENDS(l2, 0x92, LEFT, 2, LEFT, 0x54, LEFT, 0x43, LEFT);
}

/* The notification moves to VIRR what may not come in before the handler's EOI. */
static void fly_notified(void)
{
	struct l2 *l2 = SCRIPT_L2(S_SELF_IPI(0x51), S_LET_IN, S_HANDLER(0x51), S_STI, S_FREEZE,
				  S_MARK(2), S_PPR(0x50), S_EOI, S_MARK(3));

	expect_vector(L2_NOTIFICATION_VECTOR, NULL);
	l2_post(l2, 0x43);
	l2_post(l2, 0x54);
	SCRIPT_ENDS(l2, 0x51, 2, 0x54, LEFT, 0x43, LEFT, 3, LEFT);
}

#define IN_SERVICE                                                                                \
	PROMISE("SDM, Virtual-Interrupt Delivery and EOI Virtualization: SVI is the highest "     \
		"vector in service; an interrupt of its class or below waits for its EOI, which " \
		"gives SVI back to the next one in VISR")
#define WRONG_ORDER                                                                            \
	BUG("none known"),                                                                     \
		FAILURE("a vector missing, doubled or out of order, an EOI that ends another " \
			"vector, or a wrong PPR"),                                             \
		FREEZE(port)

SCENARIO(isr_eoi, NEEDS(L2_APICV), FLY(fly_eoi), TITLE("L2 in an interrupt handler, no EOI given"),
	 IN_SERVICE, HOST("snapshot in the handler"), WRONG_ORDER,
	 PROOF("l2 runnable svi=0x51 visr:0x51 rvi=0 vppr=0x50 !rflags&0x200"));
SCENARIO(isr_lower, NEEDS(L2_APICV), FLY(fly_lower),
	 TITLE("L2 in a handler, vectors of the same and of a lower class pending"), IN_SERVICE,
	 HOST("snapshot in the handler"), WRONG_ORDER,
	 PROOF("l2 runnable svi=0x51 visr:0x51 rvi=0x52 virr:0x52 virr:0x43 rflags&0x200"));
SCENARIO(isr_higher, NEEDS(L2_APICV), FLY(fly_higher),
	 TITLE("L2 in a handler, a higher vector waits for RFLAGS.IF, a lower one for EOI"),
	 IN_SERVICE, HOST("snapshot in the handler"), WRONG_ORDER,
	 PROOF("l2 runnable svi=0x51 visr:0x51 rvi=0x92 virr:0x92 virr:0x43 !rflags&0x200"));
SCENARIO(isr_again, NEEDS(L2_APICV), FLY(fly_again),
	 TITLE("the same vector in service and pending once more"), IN_SERVICE,
	 HOST("snapshot in the handler"), WRONG_ORDER,
	 PROOF("l2 runnable svi=0x51 visr:0x51 rvi=0x51 virr:0x51 rflags&0x200"));
SCENARIO(isr_behind_vtpr, NEEDS(L2_APICV), FLY(fly_behind_vtpr),
	 TITLE("L2 in a handler, a vector of a higher class waits behind VTPR"), IN_SERVICE,
	 HOST("snapshot in the handler"), WRONG_ORDER,
	 PROOF("l2 runnable svi=0x51 visr:0x51 vtpr=0x70 vppr=0x70 rvi=0x62 virr:0x62 virr:0x43 "
	       "rflags&0x200"));
SCENARIO(isr_nested2, NEEDS(L2_APICV), FLY(fly_nested2),
	 TITLE("L2 in two nested handlers, a vector of a lower class pending"), IN_SERVICE,
	 HOST("snapshot in the inner handler"), WRONG_ORDER,
	 PROOF("l2 runnable svi=0x92 visr:0x92 visr:0x51 rvi=0x43 virr:0x43 vppr=0x90"));
SCENARIO(isr_nested3, NEEDS(L2_APICV), FLY(fly_nested3),
	 TITLE("L2 in three nested handlers, a pending vector waits for two EOIs"), IN_SERVICE,
	 HOST("snapshot in the innermost handler"), WRONG_ORDER,
	 PROOF("l2 runnable svi=0x92 visr:0x92 visr:0x51 visr:0x43 rvi=0x52 virr:0x52 vppr=0x90"));
SCENARIO(eoi_given, NEEDS(L2_APICV), FLY(fly_eoi_given),
	 TITLE("L2 has just given the EOI, the handler's IRET is still to come"), IN_SERVICE,
	 HOST("snapshot right behind the EOI"), WRONG_ORDER,
	 PROOF("l2 runnable svi=0 !visr:0x51 rvi=0x43 virr:0x43 vppr=0 !rflags&0x200"));
SCENARIO(eoi_inner, NEEDS(L2_APICV), FLY(fly_eoi_inner),
	 TITLE("L2 has just given the EOI of the inner of two nested handlers"), IN_SERVICE,
	 HOST("snapshot right behind that EOI"), WRONG_ORDER,
	 PROOF("l2 runnable svi=0x51 visr:0x51 !visr:0x92 rvi=0x54 virr:0x54 virr:0x43 vppr=0x50"));
SCENARIO(isr_notified, NEEDS(L2_APICV), FLY(fly_notified, .possible = hop_host_there),
	 TITLE("L2 in a handler; posted vectors of its class and below are notified"), IN_SERVICE,
	 HOST("snapshot in the handler; the notification comes before the first KVM_RUN"),
	 WRONG_ORDER, ACT(irq, restored),
	 PROOF("l2 runnable svi=0x51 visr:0x51 rvi=0 pir:0x54 pir:0x43 on rflags&0x200"));
SCENARIO(isr_halted, NEEDS(L2_APICV), FLY(fly_halted),
	 TITLE("L2 sleeps in a handler; what is pending may not wake it"),
	 PROMISE("SDM, Evaluation of Pending Virtual Interrupts: an interrupt of the class in "
		 "service or below is not recognized, nor does it end the HLT activity state"),
	 HOST("snapshot of the sleeping L2; later L1's timer takes it back to L1"),
	 BUG("none known"), FAILURE("L2 wakes by itself, or not at all"), FREEZE(blocked),
	 PROOF("l2 halted svi=0x51 visr:0x51 rvi=0x54 virr:0x54 virr:0x43 rflags&0x200"));
