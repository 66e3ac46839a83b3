/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the lab needs of APIC virtualization and VM entry, on the bare CPU, without KVM in between.
 * Each check stands for a defect that an emulator had (lab/README.md).
 */
#include "hv/ept.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/x2apic.h"

#define KICK_VECTOR	0x60 /* brings L2 back to L1; not the notification vector */
#define POSTED_VECTOR	0x50
#define TICKS		200000
#define INTR_INFO_VALID (1ull << 31)

static struct l2 l2;

static void start_spin(bool interrupts)
{
	l2_create(&l2, "spin");
	l2.shared->rounds_per_leg = interrupts;
}

/* Enters L2, and checks that it leaves with @reason. */
static bool enter(uint64_t reason)
{
	enum l2_entry_result result = vmx_enter(&l2.regs, l2.launched);

	if (!ktap_check("VM entry", L2_ENTRY_OK, result))
		return false;
	l2.launched = true;
	return ktap_check("exit reason", reason, vmcs_read(VM_EXIT_REASON));
}

/* Lets L2 run until a timer interrupt of L1 makes it exit. */
static bool kick(void)
{
	bool ok;

	apic_timer_arm(KICK_VECTOR, TICKS);
	ok = enter(EXIT_REASON_EXTERNAL_INTERRUPT) &&
	     ktap_check("exit interruption information", INTR_INFO_VALID | KICK_VECTOR,
			vmcs_read(VM_EXIT_INTR_INFO));
	if (ok)
		wrmsr(MSR_X2APIC_EOI, 0);
	return ok;
}

/* External-interrupt exiting does not ask for RFLAGS.IF, neither L1's nor L2's. */
static void exit_with_if_clear(void)
{
	start_spin(false);
	if (kick())
		ktap_check("L2 ran", 1, l2.shared->rounds > 0);
	if (kick())
		ktap_check("RFLAGS.IF of L2", 0, vmcs_read(GUEST_RFLAGS) & RFLAGS_IF);
	l2_destroy_all();
}

/* The descriptor is 64-byte aligned and not at the start of a page. */
static void posted_interrupt(void)
{
	start_spin(true);
	ktap_check("descriptor offset in its page", 1, ((uint64_t)l2.pi & 0xfff) != 0);
	if (kick()) {
		l2_post(&l2, POSTED_VECTOR);
		apic_timer_arm(L2_NOTIFICATION_VECTOR, 1);
		/* Kicked later: one timer serves both, so wait for the first to expire here. */
		while (!apic_timer_expired())
			cpu_relax();
		kick();
		l2_check_interrupts(&l2, true);
	}
	l2_destroy_all();
}

/* A notification with nothing posted changes nothing. */
static void notification_without_posting(void)
{
	start_spin(true);
	if (kick()) {
		apic_timer_arm(L2_NOTIFICATION_VECTOR, 1);
		while (!apic_timer_expired())
			cpu_relax();
		kick();
		l2_check_interrupts(&l2, true);
	}
	l2_destroy_all();
}

/* A virtual interrupt whose delivery meets an EPT violation is reported with its vector. */
static void idt_vectoring(void)
{
	start_spin(true);
	if (kick()) {
		uint64_t *root = (uint64_t *)(vmcs_read(EPT_POINTER) & ~0xfffull);
		uint64_t *leaf = ept_leaf(root, vmcs_read(GUEST_IDTR_BASE) - L2_VA_BASE +
							POSTED_VECTOR * 16 + L2_GPA_BASE);
		uint64_t saved = *leaf;

		*leaf = 0;
		invept_all();
		l2_post(&l2, POSTED_VECTOR);
		apic_timer_arm(L2_NOTIFICATION_VECTOR, 1);
		if (enter(EXIT_REASON_EPT_VIOLATION))
			ktap_check("IDT-vectoring information", INTR_INFO_VALID | POSTED_VECTOR,
				   vmcs_read(IDT_VECTORING_INFO_FIELD));
		*leaf = saved;
		/* Delivered again by VM-entry interruption information, as a hypervisor does. */
		vmcs_write(VM_ENTRY_INTR_INFO_FIELD, vmcs_read(IDT_VECTORING_INFO_FIELD));
		kick();
		l2_check_interrupts(&l2, true);
	}
	l2_destroy_all();
}

SCENARIO(cpu_exit_with_if_clear, NEEDS(L2_APICV), RUN(exit_with_if_clear));
SCENARIO(cpu_posted_interrupt, NEEDS(L2_APICV), RUN(posted_interrupt));
SCENARIO(cpu_notification_without_posting, NEEDS(L2_APICV), RUN(notification_without_posting));
SCENARIO(cpu_idt_vectoring, NEEDS(L2_APICV), RUN(idt_vectoring));
