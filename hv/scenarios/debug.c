/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debug exceptions and monitor-trap-flag exits that became pending with the last instruction before
 * the snapshot; told of below.
 */
#include "hv/exits.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"

#define VECTOR	 0x93
#define DR6_INIT 0xffff0ff0
#define DR6_B0	 (1 << 0)
#define DR6_BS	 (1 << 14) /* also in the pending debug exceptions and the exit qualification */
#define STEPS	 64

static struct l2 l2;

static bool behind_out(void)
{
	return ktap_check("L2's RIP behind the OUT", l2.shared->val[0], vmcs_read(GUEST_RIP));
}

/* L2 comes to point 2 and has had one #DB, behind the OUT. */
static void check_db(uint64_t dr6)
{
	if (!l2_tells(&l2, 2))
		return;
	ktap_check("#DB in L2", 1, l2.shared->val[1]);
	ktap_check("RIP at #DB", l2.shared->val[0], l2.shared->val[2]);
	ktap_check("DR6 at #DB", dr6, l2.shared->val[3]);
}

static void fly_single_step(void)
{
	l2_create(&l2, "single_step");
	check_db(DR6_INIT | DR6_BS);
}

static void fly_single_step_exit(void)
{
	l2_create(&l2, "single_step");
	vmcs_write(EXCEPTION_BITMAP, 1 << VECTOR_DB);
	if (!l2_exits_exception(&l2, VECTOR_DB, -1) || !behind_out())
		return;
	ktap_check("exit qualification", DR6_BS, vmcs_read(EXIT_QUALIFICATION));
	vmcs_write(GUEST_RFLAGS, vmcs_read(GUEST_RFLAGS) & ~RFLAGS_TF);
	if (!l2_tells(&l2, 2))
		return;
	ktap_check("#DB in L2", 0, l2.shared->val[1]);
	ktap_check("DR6 behind a #DB that exited", DR6_INIT, l2.shared->val[4]);
}

static void fly_movss_break(void)
{
	l2_create(&l2, "movss_break");
	check_db(DR6_INIT | DR6_B0);
}

static void mtf(bool on)
{
	vmx_control_set(VMX_CPU_MONITOR_TRAP_FLAG, on);
}

/* One MTF exit, behind the OUT. */
static bool mtf_behind_out(void)
{
	bool ok;

	l2_create(&l2, "port");
	if (!l2_tells(&l2, 1))
		return false;
	mtf(true);
	ok = l2_exits(&l2, EXIT_REASON_MONITOR_TRAP_FLAG) && behind_out();
	mtf(false);
	return ok;
}

static void fly_mtf_pending(void)
{
	if (mtf_behind_out())
		l2_tells(&l2, 2);
}

static void fly_mtf_irq(void)
{
	expect_vector(VECTOR, NULL);
	if (mtf_behind_out() && l2_exits_irq(&l2, VECTOR) && behind_out())
		l2_tells(&l2, 2);
}

static void fly_mtf_init(void)
{
	l2_create(&l2, "port");
	if (!l2_tells(&l2, 1))
		return;
	mtf(true);
	if (!l2_exits(&l2, EXIT_REASON_INIT_SIGNAL) || !behind_out())
		return;
	mtf(false);
	l2_tells(&l2, 2);
}

/* MTF all the way from point 1 to behind the OUT, which has TF set. */
static void fly_mtf_single_step(void)
{
	unsigned steps = 0;

	l2_create(&l2, "single_step");
	l2.shared->arg[0] = 1;
	if (!l2_tells(&l2, 1))
		return;
	mtf(true);
	do {
		if (!l2_exits(&l2, EXIT_REASON_MONITOR_TRAP_FLAG))
			return;
	} while (vmcs_read(GUEST_RIP) != l2.shared->val[0] && ++steps < STEPS);
	mtf(false);
	if (behind_out() & ktap_check("#DB in L2 before the MTF exit", 0, l2.shared->val[1]) &
	    ktap_check("pending debug exceptions", DR6_BS, vmcs_read(GUEST_PENDING_DBG_EXCEPTIONS)))
		check_db(DR6_INIT | DR6_BS);
}

#define STEP PROMISE("SDM, Debug Exceptions: with RFLAGS.TF a trap follows the next instruction")
#define MTF  "SDM, Monitor Trap Flag: a VM exit is pending behind the instruction"

