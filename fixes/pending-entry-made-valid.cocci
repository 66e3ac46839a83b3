// SPDX-License-Identifier: GPL-2.0
// Cures pending-entry-made-valid on 6.12: entry_fail_guest, at each moment of a sweep.
// L2's RFLAGS are checked by KVM at VMLAUNCH, before they become registers of the vCPU.
@@
identifier vcpu, vmcs12;
@@
nested_vmx_check_guest_state(struct kvm_vcpu *vcpu, struct vmcs12 *vmcs12, ...)
{
	...
	*entry_failure_code = ENTRY_FAIL_DEFAULT;
+	if (CC(!(vmcs12->guest_rflags & X86_EFLAGS_FIXED)))
+		return -EINVAL;
	...
}
