/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only an enlightened VMCS has: which one is current by the VP assist page, entries without a
 * launch state, an ordinary VMCS beside it; all told of below. hv/scenarios/evmcs_clean.c is about
 * its clean fields.
 */
#include "hv/enlightened.h"
#include "hv/evmcs.h"
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "hv/steps.h"
#include "hv/vmx.h"
#include "lib/ktap.h"

static struct l2 l2, other;

#define NO_BUG BUG("none known")
#define FAILED FAILURE("an L2 starts again, has another one's state, or a VM entry fails")
#define ENTRY \
	PROMISE("TLFS, Enlightened VMCS: VM entry takes the one that the VP assist page names")

/* ---- one ------------------------------------------------------------------------------------ */

static void fly_l2(void)
{
	turns_create(&l2, 0xa000);
	if (turns_take(&l2, 0xa000, 0xa001, false) && turns_take(&l2, 0xa001, 0xa002, true))
		turns_take(&l2, 0xa002, 0xa003, false);
}

SCENARIO(evmcs_l2, NEEDS(EVMCS, L2_BASE), FLY(fly_l2), TITLE("L2 runs by an enlightened VMCS"),
	 ENTRY, HOST("snapshot in the running L2"),
	 BUG("KubeVirt 7986, QEMU 2251: a Windows VM with Hyper-V does not survive its migration"),
	 FAILED, FREEZE(port), PROOF("l2 runnable evmcs"));

/* Named and filled, and never entered. */
static void fly_current(void)
{
	turns_create(&l2, 0xa000);
	freeze_point();
	vmcs_check_written();
	if (turns_take(&l2, 0xa000, 0xa001, false))
		turns_take(&l2, 0xa001, 0xa002, false);
}

SCENARIO(evmcs_current, NEEDS(EVMCS, L2_BASE), FLY(fly_current),
	 TITLE("an enlightened VMCS is named by the assist page, and was never entered"), ENTRY,
	 HOST("snapshot in L1 before its first VMLAUNCH: KVM knows nothing of it yet"), NO_BUG,
	 FAILED, FREEZE(port), PROOF("vmxon !vmcs12 !evmcs !l2"));

static void fly_l1(void)
{
	turns_create(&l2, 0xa000);
	if (!turns_take(&l2, 0xa000, 0xa001, false))
		return;
	freeze_point();
	if (vmcs_check_written() && turns_take(&l2, 0xa001, 0xa002, false))
		turns_take(&l2, 0xa002, 0xa003, false);
}

SCENARIO(evmcs_l1, NEEDS(EVMCS, L2_BASE), FLY(fly_l1),
	 TITLE("L1 behind an exit, by an enlightened VMCS"), ENTRY,
	 HOST("snapshot in L1 behind an exit: KVM maps the enlightened VMCS again before L1 runs "
	      "on"),
	 NO_BUG, FAILED, FREEZE(port), PROOF("vmxon evmcs !l2 VM_EXIT_REASON=18"));

/* VMLAUNCH of what has run already: an enlightened VMCS has no launch state. */
static void fly_launch_again(void)
{
	turns_create(&l2, 0xa000);
	if (!turns_take(&l2, 0xa000, 0xa001, false))
		return;
	l2.launched = false;
	freeze_point();
	if (!turns_take(&l2, 0xa001, 0xa002, false))
		return;
	l2.launched = false;
	turns_take(&l2, 0xa002, 0xa003, false);
}

SCENARIO(evmcs_launch_again, NEEDS(EVMCS, L2_BASE), FLY(fly_launch_again),
	 TITLE("an enlightened VMCS that has run is launched again"),
	 PROMISE("TLFS, Enlightened VMCS: it has no launch state; at VMLAUNCH nothing is clean"),
	 HOST("snapshot in L1 between an exit and VMLAUNCH"), NO_BUG, FAILED, FREEZE(port),
	 PROOF("vmxon evmcs !l2"));

static void fly_cleared(void)
{
	turns_create(&l2, 0xa000);
	if (!turns_take(&l2, 0xa000, 0xa001, false) ||
	    !ktap_check("VMCLEAR succeeds", 1, vmclear(l2.vmcs)))
		return;
	freeze_point();
	vmcs_check_written();
	l2.launched = false;
	if (turns_take(&l2, 0xa001, 0xa002, false))
		turns_take(&l2, 0xa002, 0xa003, false);
}

