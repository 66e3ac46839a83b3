/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtual interrupts that are pending in VIRR and RVI, and what L2 must still do before it takes
 * them; told of below.
 */
#include "hv/scenario.h"
#include "hv/script.h"
#include "lib/cpu.h"

#define INSN_NOP 0x90
#define INSN_HLT 0xf4
#define STI	 "\xfb", 1
#define VMCALL	 "\x0f\x01\xc1", 3

/* TSC ticks until a sleeping L2 is notified; the host freezes it before. */
#define SLEEP 50000000

#define BLOCKING_BY_MOV_SS (1u << 1)

static void pend_three(struct l2 *l2)
{
	l2_pend(l2, 0x51);
	l2_pend(l2, 0x43);
	l2_pend(l2, 0x92);
}

#define ENDS_WITH_THREE(l2) SCRIPT_ENDS(l2, 0x92, SCRIPT_LEFT, 0x51, SCRIPT_LEFT, 0x43, SCRIPT_LEFT)

static void fly_if_on(void)
{
	struct l2 *l2 = SCRIPT_L2(S_STI_FREEZE);

	pend_three(l2);
	ENDS_WITH_THREE(l2);
}

static void fly_self_ipi(void)
{
	struct l2 *l2 =
		SCRIPT_L2(S_SELF_IPI(0x51), S_SELF_IPI(0x92), S_SELF_IPI(0x43), S_FREEZE, S_LET_IN);

	ENDS_WITH_THREE(l2);
}

static void fly_behind_vtpr(void)
{
	struct l2 *l2 = SCRIPT_L2(S_TPR(0x90), S_SELF_IPI(0x51), S_SELF_IPI(0x92), S_SELF_IPI(0x43),
				  S_STI, S_FREEZE, S_PPR(0x90), S_MARK(2), S_TPR(0x80), S_MARK(3),
				  S_TPR(0x50), S_MARK(4), S_TPR(0x40), S_MARK(5), S_TPR(0));

	SCRIPT_ENDS(l2, 2, 0x92, SCRIPT_LEFT, 3, 4, 0x51, SCRIPT_LEFT, 5, 0x43, SCRIPT_LEFT);
}

static void fly_sti_shadow(void)
{
	struct l2 *l2 = SCRIPT_L2(S_FREEZE, S_CALL(1));

	pend_three(l2);
	expect_page(script_code(l2, STI, INSN_NOP));
	ENDS_WITH_THREE(l2);
}

static void fly_sti_hlt(void)
{
	struct l2 *l2 = SCRIPT_L2(S_FREEZE, S_CALL(1));

	pend_three(l2);
	expect_page(script_code(l2, STI, INSN_HLT));
	ENDS_WITH_THREE(l2);
}

static void fly_sti_hlt_idle(void)
{
	struct l2 *l2 = SCRIPT_L2(S_FREEZE, S_CALL(1));

	l2_post(l2, 0x51);
	l2_post(l2, 0x43);
	l2_post(l2, 0x92);
	expect_page(script_code(l2, STI, INSN_HLT));
	expect_quiet(hop_current(), SLEEP);
	l2_notify_in(SLEEP);
	ENDS_WITH_THREE(l2);
}

/* L2 cannot block by MOV SS what it has just unblocked by STI, so L1 enters it like that. */
static void fly_mov_ss(void)
{
	struct l2 *l2 = SCRIPT_L2(S_CALL(3));

	expect_page(script_code(l2, VMCALL, INSN_NOP));
	if (!l2_tells(l2, SCRIPT_CALLS))
		return;
	vmcs_write(GUEST_RFLAGS, vmcs_read(GUEST_RFLAGS) | RFLAGS_IF);
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, BLOCKING_BY_MOV_SS);
	pend_three(l2);
	freeze_point();
	ENDS_WITH_THREE(l2);
}

#define DELIVERED                                                                                  \
	PROMISE("SDM, Evaluation of Pending Virtual Interrupts and Virtual-Interrupt Delivery: a " \
		"pending virtual interrupt is delivered as soon as priority, RFLAGS.IF and "       \
		"blocking by STI and MOV SS allow it, not earlier")
#define MISPLACED \
	FAILURE("a vector missing, doubled, out of order, or taken at another instruction")

