/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots between VMLAUNCH or VMRESUME and L2's first instruction, each with something that the
 * VM entry still owes. KVM stops there while it waits for a page that the entry needs; told of
 * below.
 */
#include "hv/exits.h"
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/x2apic.h"

#define VECTOR 0x93

static struct l2 l2;

static uint64_t page_of(const void *p)
{
	return page_gpa(p) & ~(PAGE_SIZE - 1);
}

/* L2 at point 1: its next entry is a VMRESUME. */
static bool start(void)
{
	l2_create(&l2, "window");
	return l2_tells(&l2, 1);
}

static void freeze_at(const void *page)
{
	expect_page(page_of(page));
	freeze_point();
}

/* VMRESUME; three virtual interrupts pending. */
static void fly_vmresume(void)
{
	if (!start())
		return;
	l2_pend(&l2, 0x51);
	l2_pend(&l2, 0x72);
	l2_pend(&l2, 0x53);
	freeze_at(l2.vapic);
	if (l2_tells(&l2, 2))
		L2_TOOK(&l2, 0x72, 0x53, 0x51);
}

/* Nothing pending. A posting after it shows that the descriptor is in use. */
static void fly_pi_desc(void)
{
	if (!start())
		return;
	freeze_at(l2.pi);
	if (!l2_tells(&l2, 2) || !L2_TOOK(&l2))
		return;
	l2_post(&l2, 0x51);
	l2_wake();
	if (l2_tells(&l2, 3))
		L2_TOOK(&l2, 0x51);
}

static void fly_notified(void)
{
	if (!start())
		return;
	l2_post(&l2, 0x51);
	l2_wake();
	freeze_at(l2.vapic);
	if (l2_tells(&l2, 2))
		L2_TOOK(&l2, 0x51);
}

/* L2's EOI must not reach L1's APIC, its writes to other x2APIC MSRs must exit. */
static void fly_msr_bitmap(void)
{
	if (!start())
		return;
	l2_pend(&l2, 0x51);
	freeze_at(l2.msr_bitmap);
	if (l2_tells(&l2, 2))
		L2_TOOK(&l2, 0x51);
}

static void fly_msr_load(void)
{
	const uint64_t loaded = 0x7edcba980000;
	struct {
		uint32_t index, reserved;
		uint64_t value;
	} * list;

	if (!start())
		return;
	list = page_alloc_named("VM-entry MSR-load list");
	list->index = MSR_IA32_KERNEL_GS_BASE;
	list->value = loaded;
	vmcs_write(VM_ENTRY_MSR_LOAD_ADDR, page_gpa(list));
	vmcs_write(VM_ENTRY_MSR_LOAD_COUNT, 1);
	freeze_at(list);
	if (l2_tells(&l2, 2))
		ktap_check("MSR that the VM entry loaded", loaded, l2.regs.rcx);
}

static void fly_irq(void)
{
	uint64_t rip;

	if (!start())
		return;
	rip = vmcs_read(GUEST_RIP);
	apic_timer_arm(VECTOR, 1);
	while (!apic_irr(VECTOR))
		cpu_relax();
	l2_pend(&l2, 0x51);
	freeze_at(l2.vapic);
	if (l2_exits_irq(&l2, VECTOR) && ktap_check("L2's RIP", rip, vmcs_read(GUEST_RIP)) &&
	    L2_TOOK(&l2) && l2_tells(&l2, 2))
		L2_TOOK(&l2, 0x51);
}

/* L2 begins with FNINIT, of 2 bytes. */
static void fly_mtf(void)
{
	uint64_t rip;

	l2_create(&l2, "window");
	rip = vmcs_read(GUEST_RIP);
	vmx_control_set(VMX_CPU_MONITOR_TRAP_FLAG, true);
	freeze_at(l2.vapic);
	if (!l2_exits(&l2, EXIT_REASON_MONITOR_TRAP_FLAG))
		return;
	ktap_check("L2's RIP after one instruction", rip + 2, vmcs_read(GUEST_RIP));
	vmx_control_set(VMX_CPU_MONITOR_TRAP_FLAG, false);
	l2_tells(&l2, 1);
}

static void fly_injected(void)
{
	if (!start())
		return;
	vmcs_write(GUEST_RFLAGS, vmcs_read(GUEST_RFLAGS) | RFLAGS_IF);
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, intr_info(INTR_EXTERNAL, 0x61));
	l2.posted[0x61]++;
	l2_pend(&l2, 0x71);
	l2_pend(&l2, 0x41);
	freeze_at(l2.vapic);
	if (l2_tells(&l2, 2))
		L2_TOOK(&l2, 0x61, 0x71, 0x41);
}

