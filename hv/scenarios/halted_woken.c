/* SPDX-License-Identifier: BSD-2-Clause */
/* What ends, and what must not end, the sleep of an L2 that has nothing pending; told of below. */
#include "boot/cmdline.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/page.h"
#include "lib/x2apic.h"

#define VECTOR	    0x60 /* of L1's own interrupt */
#define ALONE_TICKS 100000

static struct l2 l2;

static bool asleep(void)
{
	return ktap_check("activity state after the VM exit", GUEST_ACTIVITY_HLT,
			  vmcs_read(GUEST_ACTIVITY_STATE));
}

/* The host sends VECTOR to L1; without a host L1's timer does. */
static void expect_irq(void)
{
	expect_vector(VECTOR, NULL);
	if (!cmdline.sync_host)
		apic_timer_arm(VECTOR, ALONE_TICKS);
}

/* The interrupt has woken L2 and taken it back to L1; L1 ends it. */
static bool irq_exit(void)
{
	bool ok = l2_exits(&l2, EXIT_REASON_EXTERNAL_INTERRUPT) && asleep() &&
		  ktap_check("interruption information", intr_info(INTR_EXTERNAL, VECTOR),
			     vmcs_read(VM_EXIT_INTR_INFO)) &
			  ktap_check("in service in L1's APIC", 1, apic_isr(VECTOR)) &
			  ktap_check("still requested in L1's APIC", 0, apic_irr(VECTOR));

	wrmsr(MSR_X2APIC_EOI, 0);
	return ok;
}

static void fly_irq(void)
{
	l2_create(&l2, "hlt");
	expect_irq();
	if (irq_exit())
		L2_TOOK(&l2);
}

/* An event for L1 takes L2 out of its sleep, once: L1 lets it go on awake. */
static void woken(enum vmx_exit_reason reason)
{
	l2_create(&l2, "hlt");
	if (!l2_exits(&l2, reason) || !asleep())
		return;
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	l2_tells(&l2, 1);
}

static void fly_nmi(void)
{
	woken(EXIT_REASON_EXCEPTION_NMI);
}

static void fly_init(void)
{
	woken(EXIT_REASON_INIT_SIGNAL);
}

/* RVI does not wake an L2 that sleeps with IF=0, nor one whose VPPR is in the way. */
static void fly_if_clear(void)
{
	l2_create(&l2, "hlt_if_clear");
	l2_pend(&l2, 0x51);
	if (!l2_exits(&l2, EXIT_REASON_EXCEPTION_NMI) || !asleep() || !L2_TOOK(&l2))
		return;
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	if (l2_tells(&l2, 1) && L2_TOOK(&l2) && l2_tells(&l2, 2))
		L2_TOOK(&l2, 0x51);
}

static void set_vtpr(uint8_t vtpr)
{
	l2.vtpr = vtpr;
	l2.vapic->reg[VAPIC_VTPR / 4] = vtpr;
}

static void vppr(uint8_t activity)
{
	l2_create(&l2, "hlt");
	set_vtpr(0x50);
	l2_pend(&l2, 0x5f);
	if (!l2_exits(&l2, EXIT_REASON_EXCEPTION_NMI) || !asleep() || !L2_TOOK(&l2))
		return;
	set_vtpr(0x40);
	vmcs_write(GUEST_ACTIVITY_STATE, activity);
	if (l2_tells(&l2, 1))
		L2_TOOK(&l2, 0x5f);
}

static void fly_vppr(void)
{
	vppr(GUEST_ACTIVITY_ACTIVE);
}

/* VM entry computes VPPR anew from VTPR and evaluates RVI: L2 does not stay asleep. */
static void fly_vppr_entry(void)
{
	vppr(GUEST_ACTIVITY_HLT);
}

/* L2 is at a point where interrupts may come, and its IDT is built. */
static bool enter_asleep(void)
{
	l2_create(&l2, "tell");
	if (!l2_tells(&l2, 1))
		return false;
	vmcs_write(GUEST_RFLAGS, vmcs_read(GUEST_RFLAGS) | RFLAGS_IF);
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_HLT);
	return true;
}