SCENARIO(rvi_if_on, NEEDS(L2_APICV), FLY(fly_if_on),
	 TITLE("virtual interrupts pending with RFLAGS.IF=1, to be taken at once"), DELIVERED,
	 HOST("snapshot right behind an instruction in the shadow of STI"), BUG("none known"),
	 MISPLACED, FREEZE(port),
	 PROOF("l2 runnable rvi=0x92 svi=0 virr:0x92 virr:0x51 virr:0x43 rflags&0x200"));
SCENARIO(rvi_self_ipi, NEEDS(L2_APICV), FLY(fly_self_ipi),
	 TITLE("L2 has sent three self-IPIs with RFLAGS.IF=0"),
	 PROMISE("SDM, Self-IPI Virtualization: the vector is pending in VIRR and RVI at once"),
	 HOST("snapshot right behind the last WRMSR"), BUG("none known"), MISPLACED, FREEZE(port),
	 PROOF("l2 runnable rvi=0x92 svi=0 virr:0x92 virr:0x51 virr:0x43 !rflags&0x200"));
SCENARIO(rvi_behind_vtpr, NEEDS(L2_APICV), FLY(fly_behind_vtpr),
	 TITLE("virtual interrupts wait behind VTPR with RFLAGS.IF=1"),
	 PROMISE("SDM, TPR Virtualization and PPR Virtualization: an interrupt is delivered when "
		 "L2 has lowered its TPR below the interrupt's priority class"),
	 HOST("snapshot with VTPR=0x90, 0x92 the highest that is pending"), BUG("none known"),
	 MISPLACED, FREEZE(port),
	 PROOF("l2 runnable rvi=0x92 vtpr=0x90 vppr=0x90 virr:0x51 virr:0x43 rflags&0x200"));
SCENARIO(sti_shadow, NEEDS(L2_APICV), FLY(fly_sti_shadow),
	 TITLE("virtual interrupts pending in the shadow of STI"), DELIVERED,
	 HOST("snapshot between STI and the next instruction, whose page is missing"),
	 BUG("none known"), MISPLACED, FREEZE(page),
	 PROOF("l2 runnable rvi=0x92 virr:0x51 virr:0x43 rflags&0x200 "
	       "GUEST_INTERRUPTIBILITY_INFO=1 events.interrupt.shadow=2"));
SCENARIO(sti_hlt, NEEDS(L2_APICV), FLY(fly_sti_hlt),
	 TITLE("virtual interrupts pending between STI and HLT"), DELIVERED,
	 HOST("snapshot between STI and HLT, whose page is missing"), BUG("none known"),
	 FAILURE("interrupts taken before HLT, and L2 sleeps for ever"), FREEZE(page),
	 PROOF("l2 runnable rvi=0x92 virr:0x51 virr:0x43 rflags&0x200 "
	       "GUEST_INTERRUPTIBILITY_INFO=1 events.interrupt.shadow=2"));
SCENARIO(sti_hlt_idle, NEEDS(L2_APICV), FLY(fly_sti_hlt_idle),
	 TITLE("between STI and HLT with nothing pending, woken later by a notification"),
	 DELIVERED, HOST("snapshot between STI and HLT, whose page is missing"), BUG("none known"),
	 FAILURE("L2 sleeps for ever"), FREEZE(page),
	 PROOF("l2 runnable rvi=0 pir:0x92 pir:0x51 pir:0x43 on !irr:0xf2 rflags&0x200 "
	       "GUEST_INTERRUPTIBILITY_INFO=1 events.interrupt.shadow=2"));
SCENARIO(mov_ss_shadow, NEEDS(L2_APICV), FLY(fly_mov_ss),
	 TITLE("virtual interrupts pending, blocked by MOV SS for one instruction"), DELIVERED,
	 HOST("snapshot behind the VM entry that loads this blocking; the page of L2's next "
	      "instruction is missing"),
	 BUG("none known"), MISPLACED, FREEZE(page),
	 PROOF("l2 runnable !run-pending rvi=0x92 virr:0x51 virr:0x43 rflags&0x200 "
	       "GUEST_INTERRUPTIBILITY_INFO=2 events.interrupt.shadow=1"));