#define ONE_STEP PROMISE("SDM, VM Entries: VM entry is one step; what it owes happens once")
#define AT	 "snapshot while KVM waits inside the VM entry for "
#define LEVITSKY BUG("Levitsky 2021: a migration hits nested_run_pending")

SCENARIO(entry_vmresume, NEEDS(L2_APICV), FLY(fly_vmresume),
	 TITLE("VMRESUME with virtual interrupts pending"), ONE_STEP,
	 HOST(AT "the virtual-APIC page"), LEVITSKY,
	 FAILURE("a vector missing, doubled or out of order"), FREEZE(page),
	 PROOF("l2 run-pending rvi=0x72 virr:0x53 virr:0x51"));
SCENARIO(entry_pi_desc, NEEDS(L2_APICV), FLY(fly_pi_desc), TITLE("VMRESUME with nothing pending"),
	 ONE_STEP, HOST(AT "the posted-interrupt descriptor"), LEVITSKY,
	 FAILURE("an interrupt from nowhere, or none when one is posted later"), FREEZE(page),
	 PROOF("l2 run-pending rvi=0 !on"));
SCENARIO(entry_notified, NEEDS(L2_APICV), FLY(fly_notified),
	 TITLE("VMRESUME with a posted-interrupt notification pending in L1's APIC"),
	 PROMISE("SDM, Posted-Interrupt Processing: a notification that is pending at VM entry is "
		 "processed behind it"),
	 HOST(AT "the virtual-APIC page"), BUG("nested.pi_pending is part of no ioctl"),
	 FAILURE("the posting stays in the PIR"), FREEZE(page),
	 PROOF("l2 run-pending on pir:0x51"));
SCENARIO(entry_msr_bitmap, NEEDS(L2_APICV), FLY(fly_msr_bitmap),
	 TITLE("VMRESUME that waits for the MSR bitmap"), ONE_STEP, HOST(AT "the MSR bitmap"),
	 LEVITSKY, FAILURE("L2's EOI has no effect, or exits"), FREEZE(page),
	 PROOF("l2 run-pending rvi=0x51"));
SCENARIO(entry_msr_load, NEEDS(L2_APICV), FLY(fly_msr_load),
	 TITLE("VMRESUME that waits for its MSR-load list"),
	 PROMISE("SDM, Loading MSRs: VM entry loads each MSR of the list"),
	 HOST(AT "the VM-entry MSR-load list"), LEVITSKY, FAILURE("L2 reads another value"),
	 FREEZE(page),
	 PROOF("l2 run-pending VM_ENTRY_MSR_LOAD_COUNT=1 msr:0xc0000102=0x7edcba980000"));
SCENARIO(entry_irq, NEEDS(L2_APICV), FLY(fly_irq),
	 TITLE("VMRESUME with an external interrupt pending in L1's APIC"),
	 PROMISE("SDM, External-Interrupt Exiting: a pending interrupt causes a VM exit behind the "
		 "VM entry, before L2's first instruction"),
	 HOST(AT "the virtual-APIC page"), LEVITSKY,
	 FAILURE("L2 runs first, or L1 never hears of it"), FREEZE(page),
	 PROOF("l2 run-pending irr:0x93 rvi=0x51"));
SCENARIO(entry_mtf, NEEDS(L2_APICV, VMX_CPU_MONITOR_TRAP_FLAG), FLY(fly_mtf),
	 TITLE("VMLAUNCH with monitor trap flag"),
	 PROMISE("SDM, Monitor Trap Flag: without an injected event the VM exit comes behind L2's "
		 "first instruction"),
	 HOST(AT "the virtual-APIC page"), LEVITSKY, FAILURE("no exit, or too early or late"),
	 FREEZE(page), PROOF("l2 run-pending !mtf-pending CPU_BASED_VM_EXEC_CONTROL&0x8000000"));
SCENARIO(entry_injected_rvi, NEEDS(L2_APICV), FLY(fly_injected),
	 TITLE("VM entry injects an interrupt while others are pending in RVI"),
	 PROMISE("SDM, Event Injection: the injected event is delivered behind the VM entry, "
		 "before pending virtual interrupts"),
	 HOST(AT "the virtual-APIC page"), LEVITSKY,
	 FAILURE("a vector missing, doubled or out of order"), FREEZE(page),
	 PROOF("l2 run-pending rvi=0x71 virr:0x41"));
