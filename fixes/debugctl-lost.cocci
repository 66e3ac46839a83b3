// SPDX-License-Identifier: GPL-2.0
// Cures debugctl-lost on 6.12: the program of docs/known-failures.md#debugctl-lost, which no scenario is about.
// KVM_SET_MSRS writes back what KVM_GET_MSRS gave, which lacks the bits that KVM does not offer to L1. What L1 has in
// vmcs12 is L1's, and comes by KVM_SET_NESTED_STATE.
@@
identifier vcpu, msr_info;
expression data;
@@
vmx_set_msr(struct kvm_vcpu *vcpu, struct msr_data *msr_info)
{
	<...
-	if (is_guest_mode(vcpu) && get_vmcs12(vcpu)->vm_exit_controls & VM_EXIT_SAVE_DEBUG_CONTROLS)
+	if (!msr_info->host_initiated && is_guest_mode(vcpu) &&
+	    get_vmcs12(vcpu)->vm_exit_controls & VM_EXIT_SAVE_DEBUG_CONTROLS)
		get_vmcs12(vcpu)->guest_ia32_debugctl = data;
	...>
}
