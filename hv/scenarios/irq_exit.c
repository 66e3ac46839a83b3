/* SPDX-License-Identifier: BSD-2-Clause */
/* External interrupts of L1 that meet an L2 without APICv; told of below. */
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/x2apic.h"

#define HIGH 0x60
#define LOW  0x43
#define CLI  0xfa

static struct l2 l2;

/* Two of different classes wait in L1's own APIC: L1 has interrupts off. */
static void send_two(void)
{
	wrmsr(MSR_X2APIC_SELF_IPI, LOW);
	wrmsr(MSR_X2APIC_SELF_IPI, HIGH);
}

static bool both_gone(void)
{
	return ktap_check("IRR, higher vector", 0, apic_irr(HIGH)) &
	       ktap_check("IRR, lower vector", 0, apic_irr(LOW)) &
	       ktap_check("ISR, higher vector", 0, apic_isr(HIGH)) &
	       ktap_check("ISR, lower vector", 0, apic_isr(LOW));
}

static void exit_to_l1(bool ack)
{
	l2_create_plain(&l2, "tell");
	vmx_control_set(VMX_EXIT_ACK_INTR, ack);
	send_two();
	if (!l2_exits(&l2, EXIT_REASON_EXTERNAL_INTERRUPT))
		return;
	freeze_point();
	ktap_check("exit reason", EXIT_REASON_EXTERNAL_INTERRUPT, vmcs_read(VM_EXIT_REASON));
	ktap_check("interruption information", ack ? intr_info(INTR_EXTERNAL, HIGH) : 0,
		   vmcs_read(VM_EXIT_INTR_INFO) & (ack ? ~0u : 1u << 31));
	ktap_check("IRR, higher vector", !ack, apic_irr(HIGH));
	ktap_check("ISR, higher vector", ack, apic_isr(HIGH));
	ktap_check("IRR, lower vector", 1, apic_irr(LOW));
	if (ack)
		wrmsr(MSR_X2APIC_EOI, 0);
	apic_drain();
	if (both_gone() && l2_tells(&l2, 1))
		L2_TOOK(&l2);
}

static void fly_ack(void)
{
	exit_to_l1(true);
}

static void fly_no_ack(void)
{
	exit_to_l1(false);
}

/* L1's interrupts are L2's: it takes them from L1's APIC, and its EOI goes there. */
static void fly_to_l2(void)
{
	l2_create_plain(&l2, "rvi_behind_if");
	vmx_control_set(VMX_PIN_EXT_INTR, false);
	l2.msr_bitmap[2048 + MSR_X2APIC_EOI / 8] &= ~(1 << MSR_X2APIC_EOI % 8);
	send_two();
	if (l2_tells(&l2, 1) && L2_TOOK(&l2) && l2_tells(&l2, 2) && L2_TOOK(&l2, HIGH, LOW))
		both_gone();
}

/* L1 waits until it may inject an interrupt, and hears of L2's EOI. */
static void fly_window(void)
{
	const uint8_t *next;

	l2_create_plain(&l2, "rvi_behind_if");
	vmx_control_set(VMX_CPU_INTR_WINDOW_EXITING, true);
	if (!l2_tells(&l2, 1) || !l2_exits(&l2, EXIT_REASON_INTERRUPT_WINDOW))
		return;
	next = l2_image_address(&l2, vmcs_read(GUEST_RIP));
	if (!ktap_check("next instruction: CLI", CLI, next ? *next : 0) ||
	    !ktap_check("interruptibility", 0, vmcs_read(GUEST_INTERRUPTIBILITY_INFO)))
		return;
	vmx_control_set(VMX_CPU_INTR_WINDOW_EXITING, false);
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, intr_info(INTR_EXTERNAL, LOW));
	if (!l2_exits(&l2, EXIT_REASON_MSR_WRITE) ||
	    !ktap_check("MSR that L2 writes", MSR_X2APIC_EOI, l2.regs.rcx))
		return;
	l2_skip();
	if (l2_tells(&l2, 2))
		L2_TOOK(&l2, LOW);
}

#define ABOUT                                                                                      \
	BUG("none known"),                                                                         \
		FAILURE("an interrupt of L1 lost, doubled, or in the wrong register of its APIC"), \
		FREEZE(port)
SCENARIO(irq_ack_l1, NEEDS(L2_BASE), FLY(fly_ack),
	 TITLE("L1 has an external-interrupt exit before it, acknowledged; another one waits"),
	 PROMISE("SDM, Acknowledge Interrupt on Exit: the exit tells the vector and moves it from "
		 "IRR to ISR"),
	 HOST("snapshot in L1 right behind the VM exit"), ABOUT,
	 PROOF("!l2 vmcs12 isr:0x60 !irr:0x60 irr:0x43 VM_EXIT_REASON=1 "
	       "VM_EXIT_INTR_INFO=0x80000060"));
SCENARIO(irq_noack_l1, NEEDS(L2_BASE), FLY(fly_no_ack),
	 TITLE("L1 has an external-interrupt exit before it, not acknowledged"),
	 PROMISE("SDM, Acknowledge Interrupt on Exit: without it the interrupt stays pending"),
	 HOST("snapshot in L1 right behind the VM exit"), ABOUT,
	 PROOF("!l2 vmcs12 irr:0x60 !isr:0x60 irr:0x43 VM_EXIT_REASON=1 "
	       "!VM_EXIT_INTR_INFO&0x80000000"));
SCENARIO(irq_to_l2, NEEDS(L2_BASE), FLY(fly_to_l2),
	 TITLE("without external-interrupt exiting L1's interrupts wait for L2's IF"),
	 PROMISE("SDM, External-Interrupt Exiting: without it they are delivered through the "
		 "guest's IDT"),
	 HOST("snapshot of L2 with IF=0"), ABOUT,
	 PROOF("l2 runnable irr:0x60 irr:0x43 !rflags&0x200 !PIN_BASED_VM_EXEC_CONTROL&1"));
SCENARIO(intr_window, NEEDS(L2_BASE, VMX_CPU_INTR_WINDOW_EXITING), FLY(fly_window),
	 TITLE("L1 waits for L2's interrupt window"),
	 PROMISE("SDM, Interrupt-Window Exiting: a VM exit at the first instruction boundary with "
		 "IF=1 and no blocking by STI"),
	 HOST("snapshot of L2 with IF=0"), BUG("none known"),
	 FAILURE("no exit, one too early, or the injected interrupt lost"), FREEZE(port),
	 PROOF("l2 runnable !rflags&0x200 CPU_BASED_VM_EXEC_CONTROL&4"));