SCENARIO(single_step, NEEDS(L2_ANY), FLY(fly_single_step), TITLE("single-step trap pending in L2"),
	 STEP, HOST("snapshot behind an OUT with TF set: KVM has #DB pending"), BUG("none known"),
	 FAILURE("no #DB, two, or one later; DR6.BS not set"), FREEZE(port),
	 PROOF("l2 events.exception.pending=1 events.exception.nr=1 rflags&0x100"));
SCENARIO(single_step_exit, NEEDS(L2_ANY), FLY(fly_single_step_exit),
	 TITLE("single-step trap pending in L2, and L1 intercepts #DB"), STEP,
	 HOST("as single_step"),
	 BUG("Linux 5.7, KVM: nVMX: Fix trap-like #DB handling: exit qualification and DR6"),
	 FAILURE("L2 gets the #DB, no exit qualification, or L2's DR6 changes"), FREEZE(port),
	 PROOF("l2 events.exception.pending=1 events.exception.nr=1 EXCEPTION_BITMAP&2"));
SCENARIO(movss_break, NEEDS(L2_ANY), FLY(fly_movss_break),
	 TITLE("data breakpoint that MOV SS holds back"),
	 PROMISE("SDM, Masking Exceptions and Interrupts When Switching Stacks: a data breakpoint "
		 "of MOV SS is delivered behind the next instruction"),
	 HOST("snapshot behind that instruction, an OUT: pending debug exceptions in vmcs12"),
	 BUG("none known"), FAILURE("no #DB, two, or one later; DR6.B0 not set"), FREEZE(port),
	 PROOF("l2 GUEST_PENDING_DBG_EXCEPTIONS&0x1001"));
SCENARIO(mtf_pending, NEEDS(L2_ANY, VMX_CPU_MONITOR_TRAP_FLAG), FLY(fly_mtf_pending),
	 TITLE("monitor-trap-flag exit pending"), PROMISE(MTF),
	 HOST("snapshot behind an OUT under MTF: KVM_STATE_NESTED_MTF_PENDING"),
	 BUG("Linux 5.6, KVM: nVMX: Emulate MTF when performing instruction emulation"),
	 FAILURE("no MTF exit, or one instruction late"), FREEZE(port), PROOF("l2 mtf-pending"));
SCENARIO(mtf_irq, NEEDS(L2_ANY, VMX_CPU_MONITOR_TRAP_FLAG),
	 FLY(fly_mtf_irq, .possible = hop_host_there),
	 TITLE("monitor-trap-flag exit pending, and an interrupt for L1"),
	 PROMISE(MTF ", before external interrupts"),
	 HOST("as mtf_pending; the interrupt between restore and first KVM_RUN"), BUG("none known"),
	 FAILURE("the other order, or one of both is lost"), FREEZE(port), ACT(irq, restored),
	 PROOF("l2 mtf-pending"));
SCENARIO(mtf_init, NEEDS(L2_ANY, VMX_CPU_MONITOR_TRAP_FLAG),
	 FLY(fly_mtf_init, .possible = hop_host_there),
	 TITLE("monitor-trap-flag exit pending, and an INIT signal"),
	 PROMISE(MTF ", behind INIT signals"),
	 HOST("as mtf_pending; INIT between restore and first KVM_RUN"), BUG("none known"),
	 FAILURE("the other order, or an MTF exit when MTF is off"), FREEZE(port),
	 ACT(init, restored), PROOF("l2 mtf-pending"));
SCENARIO(mtf_single_step, NEEDS(L2_ANY, VMX_CPU_MONITOR_TRAP_FLAG), FLY(fly_mtf_single_step),
	 TITLE("monitor-trap-flag exit and single-step trap pending together"),
	 PROMISE(MTF ", before the trap, which waits in the pending debug exceptions"),
	 HOST("snapshot behind an OUT under MTF with TF set"),
	 BUG("Linux 5.7, KVM: nVMX: Preserve pending debug exceptions across MTF"),
	 FAILURE("the other order, or one of both is lost"), FREEZE(port),
	 PROOF("l2 mtf-pending events.exception.pending=1 events.exception.nr=1"));
