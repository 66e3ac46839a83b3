// SPDX-License-Identifier: GPL-2.0
// Cures smm-restore-order on 6.12 and 7.3: smi_in_l1, smi_in_l2, smi_in_l2_*, smi_from_hlt, also with an enlightened
// L1; smi_in_l1_vmxon together with smm-vmxon-without-vmcs.cocci, smi_read_shadow with cr-read-shadow-lost.cocci.
// The state of SMM comes with KVM_SET_VCPU_EVENTS, before or behind the nested state: what is saved of VMX is
// kept until then, and only an L2 that runs is left when SMM begins or ends.
@@
expression vcpu, state;
@@
if (is_smm(vcpu) ?
-	(state->flags & (KVM_STATE_NESTED_GUEST_MODE | KVM_STATE_NESTED_RUN_PENDING))
-	: state->hdr.vmx.smm.flags)
+	(state->flags & (KVM_STATE_NESTED_GUEST_MODE | KVM_STATE_NESTED_RUN_PENDING)) : 0)
	return -EINVAL;

@@
@@
kvm_vcpu_ioctl_x86_set_vcpu_events(...)
{
	<...
-	kvm_leave_nested(vcpu);
+	if (is_guest_mode(vcpu))
+		kvm_leave_nested(vcpu);
	kvm_smm_changed(...);
	...>
}
