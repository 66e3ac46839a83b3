/* SPDX-License-Identifier: BSD-2-Clause */
/* VMXON was executed and no VMCS is current, as in most hypervisors in the field; told of below. */
#include "hv/scenario.h"
#include "lib/ktap.h"

static void fly(void)
{
	static struct l2 l2;
	uint64_t vmcs;

	freeze_point();
	/* Without VMXON this is #UD, which ends the run with the trap's name. */
	vmcs = vmcs_new();
	if (ktap_check("VMPTRLD succeeds", 1, vmptrld(vmcs))) {
		l2_create(&l2, "tell");
		l2_tells(&l2, 1);
	}
}

SCENARIO(vmxon_only, NEEDS(L2_BASE), FLY(fly), ORDINARY, TITLE("VMXON executed, no current VMCS"),
	 PROMISE("SDM, Virtual-Machine Control Structures: after VMXON there is no current VMCS "
		 "until VMPTRLD"),
	 HOST("snapshot with L1 in VMX root operation and KVM's nested state a bare header"),
	 BUG("rust-vmm kvm issue 385: a header-only state taken for none, and VMXON lost"),
	 FAILURE("#UD at L1's next VMX instruction (trap in L1)"), FREEZE(port),
	 PROOF("vmxon !vmcs12 !l2"));
