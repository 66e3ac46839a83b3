/* SPDX-License-Identifier: BSD-2-Clause */
/* What L1 once read of VMX must stay true; told of below. */
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"

static void fly(void)
{
	static uint64_t before[VMX_CAP_MSRS], after[VMX_CAP_MSRS];
	uint64_t feature_control = rdmsr(MSR_IA32_FEATURE_CONTROL);
	static struct l2 l2;

	vmx_caps_read(before);
	freeze_point();
	ktap_check("IA32_FEATURE_CONTROL", feature_control, rdmsr(MSR_IA32_FEATURE_CONTROL));
	vmx_caps_read(after);
	vmx_caps_compare(before, after);
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