SCENARIO(evmcs_cleared, NEEDS(EVMCS, L2_BASE), FLY(fly_cleared),
	 TITLE("VMCLEAR of the current enlightened VMCS"),
	 PROMISE("TLFS, Enlightened VMCS: VMCLEAR makes it inactive, and its memory holds all of "
		 "it"),
	 HOST("snapshot in L1 behind VMCLEAR: the assist page still names it"), NO_BUG, FAILED,
	 FREEZE(port), PROOF("vmxon !vmcs12 !evmcs !l2"));

/* The host takes away a page that KVM asks for within VMLAUNCH or VMRESUME. */
static void pending(bool first, uint64_t page)
{
	turns_create(&l2, 0xa000);
	if (!first && !turns_take(&l2, 0xa000, 0xa001, false))
		return;
	expect_page(page ? page : page_gpa(l2.msr_bitmap));
	freeze_point();
	if (turns_take(&l2, first ? 0xa000 : 0xa001, 0xa002, false))
		turns_take(&l2, 0xa002, 0xa003, false);
}

static void fly_run_pending(void)
{
	pending(true, 0);
}

static void fly_assist_asked(void)
{
	pending(true, page_gpa(vp_assist()));
}

static void fly_evmcs_asked(void)
{
	turns_create(&l2, 0xa000);
	expect_page(l2.vmcs);
	freeze_point();
	if (turns_take(&l2, 0xa000, 0xa002, false))
		turns_take(&l2, 0xa002, 0xa003, false);
}

#define PENDING_ABOUT                                                                             \
	PROMISE("SDM, VM Entries: VM entry is one step; what it loads and injects happens once"), \
		BUG("Levitsky 2021: events of L1's VM entry lost when a migration hits "          \
		    "nested_run_pending"),                                                        \
		FAILED, FREEZE(page), PROOF("l2 run-pending evmcs")

SCENARIO(evmcs_run_pending, NEEDS(EVMCS, L2_BASE), FLY(fly_run_pending),
	 TITLE("VMLAUNCH by an enlightened VMCS, L2's first instruction not yet executed"),
	 HOST("snapshot while KVM waits inside VMLAUNCH for the MSR bitmap: nested_run_pending"),
	 PENDING_ABOUT);
SCENARIO(evmcs_assist_asked, NEEDS(EVMCS, L2_BASE), FLY(fly_assist_asked),
	 TITLE("KVM asked for the VP assist page within VMLAUNCH"),
	 HOST("snapshot while KVM waits inside VMLAUNCH for the VP assist page"), PENDING_ABOUT);
SCENARIO(evmcs_page_asked, NEEDS(EVMCS, L2_BASE), FLY(fly_evmcs_asked),
	 TITLE("KVM asked for the enlightened VMCS within VMLAUNCH"),
	 HOST("snapshot while KVM waits inside VMLAUNCH for the enlightened VMCS"), PENDING_ABOUT);

/* ---- entries that fail ---------------------------------------------------------------------- */

#define ERROR_INVALID_CONTROL 7

/* A field is wrong when the VM is frozen; L1 then mends it. */
static void wrong(enum vmcs_field field, uint64_t val, bool (*fails)(void))
{
	uint64_t right;

	turns_create(&l2, 0xa000);
	if (!turns_take(&l2, 0xa000, 0xa001, false))
		return;
	right = vmcs_read(field);
	vmcs_write(field, val);
	freeze_point();
	if (!fails() || !vmcs_check_written())
		return;
	vmcs_write(field, right);
	turns_take(&l2, 0xa001, 0xa002, false);
}

static bool fails_control(void)
{
	return l2_entry_fails(&l2, ERROR_INVALID_CONTROL);
}

static bool fails_guest(void)
{
	return ktap_check("VM entry", L2_ENTRY_OK, vmx_enter(&l2.regs, true)) &&
	       ktap_check("exit reason",
			  VMX_EXIT_REASONS_FAILED_VMENTRY | EXIT_REASON_INVALID_STATE,
			  vmcs_read(VM_EXIT_REASON));
}

static void fly_wrong_vpid(void)
{
	wrong(VIRTUAL_PROCESSOR_ID, 0, fails_control);
}

/* A control of which the enlightened VMCS has no fields; IA32_VMX_PINBASED_CTLS says so, too. */
static void fly_wrong_control(void)
{
	wrong(PIN_BASED_VM_EXEC_CONTROL,
	      vmx_control_bit(VMX_PIN_PREEMPTION_TIMER) | vmx_control_bit(VMX_PIN_EXT_INTR) |
		      vmx_control_bit(VMX_PIN_NMI) | 0x16,
	      fails_control);
}