static void fly_entry(void)
{
	uint64_t rip;

	if (!enter_asleep())
		return;
	expect_irq();
	rip = vmcs_read(GUEST_RIP);
	if (!irq_exit() || !ktap_check("RIP of the L2 that slept", rip, vmcs_read(GUEST_RIP)))
		return;
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	if (l2_tells(&l2, 1))
		L2_TOOK(&l2);
}

/* Two wait for an L2 that is entered asleep: it wakes at once. */
static void fly_entry_rvi(void)
{
	if (!enter_asleep())
		return;
	l2_pend(&l2, 0x51);
	l2_pend(&l2, 0x92);
	expect_page(page_gpa(l2.vapic));
	freeze_point();
	if (l2_tells(&l2, 1) && L2_TOOK(&l2, 0x92, 0x51))
		ktap_check("activity state", GUEST_ACTIVITY_ACTIVE,
			   vmcs_read(GUEST_ACTIVITY_STATE));
}

/* An event that is injected wakes it, too. The vector needs no EOI: L2's goes to nothing. */
static void fly_entry_injected(void)
{
	if (!enter_asleep())
		return;
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, intr_info(INTR_EXTERNAL, 0x43));
	l2.posted[0x43]++;
	expect_page(page_gpa(l2.vapic));
	freeze_point();
	if (l2_tells(&l2, 1) && L2_TOOK(&l2, 0x43))
		ktap_check("activity state", GUEST_ACTIVITY_ACTIVE,
			   vmcs_read(GUEST_ACTIVITY_STATE));
}

static bool shutdown_possible(char *why, size_t size)
{
	return vmx_misc_cap(MISC_CAP_SHUTDOWN, "activity state shutdown", why, size);
}

static void fly_shutdown(void)
{
	l2_create(&l2, "tell");
	vmx_control_set(VMX_PIN_PREEMPTION_TIMER, true);
	vmcs_write(VMX_PREEMPTION_TIMER_VALUE, ALONE_TICKS >> vmx_preemption_timer_shift());
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_SHUTDOWN);
	expect_page(page_gpa(l2.vapic));
	freeze_point();
	if (l2_exits(&l2, EXIT_REASON_PREEMPTION_TIMER))
		ktap_check("activity state", GUEST_ACTIVITY_SHUTDOWN,
			   vmcs_read(GUEST_ACTIVITY_STATE));
}

#define PROMISE_IRQ                                                                               \
	PROMISE("SDM, External-Interrupt Exiting and Acknowledge Interrupt on Exit: an external " \
		"interrupt causes a VM exit, also from HLT, and is acknowledged")
#define LEVITSKY  BUG("Levitsky 2021: a pending event forces an exit between restore and entry")
#define SLEEPS_ON FAILURE("L2 sleeps on, or exits for another reason")
#define BLOCKED	  FREEZE(blocked)

SCENARIO(halted_irq_blocked, NEEDS(L2_APICV), FLY(fly_irq),
	 TITLE("an interrupt for L1 ends the sleep of an L2 with nothing pending"), PROMISE_IRQ,
	 HOST("snapshot of the sleeping L2; the interrupt when the restored vCPU has blocked"),
	 BUG("none known"), SLEEPS_ON, BLOCKED, ACT(irq, blocked),
	 PROOF("l2 halted !on rvi=0 !irr:0x60 rflags&0x200 GUEST_ACTIVITY_STATE=1"));
SCENARIO(halted_irq_paused, NEEDS(L2_ANY), FLY(fly_irq),
	 TITLE("an interrupt for L1 has come to a halted L2 when it is saved"), PROMISE_IRQ,
	 HOST("stops the sleeping L2, sends the interrupt, saves: it waits in L1's IRR"), LEVITSKY,
	 SLEEPS_ON, BLOCKED, ACT(irq, paused),
	 PROOF("l2 halted rvi=0 rflags&0x200 GUEST_ACTIVITY_STATE=1"));

