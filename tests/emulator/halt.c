/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What ends the sleep of an L2 in HLT, and the activity state that a VM exit from there saves. Each
 * check stands for a defect that an emulator had (lab/README.md). The VMX-preemption timer ends the
 * sleep of an L2 that nothing wakes.
 */
#include "hv/steps.h"
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/string.h"
#include "lib/x2apic.h"

#define VECTOR	    0x60 /* of L1's own interrupt */
#define POSTED	    0x51
#define TICKS	    3000000 /* L2 is in HLT by then, also with a KVM below */
#define LIMIT_TICKS 10000000

static struct l2 l2;

static void limit_sleep(void)
{
	vmx_control_set(VMX_PIN_PREEMPTION_TIMER, true);
	vmcs_write(VMX_PREEMPTION_TIMER_VALUE, LIMIT_TICKS >> vmx_preemption_timer_shift());
}

static void check_activity(uint64_t expected)
{
	ktap_check("activity state after the VM exit", expected, vmcs_read(GUEST_ACTIVITY_STATE));
}

static void create(const char *half)
{
	l2_create(&l2, half);
	limit_sleep();
}

/* The next entry finds L2 asleep in front of its next instruction. */
static void put_to_sleep(uint64_t rflags)
{
	vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED | rflags);
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_HLT);
}

/* VECTOR takes L2 out of its sleep and back to L1. */
static bool woken_for_l1(void)
{
	if (!l2_exits(&l2, EXIT_REASON_EXTERNAL_INTERRUPT))
		return false;
	wrmsr(MSR_X2APIC_EOI, 0);
	check_activity(GUEST_ACTIVITY_HLT);
	return ktap_check("interruption information", intr_info(INTR_EXTERNAL, VECTOR),
			  vmcs_read(VM_EXIT_INTR_INFO));
}

/* A virtual interrupt that waits since before HLT ends it, also one entered by
 * VM entry. */
static void virtual_interrupt(void)
{
	create("hlt");
	l2_pend(&l2, POSTED);
	if (l2_tells(&l2, 1))
		L2_TOOK(&l2, POSTED);
	l2_destroy_all();
	create("tell");
	if (l2_tells(&l2, 1)) { /* its IDT is there */
		put_to_sleep(RFLAGS_IF);
		l2_pend(&l2, POSTED);
		if (l2_tells(&l2, 1))
			L2_TOOK(&l2, POSTED);
	}
	l2_destroy_all();
}

/* An external interrupt that waits since before VM entry ends HLT whatever L2's
 * RFLAGS.IF. */
static void pending_interrupt(void)
{
	static const uint64_t rflags[] = {RFLAGS_IF, 0};

	for (unsigned i = 0; i < sizeof(rflags) / sizeof(rflags[0]); i++) {
		create("tell");
		put_to_sleep(rflags[i]);
		apic_timer_arm(VECTOR, 1);
		while (!apic_timer_expired())
			cpu_relax();
		woken_for_l1();
		l2_destroy_all();
	}
}

/* HLT is saved; not so when L2 has gone on behind it. */
static void activity_of_interrupt(void)
{
	create("hlt");
	apic_timer_arm(VECTOR, TICKS);
	if (woken_for_l1()) {
		vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
		if (l2_tells(&l2, 1))
			check_activity(GUEST_ACTIVITY_ACTIVE);
	}
	l2_destroy_all();
}

/*
 * The first NMI is L2's own, and leaves NMIs blocked: the second, of L1, then waits for the VM
 * entry.
 */
static void activity_of_nmi(void)
{
	uint64_t icr = (uint64_t)apic_id() << 32 | APIC_ICR_NMI;
	void *code;

	l2_create_plain(&l2, "tell");
	limit_sleep();
	l2.msr_bitmap[2048 + MSR_X2APIC_ICR / 8] &= ~(1 << MSR_X2APIC_ICR % 8);
	code = page_alloc_named("L2 code");
	memcpy(code, "\x0f\x30", 2); /* WRMSR */
	l2_map(&l2, L2_SPARE_VA(0), L2_SPARE_GPA(0), code);
	vmcs_write(GUEST_RIP, L2_SPARE_VA(0));
	l2.regs.rcx = MSR_X2APIC_ICR;
	l2.regs.rax = (uint32_t)icr;
	l2.regs.rdx = icr >> 32;
	ktap_check("VM entry", L2_ENTRY_OK, vmx_enter(&l2.regs, false));
	l2.launched = true;
	ktap_check("exit reason", EXIT_REASON_EXCEPTION_NMI, vmcs_read(VM_EXIT_REASON));
	check_activity(GUEST_ACTIVITY_ACTIVE);
	apic_send(apic_id(), APIC_ICR_NMI);
	put_to_sleep(0);
	if (l2_exits(&l2, EXIT_REASON_EXCEPTION_NMI))
		check_activity(GUEST_ACTIVITY_HLT);
	l2_destroy_all();
}

/* A notification with nothing to deliver leaves L2 in HLT. */
static void notification(uint64_t rflags, bool post)
{
	create("tell");
	put_to_sleep(rflags);
	if (post)
		l2_post(&l2, POSTED);
	l2_notify_in(TICKS);
	if (l2_exits(&l2, EXIT_REASON_PREEMPTION_TIMER)) {
		check_activity(GUEST_ACTIVITY_HLT);
		ktap_check("RVI", post ? POSTED : 0, vmcs_read(GUEST_INTR_STATUS));
		ktap_check("notification acknowledged", 0, apic_irr(L2_NOTIFICATION_VECTOR));
	}
	l2_destroy_all();
}

static void asleep_after_notification(void)
{
	notification(RFLAGS_IF, false);
	notification(0, true);
}

SCENARIO(cpu_hlt_virtual_interrupt, NEEDS(L2_APICV, VMX_PIN_PREEMPTION_TIMER),
	 RUN(virtual_interrupt));
SCENARIO(cpu_hlt_pending_interrupt, NEEDS(L2_APICV, VMX_PIN_PREEMPTION_TIMER),
	 RUN(pending_interrupt));
SCENARIO(cpu_hlt_activity_of_interrupt, NEEDS(L2_APICV, VMX_PIN_PREEMPTION_TIMER),
	 RUN(activity_of_interrupt));
SCENARIO(cpu_hlt_activity_of_nmi, NEEDS(L2_BASE, VMX_PIN_PREEMPTION_TIMER), RUN(activity_of_nmi));
SCENARIO(cpu_hlt_after_notification, NEEDS(L2_APICV, VMX_PIN_PREEMPTION_TIMER),
	 RUN(asleep_after_notification));
