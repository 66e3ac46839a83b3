/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions of L2 behind a restore: which of them exit to L1, which L2 takes; told of below. */
#include "hv/exits.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/x2apic.h"

#define VECTOR_DE 0
#define VECTOR_BP 3
#define PF_WRITE  (1 << 1) /* error-code bit W/R */
/* In the page table that maps L2, behind all of it. */
#define UNMAPPED (L2_VA_BASE + 0x1ff000)

#define BEHIND 0x93 /* the host's interrupt for L1 */

static struct l2 l2;

/* The fault announced in val[] exits. L1 lets L2 go on behind it, to @point. */
static bool exits(uint8_t vector, int error, uint64_t point)
{
	uint64_t taken = l2.shared->val[2];

	if (!l2_exits_exception(&l2, vector, error) ||
	    !ktap_check("L2's RIP at the fault", l2.shared->val[1], vmcs_read(GUEST_RIP)))
		return false;
	vmcs_write(GUEST_RIP, l2.shared->val[0]);
	return l2_tells(&l2, point) &&
	       ktap_check("exceptions that L2 took", taken, l2.shared->val[2]);
}

/* L2 takes the one of val[], @length bytes behind the instruction's start. */
static bool takes(uint8_t vector, uint64_t error, uint64_t length, uint64_t point)
{
	uint64_t taken = l2.shared->val[2];

	return l2_tells(&l2, point) &&
	       ktap_check("exceptions that L2 took", taken + 1, l2.shared->val[2]) &
		       ktap_check("vector that L2 took", vector, l2.shared->val[3]) &
		       ktap_check("error code in L2", error, l2.shared->val[4]) &
		       ktap_check("RIP in L2", l2.shared->val[1] + length, l2.shared->val[5]);
}

/* Mask and match select writes; those exit if the exception bitmap has #PF, else all others. */
static void fly_pf(bool writes_exit)
{
	bool ok;

	l2_create(&l2, "page_faults");
	l2.shared->arg[0] = UNMAPPED;
	vmcs_write(EXCEPTION_BITMAP, writes_exit ? 1 << VECTOR_PF : 0);
	vmcs_write(PAGE_FAULT_ERROR_CODE_MASK, PF_WRITE);
	vmcs_write(PAGE_FAULT_ERROR_CODE_MATCH, PF_WRITE);
	if (!l2_tells(&l2, 1))
		return;
	if (writes_exit) {
		ok = takes(VECTOR_PF, 0, 0, 2) &&
		     ktap_check("CR2 in L2", UNMAPPED, l2.shared->val[6]) &&
		     exits(VECTOR_PF, PF_WRITE, 3);
	} else {
		ok = exits(VECTOR_PF, 0, 2) && takes(VECTOR_PF, PF_WRITE, 0, 3) &&
		     ktap_check("CR2 in L2", UNMAPPED + 8, l2.shared->val[6]);
	}
	if (ok)
		ktap_check("exceptions that L2 took", 1, l2.shared->val[2]);
}

static void fly_pf_match(void)
{
	fly_pf(true);
}

static void fly_pf_mismatch(void)
{
	fly_pf(false);
}

static void fly_exceptions(void)
{
	l2_create(&l2, "faults");
	vmcs_write(EXCEPTION_BITMAP, 1 << VECTOR_UD | 1 << VECTOR_GP);
	if (l2_tells(&l2, 1) && exits(VECTOR_UD, -1, 2) && exits(VECTOR_GP, 0, 3) &&
	    takes(VECTOR_DE, 0, 0, 4))
		takes(VECTOR_BP, 0, 1, 5);
}