#define PROMISE_NMI PROMISE("SDM, NMI exiting: an NMI causes a VM exit, also from HLT")
SCENARIO(halted_nmi_paused, NEEDS(L2_ANY), FLY(fly_nmi, .possible = hop_host_there),
	 TITLE("an NMI is pending when a halted L2 is saved"), PROMISE_NMI,
	 HOST("stops the sleeping L2, sends the NMI, saves"),
	 BUG("found here: the restored NMI is only queued, and L2 seems to wake"), SLEEPS_ON,
	 BLOCKED, ACT(nmi, paused), PROOF("l2 halted rvi=0 events.nmi.pending=0"));
SCENARIO(halted_nmi_restored, NEEDS(L2_ANY), FLY(fly_nmi, .possible = hop_host_there),
	 TITLE("an NMI comes to a halted L2 before the first KVM_RUN"), PROMISE_NMI,
	 HOST("snapshot of the sleeping L2; the NMI between restore and KVM_RUN"), LEVITSKY,
	 SLEEPS_ON, BLOCKED, ACT(nmi, restored), PROOF("l2 halted rvi=0 events.nmi.pending=0"));

#define PROMISE_INIT                                                                              \
	PROMISE("SDM, Other Causes of VM Exits: an INIT signal causes a VM exit, also from HLT; " \
		"it does not reset the processor")
SCENARIO(halted_init_blocked, NEEDS(L2_ANY), FLY(fly_init, .possible = hop_host_there),
	 TITLE("an INIT takes a halted L2 back to L1"), PROMISE_INIT,
	 HOST("snapshot of the sleeping L2; the INIT when the restored vCPU has blocked"),
	 BUG("none known"), SLEEPS_ON, BLOCKED, ACT(init, blocked),
	 PROOF("l2 halted rvi=0 events.smi.latched_init=0"));
SCENARIO(halted_init_paused, NEEDS(L2_ANY), FLY(fly_init, .possible = hop_host_there),
	 TITLE("an INIT is pending when a halted L2 is saved"), PROMISE_INIT,
	 HOST("stops the sleeping L2, sends the INIT, saves: KVM_GET_MP_STATE looks at it"),
	 BUG("found here: KVM_GET_MP_STATE takes the VM exit, the events were saved before"),
	 SLEEPS_ON, BLOCKED, ACT(init, paused), PROOF("l2 halted rvi=0 events.smi.latched_init=0"));

#define PROMISE_RVI                                                                              \
	PROMISE("SDM, Evaluation of Pending Virtual Interrupts and Virtual-Interrupt Delivery: " \
		"the interrupt ends HLT if RVI is above VPPR and RFLAGS.IF is 1, and only then")
SCENARIO(halted_if_clear, NEEDS(L2_APICV), FLY(fly_if_clear, .possible = hop_host_there),
	 TITLE("a virtual interrupt does not wake an L2 that sleeps with IF=0"), PROMISE_RVI,
	 HOST("snapshot of the sleeping L2; an NMI when the restored vCPU has blocked again"),
	 BUG("none known"),
	 FAILURE("L2 wakes by itself, or the interrupt is lost by the time L2 sets IF"), BLOCKED,
	 ACT(nmi, blocked),
	 PROOF("l2 halted rvi=0x51 virr:0x51 !rflags&0x200 GUEST_ACTIVITY_STATE=1"));
SCENARIO(halted_vppr, NEEDS(L2_APICV), FLY(fly_vppr, .possible = hop_host_there),
	 TITLE("a virtual interrupt of VPPR's class does not wake a halted L2"), PROMISE_RVI,
	 HOST("snapshot of the sleeping L2; an NMI when the restored vCPU has blocked again"),
	 BUG("none known"),
	 FAILURE("L2 wakes in spite of VPPR, or not when L1 lowers VTPR and enters it asleep"),
	 BLOCKED, ACT(nmi, blocked),
	 PROOF("l2 halted rvi=0x5f virr:0x5f vtpr=0x50 vppr=0x50 rflags&0x200"));