static void fly_wrong_guest(void)
{
	wrong(GUEST_RFLAGS, 0x44, fails_guest); /* bit 1 is 0 */
}

#define WRONG(id, fn, what, promise, proof)                                                     \
	SCENARIO(evmcs_wrong_##id, NEEDS(EVMCS, L2_BASE), FLY(fn),                              \
		 TITLE("an enlightened VMCS has " what ", and the next VM entry fails"),        \
		 PROMISE(promise), HOST("snapshot in L1 before the VM entry"), NO_BUG,          \
		 FAILURE("the VM entry succeeds or fails otherwise, or L2 is lost when L1 has " \
			 "mended it"),                                                          \
		 FREEZE(port), PROOF(proof))
WRONG(vpid, fly_wrong_vpid, "VPID 0", "SDM, Checks on VM-Execution Control Fields: VMfailValid, 7",
      "vmxon evmcs !l2 VIRTUAL_PROCESSOR_ID=0");
WRONG(control, fly_wrong_control, "a control that it has no fields for",
      "TLFS, Enlightened VMCS: what it has no fields for cannot be used; SDM: VMfailValid, 7",
      "vmxon evmcs !l2 PIN_BASED_VM_EXEC_CONTROL&0x40");
WRONG(guest, fly_wrong_guest, "RFLAGS that cannot be",
      "SDM, Checks on Guest RIP, RFLAGS, and SSP: a VM exit, reason 33",
      "vmxon evmcs !l2 GUEST_RFLAGS=0x44");

/* ---- two ------------------------------------------------------------------------------------ */

enum moment { IN_L2, IN_L1, SWITCHED, NEW };

/* Two L2s by turns; the VM is frozen at @moment. */
static void two(enum moment moment)
{
	turns_create(&l2, 0xa000);
	if (!turns_take(&l2, 0xa000, 0xa001, false))
		return;
	turns_create(&other, 0xb000);
	if (moment == NEW)
		freeze_point();
	if (!turns_take(&other, 0xb000, 0xb001, false))
		return;
	if (moment == IN_L1)
		freeze_point();
	if (!turns_switch(&l2))
		return;
	if (moment == SWITCHED)
		freeze_point();
	if (turns_take(&l2, 0xa001, 0xa002, moment == IN_L2) && turns_switch(&other) &&
	    turns_take(&other, 0xb001, 0xb002, false) && turns_switch(&l2))
		turns_take(&l2, 0xa002, 0xa003, false);
}

static void fly_two_l2(void)
{
	two(IN_L2);
}

static void fly_two_l1(void)
{
	two(IN_L1);
}

static void fly_two_switched(void)
{
	two(SWITCHED);
}

static void fly_two_new(void)
{
	two(NEW);
}

#define TWO_ABOUT(bug)                                                                            \
	PROMISE("TLFS, Enlightened VMCS: L1 changes which one is current by writing its address " \
		"to "                                                                             \
		"the VP assist page, without an exit"),                                           \
		BUG(bug), FAILED, FREEZE(port)

SCENARIO(evmcs_two_l2, NEEDS(EVMCS, L2_BASE), FLY(fly_two_l2),
	 TITLE("one of two L2s with enlightened VMCSs runs"), HOST("snapshot in the running L2"),
	 TWO_ABOUT("none known"), PROOF("l2 runnable evmcs"));
SCENARIO(evmcs_two_l1, NEEDS(EVMCS, L2_BASE), FLY(fly_two_l1),
	 TITLE("L1 has two enlightened VMCSs that have run"),
	 HOST("snapshot in L1, which then goes on with the one that is not current"),
	 TWO_ABOUT("none known"), PROOF("vmxon evmcs !l2"));
SCENARIO(evmcs_two_switched, NEEDS(EVMCS, L2_BASE), FLY(fly_two_switched),
	 TITLE("L1 has named the other enlightened VMCS, and not yet entered"),
	 HOST("snapshot in L1 between writing the assist page and VMRESUME: KVM still has the one "
	      "that ran last"),
	 TWO_ABOUT("what KVM saved of the one that ran last is written into the other"),
	 PROOF("vmxon evmcs !l2"));
SCENARIO(evmcs_two_new, NEEDS(EVMCS, L2_BASE), FLY(fly_two_new),
	 TITLE("L1 has built and named a second enlightened VMCS, and not yet entered"),
	 HOST("snapshot in L1 before the second one's VMLAUNCH"),
	 TWO_ABOUT("what KVM saved of the one that ran last is written into the new one"),
	 PROOF("vmxon evmcs !l2"));

/* ---- the assist page, and ordinary VMCSs ---------------------------------------------------- */