/* L2 without an IDT: #UD, #GP, #DF, triple fault. L1 gives the IDT back, and L2 goes on. */
static void triple_fault(bool frozen_in_l2)
{
	uint64_t limit;

	l2_create(&l2, "no_idt");
	l2.shared->arg[0] = frozen_in_l2;
	if (!l2_tells(&l2, 1))
		return;
	limit = vmcs_read(GUEST_IDTR_LIMIT);
	vmcs_write(GUEST_IDTR_LIMIT, 0);
	if (!l2_exits(&l2, EXIT_REASON_TRIPLE_FAULT))
		return;
	if (!frozen_in_l2)
		freeze_point();
	if (!vmcs_check_written() ||
	    !ktap_check("exit reason", EXIT_REASON_TRIPLE_FAULT, vmcs_read(VM_EXIT_REASON)) ||
	    !ktap_check("exit qualification", 0, vmcs_read(EXIT_QUALIFICATION)) ||
	    !ktap_check("activity state", 0, vmcs_read(GUEST_ACTIVITY_STATE)) ||
	    !ktap_check("L2's RIP", l2.shared->val[1], vmcs_read(GUEST_RIP)))
		return;
	vmcs_write(GUEST_IDTR_LIMIT, limit);
	vmcs_write(GUEST_RIP, l2.shared->val[0]);
	l2_tells(&l2, 2);
}

static void fly_triple_fault(void)
{
	triple_fault(true);
}

static void fly_triple_fault_l1(void)
{
	triple_fault(false);
}

/* The host queues #UD for an L2 behind an OUT. */
static void fly_ud_exit(void)
{
	l2_create(&l2, "port");
	vmcs_write(EXCEPTION_BITMAP, 1 << VECTOR_UD);
	if (l2_tells(&l2, 1) && l2_exits_exception(&l2, VECTOR_UD, -1) &&
	    ktap_check("L2's RIP", l2.shared->val[0], vmcs_read(GUEST_RIP)) && l2_tells(&l2, 2))
		ktap_check("#UD in L2", 0, l2.shared->val[1]);
}

static void fly_ud_l2(void)
{
	l2_create(&l2, "port");
	if (l2_tells(&l2, 1) && l2_tells(&l2, 2)) {
		ktap_check("#UD in L2", 1, l2.shared->val[1]);
		ktap_check("RIP at #UD", l2.shared->val[0], l2.shared->val[2]);
	}
}

/* An interrupt for L1 has come as well: it waits behind the VM exit, where L1 has interrupts off.
 */
static void fly_ud_irq(void)
{
	l2_create_plain(&l2, "port");
	vmcs_write(EXCEPTION_BITMAP, 1 << VECTOR_UD);
	expect_vector(BEHIND, NULL);
	if (!l2_tells(&l2, 1) || !l2_exits_exception(&l2, VECTOR_UD, -1) ||
	    !ktap_check("IRR behind the exit", 1, apic_irr(BEHIND)))
		return;
	apic_drain();
	if (ktap_check("IRR when it was let in", 0, apic_irr(BEHIND)) &
	    ktap_check("ISR when it was let in", 0, apic_isr(BEHIND)))
		l2_tells(&l2, 2);
}

#define BITMAP "SDM, Exception Bitmap: an exception whose bit is set causes a VM exit"
#define QUEUED BUG("Linux 4.20, KVM_CAP_EXCEPTION_PAYLOAD: pending and injected were one")
#define BEFORE HOST("snapshot of L2 before the first of them")

SCENARIO(pf_match, NEEDS(L2_APICV), FLY(fly_pf_match),
	 TITLE("L1 intercepts page faults by write, L2 takes those by read"),
	 PROMISE(BITMAP "; for #PF mask and match select"), BEFORE, BUG("none known"),
	 FAILURE("the wrong one of both exits"), FREEZE(port),
	 PROOF("l2 EXCEPTION_BITMAP&0x4000 PAGE_FAULT_ERROR_CODE_MASK=2 "
	       "PAGE_FAULT_ERROR_CODE_MATCH=2"));
SCENARIO(pf_mismatch, NEEDS(L2_APICV), FLY(fly_pf_mismatch),
	 TITLE("L1 intercepts page faults but those by write, with the bit clear"),
	 PROMISE(BITMAP "; for #PF mask and match reverse it"), BEFORE, BUG("none known"),
	 FAILURE("the wrong one of both exits"), FREEZE(port),
	 PROOF("l2 EXCEPTION_BITMAP=0 PAGE_FAULT_ERROR_CODE_MASK=2 PAGE_FAULT_ERROR_CODE_MATCH=2"));
