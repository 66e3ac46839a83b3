/* SPDX-License-Identifier: BSD-2-Clause */
/* What L1 once read of VMX must stay true; told of below. */
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"

#define TRUE_CTLS (1ull << 55) /* IA32_VMX_BASIC: the last four are there */
#define COUNT	  (MSR_IA32_VMX_TRUE_ENTRY_CTLS - MSR_IA32_VMX_BASIC + 1)

static void read_all(uint64_t value[COUNT])
{
	unsigned last = rdmsr(MSR_IA32_VMX_BASIC) & TRUE_CTLS ? COUNT : COUNT - 4;

	for (unsigned i = 0; i < last; i++)
		value[i] = rdmsr(MSR_IA32_VMX_BASIC + i);
}

static void fly(void)
{
	static uint64_t before[COUNT], after[COUNT];
	uint64_t feature_control = rdmsr(MSR_IA32_FEATURE_CONTROL);
	static struct l2 l2;

	read_all(before);
	freeze_point();
	ktap_check("IA32_FEATURE_CONTROL", feature_control, rdmsr(MSR_IA32_FEATURE_CONTROL));
	read_all(after);
	for (unsigned i = 0; i < COUNT; i++)
		if (before[i] != after[i])
			ktap_fail(
				"check=\"VMX capability MSR\" msr=0x%x expected=0x%lx found=0x%lx",
				MSR_IA32_VMX_BASIC + i, before[i], after[i]);
	/* FEATURE_CONTROL is asked again by the next VMXON. */
	vmx_off();
	vmx_on();
	l2_create(&l2, "tell");
	l2_tells(&l2, 1);
}

SCENARIO(vmx_msrs, NEEDS(L2_APICV), FLY(fly),
	 TITLE("L1 reads IA32_FEATURE_CONTROL and the VMX capability MSRs again"),
	 PROMISE("SDM, VMX Capability Reporting Facility: the capabilities of a processor do not "
		 "change; and IA32_FEATURE_CONTROL is locked until RESET"),
	 HOST("snapshot of L1 in VMX root operation, no current VMCS"),
	 BUG("VMXON faults after a restore that left out IA32_FEATURE_CONTROL; capability MSRs "
	     "that KVM refuses once VMXON is restored"),
	 FAILURE("an MSR with another value, or VMXON fails"), FREEZE(port),
	 PROOF("vmxon !vmcs12 !l2"));
