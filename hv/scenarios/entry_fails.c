/* SPDX-License-Identifier: BSD-2-Clause */
/* VM entries that fail, each right behind the snapshot; told of below. */
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"

#define ERROR_CONTROLS	 7 /* VM-instruction error numbers */
#define ERROR_HOST_STATE 8

/* Exit qualification of "invalid guest state". */
#define QUAL_LINK_POINTER 4

static struct l2 l2;

/* The entry fails, @field gets the value @good, and then it does not. */
static void vmfails(uint32_t error, enum vmcs_field field, uint64_t good)
{
	freeze_point();
	if (!l2_entry_fails(&l2, error))
		return;
	vmcs_write(field, good);
	l2_tells(&l2, 1);
}

/* VPID 0 is L1's own. */
static void fly_control(void)
{
	uint64_t good;

	l2_create_plain(&l2, "tell");
	good = vmcs_read(VIRTUAL_PROCESSOR_ID);
	vmcs_write(VIRTUAL_PROCESSOR_ID, 0);
	vmfails(ERROR_CONTROLS, VIRTUAL_PROCESSOR_ID, good);
}

/* Bit 4 of the threshold may be set only with virtual-interrupt delivery; KVM lets the CPU see
 * that. */
static void fly_threshold(void)
{
	l2_create_plain(&l2, "tell");
	vmx_control_set(VMX_CPU_TPR_SHADOW, true);
	l2.vapic = page_alloc_named("virtual-APIC page");
	vmcs_write(VIRTUAL_APIC_PAGE_ADDR, page_gpa(l2.vapic));
	vmcs_write(TPR_THRESHOLD, 0x10);
	vmfails(ERROR_CONTROLS, TPR_THRESHOLD, 0);
}

static void fly_host(void)
{
	uint64_t good;

	l2_create_plain(&l2, "tell");
	good = vmcs_read(HOST_CR4);
	vmcs_write(HOST_CR4, good & ~CR4_VMXE);
	vmfails(ERROR_HOST_STATE, HOST_CR4, good);
}

/* VM entry ends with a VM exit that says so, and the VMCS is not launched. */
static bool exits_at_once(enum vmx_exit_reason reason, uint64_t qualification)
{
	uint64_t rip = vmcs_read(GUEST_RIP);

	freeze_point();
	return l2_exits(&l2, (enum vmx_exit_reason)(reason | VMX_EXIT_REASONS_FAILED_VMENTRY)) &&
	       ktap_check("exit qualification", qualification, vmcs_read(EXIT_QUALIFICATION)) &
		       ktap_check("GUEST_RIP", rip, vmcs_read(GUEST_RIP)) &
		       ktap_check("L2 has launched", 0, l2.launched);
}

/* Bit 1 of RFLAGS is always 1. */
static void fly_guest(void)
{
	l2_create_plain(&l2, "tell");
	vmcs_write(GUEST_RFLAGS, 0);
	if (!exits_at_once(EXIT_REASON_INVALID_STATE, 0))
		return;
	vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED);
	l2_tells(&l2, 1);
}

/* What the link pointer names has not the VMCS revision. */
static void fly_link_pointer(void)
{
	l2_create_plain(&l2, "tell");
	vmcs_write(VMCS_LINK_POINTER, page_gpa(page_alloc()));
	if (!exits_at_once(EXIT_REASON_INVALID_STATE, QUAL_LINK_POINTER))
		return;
	vmcs_write(VMCS_LINK_POINTER, ~0ull);
	l2_tells(&l2, 1);
}

/* The third entry loads an MSR that may not be in the list. */
static void fly_msr_load(void)
{
	struct msr_entry *list;

	l2_create_plain(&l2, "tell");
	list = page_alloc_named("VM-entry MSR-load area");
	list[0] = (struct msr_entry){.index = MSR_IA32_KERNEL_GS_BASE, .value = 0x1000};
	list[1] = (struct msr_entry){.index = MSR_IA32_STAR, .value = 0};
	list[2] = (struct msr_entry){.index = MSR_IA32_GS_BASE, .value = 0};
	vmcs_write(VM_ENTRY_MSR_LOAD_ADDR, page_gpa(list));
	vmcs_write(VM_ENTRY_MSR_LOAD_COUNT, 3);
	if (!exits_at_once(EXIT_REASON_MSR_LOAD_FAIL, 3))
		return;
	vmcs_write(VM_ENTRY_MSR_LOAD_COUNT, 2);
	if (l2_tells(&l2, 1))
		ktap_check("MSR that the list loads", 0x1000, rdmsr(MSR_IA32_KERNEL_GS_BASE));
}

#define ABOUT                                                                                    \
	HOST("snapshot in L1 right before VMLAUNCH"), BUG("none known"),                         \
		FAILURE("the entry succeeds or fails in another way, or L1's state is not what " \
			"the host-state area or the state before the entry says"),               \
		FREEZE(port)
#define VMFAIL_PROMISE                                                                           \
	PROMISE("SDM, Checks on VMX Controls and Host-State Area: VMfailValid with error 7 for " \
		"controls, 8 for host state; nothing else changes")
#define EXIT_PROMISE                                                                             \
	PROMISE("SDM, VM-Entry Failures During or After Loading Guest State: the host state is " \
		"loaded, bit 31 of the exit reason is set, the launch state stays clear")

SCENARIO(entry_fail_control, NEEDS(L2_BASE), FLY(fly_control), ORDINARY,
	 TITLE("the next VM entry fails because of a control"), VMFAIL_PROMISE, ABOUT,
	 PROOF("vmcs12 !l2 VIRTUAL_PROCESSOR_ID=0"));
SCENARIO(entry_fail_threshold, NEEDS(L2_BASE, VMX_CPU_TPR_SHADOW), FLY(fly_threshold), ORDINARY,
	 TITLE("the next VM entry fails because of a control that the CPU alone looks at"),
	 VMFAIL_PROMISE, ABOUT, PROOF("vmcs12 !l2 TPR_THRESHOLD=0x10"));
SCENARIO(entry_fail_host, NEEDS(L2_BASE), FLY(fly_host), ORDINARY,
	 TITLE("the next VM entry fails because of the host state"), VMFAIL_PROMISE, ABOUT,
	 PROOF("vmcs12 !l2 !HOST_CR4&0x2000"));
SCENARIO(entry_fail_guest, NEEDS(L2_BASE), FLY(fly_guest), ORDINARY,
	 TITLE("the next VM entry fails because of the guest state"), EXIT_PROMISE, ABOUT,
	 PROOF("vmcs12 !l2 GUEST_RFLAGS=0"));
SCENARIO(entry_fail_link, NEEDS(L2_BASE), FLY(fly_link_pointer), ORDINARY,
	 TITLE("the next VM entry fails because of the VMCS link pointer"), EXIT_PROMISE, ABOUT,
	 PROOF("vmcs12 !l2 !VMCS_LINK_POINTER&0x8000000000000000"));
SCENARIO(entry_fail_msr, NEEDS(L2_BASE), FLY(fly_msr_load), ORDINARY,
	 TITLE("the next VM entry fails at the third entry of its MSR list"), EXIT_PROMISE, ABOUT,
	 PROOF("vmcs12 !l2 VM_ENTRY_MSR_LOAD_COUNT=3"));