SCENARIO(exceptions, NEEDS(L2_ANY), FLY(fly_exceptions),
	 TITLE("L1 intercepts #UD and #GP, L2 takes #DE and #BP through its IDT"), PROMISE(BITMAP),
	 BEFORE, BUG("none known"),
	 FAILURE("one goes to the wrong place, or with a wrong RIP or error code"), FREEZE(port),
	 PROOF("l2 EXCEPTION_BITMAP=0x2040"));
SCENARIO(triple_fault, NEEDS(L2_ANY), FLY(fly_triple_fault), TITLE("L2 about to triple-fault"),
	 PROMISE("SDM, Other Causes of VM Exits: a triple fault causes a VM exit"),
	 HOST("snapshot of L2 without an IDT, right before #UD"), BUG("none known"),
	 FAILURE("the VM shuts down, or L2 goes on"), FREEZE(port), PROOF("l2 GUEST_IDTR_LIMIT=0"));
SCENARIO(triple_fault_l1, NEEDS(L2_ANY), FLY(fly_triple_fault_l1),
	 TITLE("L1 behind the triple fault of its L2"),
	 PROMISE("SDM, Other Causes of VM Exits: a triple fault causes a VM exit"),
	 HOST("snapshot in L1, before it has read the exit"), BUG("none known"),
	 FAILURE("another exit reason, a field lost, or L2 cannot go on"), FREEZE(port),
	 PROOF("vmcs12 !l2 VM_EXIT_REASON=2 !events.triple_fault.pending=1"));
SCENARIO(ud_exit_restored, NEEDS(L2_ANY), FLY(fly_ud_exit, .possible = hop_host_there),
	 TITLE("the host queues #UD before the restored L2 is entered, L1 intercepts it"),
	 PROMISE(BITMAP),
	 HOST("snapshot of L2; KVM_SET_VCPU_EVENTS between restore and first KVM_RUN"), QUEUED,
	 FAILURE("L2 gets it, or it is lost"), FREEZE(port), ACT(exception, restored),
	 PROOF("l2 EXCEPTION_BITMAP=0x40"));
SCENARIO(ud_exit_paused, NEEDS(L2_ANY), FLY(fly_ud_exit, .possible = hop_host_there),
	 TITLE("#UD pending in L2 when it is saved, L1 intercepts it"), PROMISE(BITMAP),
	 HOST("KVM_SET_VCPU_EVENTS between pause and save"), QUEUED,
	 FAILURE("L2 gets it, or it is lost"), FREEZE(port), ACT(exception, paused),
	 PROOF("l2 EXCEPTION_BITMAP=0x40"));
SCENARIO(ud_exit_irq, NEEDS(L2_BASE), FLY(fly_ud_irq, .possible = hop_host_there),
	 TITLE("#UD that exits to L1 and an interrupt for L1, both pending when L2 is saved"),
	 PROMISE(BITMAP "; the interrupt waits until L1 lets it in"),
	 HOST("KVM_SET_VCPU_EVENTS and the interrupt between pause and save"),
	 BUG("2026, KVM: x86: Request event processing for exception VM-Exits"),
	 FAILURE("the interrupt is lost or comes first"), FREEZE(port), ACT(exception, paused),
	 ACT(irq, paused), PROOF("l2 EXCEPTION_BITMAP=0x40"));
SCENARIO(ud_l2_restored, NEEDS(L2_ANY), FLY(fly_ud_l2, .possible = hop_host_there),
	 TITLE("the host queues #UD before the restored L2 is entered, L2 takes it"),
	 PROMISE(BITMAP ", others do not"),
	 HOST("snapshot of L2; KVM_SET_VCPU_EVENTS between restore and first KVM_RUN"), QUEUED,
	 FAILURE("it exits to L1, is lost or doubled"), FREEZE(port), ACT(exception, restored),
	 PROOF("l2 EXCEPTION_BITMAP=0"));
SCENARIO(ud_l2_paused, NEEDS(L2_ANY), FLY(fly_ud_l2, .possible = hop_host_there),
	 TITLE("#UD pending in L2 when it is saved, L2 takes it"),
	 PROMISE(BITMAP ", others do not"), HOST("KVM_SET_VCPU_EVENTS between pause and save"),
	 QUEUED, FAILURE("it exits to L1, is lost or doubled"), FREEZE(port),
	 ACT(exception, paused), PROOF("l2 EXCEPTION_BITMAP=0"));
