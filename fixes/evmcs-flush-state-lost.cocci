// SPDX-License-Identifier: GPL-2.0
// Cures evmcs-flush-state-lost on 6.12 and 7.3: evmcs_flush, evmcs_flush_trap, evmcs_flush_trap_later.
// What KVM keeps of the enlightened VMCS for L2's flushes is read when it is mapped, as at a VM entry.
// Older kernels let no L2 flush.
@flushes@
@@
nested_vmx_is_evmptr12_valid(...)

@depends on flushes@
@@
nested_get_evmcs_page(struct kvm_vcpu *vcpu)
{
	<...
	vmx->nested.need_vmcs12_to_shadow_sync = true;
+	if (nested_vmx_is_evmptr12_valid(vmx)) {
+		to_hv_vcpu(vcpu)->nested.pa_page_gpa = nested_vmx_evmcs(vmx)->partition_assist_page;
+		to_hv_vcpu(vcpu)->nested.vm_id = nested_vmx_evmcs(vmx)->hv_vm_id;
+		to_hv_vcpu(vcpu)->nested.vp_id = nested_vmx_evmcs(vmx)->hv_vp_id;
+	}
	...>
}
