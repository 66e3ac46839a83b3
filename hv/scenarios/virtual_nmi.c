/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocking by NMI, virtual in L2 and real in L1; told of below. */
#include "boot/trap.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/x2apic.h"

#define ICR_NMI	    (4ull << 8 | 1ull << 14) /* delivery mode NMI, assert, physical destination */
#define IRET_VECTOR 0x60

static struct l2 l2;

static bool interruptibility(uint64_t expected)
{
	return ktap_check("interruptibility", expected, vmcs_read(GUEST_INTERRUPTIBILITY_INFO));
}

/* L2 will be in its NMI handler. */
static bool inject_nmi(bool window)
{
	l2_create_plain(&l2, "nmi");
	vmx_control_set(VMX_PIN_VIRTUAL_NMIS, true);
	if (!l2_tells(&l2, 1))
		return false;
	vmx_control_set(VMX_CPU_NMI_WINDOW_EXITING, window);
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, intr_info(INTR_NMI, VECTOR_NMI));
	return true;
}

static void end(uint64_t nmis)
{
	if (l2_tells(&l2, 3) && interruptibility(0))
		ktap_check("NMIs of L2", nmis, l2.shared->val[0]);
}

static void fly_blocked(void)
{
	if (inject_nmi(false) && l2_tells(&l2, 2) && interruptibility(GUEST_INTR_STATE_NMI))
		end(1);
}

/* A real NMI is not blocked by virtual-NMI blocking. */
static void fly_real(void)
{
	if (inject_nmi(false) && l2_exits(&l2, EXIT_REASON_EXCEPTION_NMI) &&
	    interruptibility(GUEST_INTR_STATE_NMI) && l2_tells(&l2, 2) &&
	    interruptibility(GUEST_INTR_STATE_NMI))
		end(1);
}

static void fly_window(void)
{
	if (!inject_nmi(true) || !l2_tells(&l2, 2) || !interruptibility(GUEST_INTR_STATE_NMI) ||
	    !l2_exits(&l2, EXIT_REASON_NMI_WINDOW) || !interruptibility(0))
		return;
	vmx_control_set(VMX_CPU_NMI_WINDOW_EXITING, false);
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, intr_info(INTR_NMI, VECTOR_NMI));
	end(2);
}

/*
 * An NMI has made L2 exit, and another one waits until L1 executes IRET: the first such is that of
 * an interrupt handler. L2 sends the first NMI, to itself, by way of L1's APIC.
 */
static void fly_exit(void)
{
	uint64_t icr = ICR_NMI | rdmsr(MSR_X2APIC_APICID) << 32;
	unsigned nmis;

	l2_create_plain(&l2, "nmi_ipi");
	l2.msr_bitmap[2048 + MSR_X2APIC_ICR / 8] &= ~(1 << MSR_X2APIC_ICR % 8);
	l2.shared->arg[0] = icr;
	if (!ktap_check("VM entry", L2_ENTRY_OK, vmx_enter(&l2.regs, false)))
		return;
	l2.launched = true;
	wrmsr(MSR_X2APIC_ICR, icr);
	nmis = trap_count(VECTOR_NMI);
	freeze_point();
	ktap_check("exit reason", EXIT_REASON_EXCEPTION_NMI, vmcs_read(VM_EXIT_REASON));
	ktap_check("interruption information", intr_info(INTR_NMI, VECTOR_NMI),
		   vmcs_read(VM_EXIT_INTR_INFO));
	ktap_check("NMIs before IRET", nmis, trap_count(VECTOR_NMI));
	wrmsr(MSR_X2APIC_SELF_IPI, IRET_VECTOR);
	apic_drain();
	ktap_check("NMIs behind IRET", nmis + 1, trap_count(VECTOR_NMI));
	l2_tells(&l2, 1);
}

#define BLOCKING                                                                        \
	PROMISE("SDM, Virtual NMIs and Interruptibility State: an injected NMI starts " \
		"virtual-NMI blocking, which IRET ends and VM exits save")
#define HANDLER HOST("snapshot in L2's NMI handler")
#define BLOCKED "l2 runnable GUEST_INTERRUPTIBILITY_INFO=8"
SCENARIO(virtual_nmi, NEEDS(L2_BASE, VMX_PIN_VIRTUAL_NMIS), FLY(fly_blocked),
	 TITLE("L2 is in its handler of an injected NMI"), BLOCKING, HANDLER,
	 BUG("found here: KVM does not notice that L1's injection blocks NMIs"),
	 FAILURE("the blocking is lost, or IRET does not end it"), FREEZE(port), PROOF(BLOCKED));
SCENARIO(virtual_nmi_real, NEEDS(L2_BASE, VMX_PIN_VIRTUAL_NMIS),
	 FLY(fly_real, .possible = hop_host_there),
	 TITLE("an NMI for L1 comes while L2 is in its own NMI handler"), BLOCKING,
	 HOST("snapshot in L2's NMI handler; an NMI between restore and the first KVM_RUN"),
	 BUG("none known"), FAILURE("the NMI is blocked, or L2's blocking is lost"), FREEZE(port),
	 ACT(nmi, restored), PROOF(BLOCKED));
SCENARIO(nmi_window, NEEDS(L2_BASE, VMX_PIN_VIRTUAL_NMIS, VMX_CPU_NMI_WINDOW_EXITING),
	 FLY(fly_window), TITLE("L1 waits for L2's NMI window, and L2 is in its NMI handler"),
	 PROMISE("SDM, NMI-Window Exiting: a VM exit when there is no virtual-NMI blocking"),
	 HANDLER, BUG("none known"), FAILURE("an exit too early, none behind IRET, or an NMI lost"),
	 FREEZE(port), PROOF(BLOCKED " CPU_BASED_VM_EXEC_CONTROL&0x400000"));
SCENARIO(nmi_exit_l1, NEEDS(L2_BASE), FLY(fly_exit),
	 TITLE("L1 has an NMI exit before it, and the next NMI waits for L1's IRET"),
	 PROMISE("SDM, Handling Multiple NMIs, and VM exits due to NMIs: they block NMIs until the "
		 "next IRET"),
	 HOST("snapshot in L1 right behind the VM exit"), BUG("none known"),
	 FAILURE("the second NMI comes too early, or never"), FREEZE(port),
	 PROOF("!l2 vmcs12 events.nmi.masked=1 events.nmi.pending=1 VM_EXIT_REASON=0 "
	       "VM_EXIT_INTR_INFO=0x80000202"));