/* L1 moves its assist page behind the exit; frozen there, or in the L2 entered by the new one. */
static void assist_moved(bool freeze_l1)
{
	turns_create(&l2, 0xa000);
	if (!turns_take(&l2, 0xa000, 0xa001, false))
		return;
	vp_assist_move(1);
	if (freeze_l1)
		freeze_point();
	if (turns_take(&l2, 0xa001, 0xa002, !freeze_l1))
		turns_take(&l2, 0xa002, 0xa003, false);
}

static void fly_assist_moved_l1(void)
{
	assist_moved(true);
}

static void fly_assist_moved_l2(void)
{
	assist_moved(false);
}

#define ASSIST_ABOUT                                                                            \
	PROMISE("TLFS, Virtual Processor Assist Page: HV_X64_MSR_VP_ASSIST_PAGE says where it " \
		"is"),                                                                          \
		NO_BUG, FAILED, FREEZE(port)

SCENARIO(evmcs_assist_moved_l1, NEEDS(EVMCS, L2_BASE), FLY(fly_assist_moved_l1),
	 TITLE("L1 has moved its VP assist page and not yet entered"), HOST("snapshot in L1"),
	 ASSIST_ABOUT, PROOF("vmxon evmcs !l2"));
SCENARIO(evmcs_assist_moved_l2, NEEDS(EVMCS, L2_BASE), FLY(fly_assist_moved_l2),
	 TITLE("L2 runs by a VP assist page that was moved"), HOST("snapshot in L2"), ASSIST_ABOUT,
	 PROOF("l2 runnable evmcs"));

/* From the enlightened @l2 to @other with an ordinary VMCS. */
static void to_ordinary(void)
{
	vp_assist()->enlighten_vmentry = 0;
	vmcs_use(NULL);
}

/* One kind of VMCS is cleared before the other is current: KVM keeps a single vmcs12. */
static void beside(bool freeze_ordinary, bool freeze_l1)
{
	enlightened_set(false);
	turns_create(&other, 0xb000);
	if (!turns_take(&other, 0xb000, 0xb001, false) ||
	    !ktap_check("VMCLEAR succeeds", 1, vmclear(other.vmcs)))
		return;
	vmcs_forget();
	enlightened_set(true);
	turns_create(&l2, 0xa000);
	if (!turns_take(&l2, 0xa000, 0xa001, !freeze_ordinary && !freeze_l1) ||
	    !ktap_check("VMCLEAR succeeds", 1, vmclear(l2.vmcs)))
		return;
	to_ordinary();
	vmcs_forget();
	vmcs_load_ordinary(other.vmcs);
	other.launched = false;
	if (freeze_l1)
		freeze_point();
	if (!turns_take(&other, 0xb001, 0xb002, freeze_ordinary) ||
	    !ktap_check("VMCLEAR succeeds", 1, vmclear(other.vmcs)))
		return;
	vmcs_forget();
	l2.launched = false;
	vmcs_load(l2.vmcs);
	turns_take(&l2, 0xa001, 0xa002, false);
}

static void fly_beside_l2(void)
{
	beside(false, false);
}

static void fly_beside_ordinary(void)
{
	beside(true, false);
}

static void fly_beside_l1(void)
{
	beside(false, true);
}

#define BESIDE_ABOUT                                                                            \
	PROMISE("TLFS, Enlightened VMCS: with EnlightenVmEntry 0 the VMCS is that of VMPTRLD"), \
		NO_BUG, FAILED, FREEZE(port)

SCENARIO(evmcs_beside_l2, NEEDS(EVMCS, L2_BASE), FLY(fly_beside_l2),
	 TITLE("L2 runs by an enlightened VMCS, beside an ordinary one that has run"),
	 HOST("snapshot in L2"), BESIDE_ABOUT, PROOF("l2 runnable evmcs"));
SCENARIO(evmcs_beside_ordinary, NEEDS(EVMCS, L2_BASE), FLY(fly_beside_ordinary),
	 TITLE("an enlightened L1's L2 runs by an ordinary VMCS"), HOST("snapshot in L2"),
	 BESIDE_ABOUT, PROOF("l2 runnable vmcs12 !evmcs"));
SCENARIO(evmcs_beside_l1, NEEDS(EVMCS, L2_BASE), FLY(fly_beside_l1),
	 TITLE("an enlightened L1 has loaded an ordinary VMCS"), HOST("snapshot in L1"),
	 BESIDE_ABOUT, PROOF("vmxon vmcs12 !evmcs !l2"));