SCENARIO(hlt_entry_vppr, NEEDS(L2_APICV), FLY(fly_vppr_entry, .possible = hop_host_there),
	 TITLE("L1 lowers VTPR and enters L2 asleep again: what was pending wakes it"),
	 PROMISE("SDM, Loading Guest Non-Register State: with virtual-interrupt delivery VM entry "
		 "causes PPR virtualization and then evaluates pending virtual interrupts"),
	 HOST("snapshot of the sleeping L2; an NMI when the restored vCPU has blocked again"),
	 BUG("found here: KVM looks at the VPPR of before the VM entry"),
	 FAILURE("L2 sleeps on until something else wakes it"), BLOCKED, ACT(nmi, blocked),
	 PROOF("l2 halted rvi=0x5f virr:0x5f vtpr=0x50 vppr=0x50 rflags&0x200"));

#define PROMISE_ENTRY                                                                        \
	PROMISE("SDM, Activity State: after VM entry with activity state HLT the processor " \
		"sleeps until an event that ends HLT")
SCENARIO(hlt_entry, NEEDS(L2_ANY), FLY(fly_entry),
	 TITLE("L1 enters L2 asleep (activity state HLT), and nothing is pending"), PROMISE_ENTRY,
	 HOST("snapshot of the sleeping L2; an interrupt when the restored vCPU has blocked"),
	 BUG("none known"), SLEEPS_ON, BLOCKED, ACT(irq, blocked),
	 PROOF("l2 halted rvi=0 !irr:0x60 GUEST_ACTIVITY_STATE=1"));
SCENARIO(hlt_entry_rvi, NEEDS(L2_APICV), FLY(fly_entry_rvi),
	 TITLE("L1 enters L2 asleep with virtual interrupts pending: it wakes at once"),
	 PROMISE_ENTRY, HOST("snapshot while KVM waits inside VMRESUME for the virtual-APIC page"),
	 BUG("none known"), FAILURE("L2 sleeps on, or takes the interrupts twice or out of order"),
	 FREEZE(page), PROOF("l2 rvi=0x92 virr:0x51 virr:0x92"));
SCENARIO(
	hlt_entry_injected, NEEDS(L2_APICV), FLY(fly_entry_injected),
	TITLE("L1 enters L2 asleep and injects an interrupt: it wakes at once"),
	PROMISE("SDM, Activity State and Event Injection: an event that VM entry injects ends the "
		"inactive state"),
	HOST("snapshot while KVM waits inside VMRESUME for the virtual-APIC page"),
	BUG("Levitsky 2021: events of L1's VM entry lost when a migration hits nested_run_pending"),
	FAILURE("L2 sleeps on, or the interrupt is lost or doubled"), FREEZE(page),
	PROOF("l2 run-pending runnable VM_ENTRY_INTR_INFO_FIELD=0x80000043"));
SCENARIO(shutdown_entry, NEEDS(L2_APICV, VMX_PIN_PREEMPTION_TIMER),
	 FLY(fly_shutdown, .possible = shutdown_possible),
	 TITLE("L1 enters L2 in the activity state shutdown"),
	 PROMISE("SDM, Activity State: only the VMX-preemption timer, NMI, INIT and SMI end it"),
	 HOST("snapshot while KVM waits inside VMLAUNCH for the virtual-APIC page"),
	 BUG("none known"), FAILURE("L2 runs"), FREEZE(page), PROOF("l2 GUEST_ACTIVITY_STATE=2"));

/* The NMI comes when the restored L2 sleeps again. */
static void fly_nmi_blocked(void)
{
	l2_create(&l2, "hlt");
	if (l2_exits(&l2, EXIT_REASON_EXCEPTION_NMI))
		ktap_check("activity state after the NMI", 1, vmcs_read(GUEST_ACTIVITY_STATE));
}

SCENARIO(halted_nmi, NEEDS(L2_ANY), FLY(fly_nmi_blocked, .possible = hop_host_there),
	 TITLE("an NMI takes an L2 that sleeps in HLT back to L1"),
	 PROMISE("SDM, VM-execution control NMI exiting: an NMI causes a VM exit, also from HLT"),
	 HOST("snapshot of the sleeping L2; an NMI when the restored vCPU has blocked again"),
	 BUG("none known"), FAILURE("L2 sleeps on, or exits for another reason"), FREEZE(blocked),
	 ACT(nmi, blocked), PROOF("l2 halted"));
