// SPDX-License-Identifier: GPL-2.0
// Experiment: cures evmcs-written-into-another on 6.12 and 7.3: evmcs_two_switched, evmcs_two_new.
// The address of the enlightened VMCS that vmcs12 is of has no place in struct kvm_nested_state. Here
// it goes in vmcs12's padding; a cure in earnest needs a field of its own.
// Older kernels keep the address elsewhere.
@newer@
@@
nested_vmx_is_evmptr12_valid(...)

@depends on newer@
@@
vmx_get_nested_state(...)
{
	<...
	kvm_state.flags |= KVM_STATE_NESTED_EVMCS;
+	if (nested_vmx_is_evmptr12_valid(vmx))
+		vmcs12->padding64[0] = vmx->nested.hv_evmcs_vmptr;
	...>
}

@depends on newer@
identifier vcpu, evmcs_gpa;
@@
nested_vmx_handle_enlightened_vmptrld(struct kvm_vcpu *vcpu, ...)
{
	<...
	evmcs_gpa = nested_get_evmptr(vcpu);
+	if (vmx->nested.hv_evmcs_vmptr == EVMPTR_MAP_PENDING && get_vmcs12(vcpu)->padding64[0])
+		evmcs_gpa = get_vmcs12(vcpu)->padding64[0];
	...>
}
