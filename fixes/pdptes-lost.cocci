// SPDX-License-Identifier: GPL-2.0
// Cures pdptes-lost on X: pae_no_ept, pae_no_ept_changed.
// The PDPTEs that userspace has set are not yet in a VMCS when KVM_SET_NESTED_STATE changes to vmcs02, and are forgotten.
@@
identifier vcpu;
@@
vmx_set_nested_state(struct kvm_vcpu *vcpu, ...)
{
	<...
	int ret;
+	const u64 pdpte[] = {kvm_pdptr_read(vcpu, 0), kvm_pdptr_read(vcpu, 1),
+			     kvm_pdptr_read(vcpu, 2), kvm_pdptr_read(vcpu, 3)};
	...>
}

@@
@@
ret = nested_vmx_enter_non_root_mode(vcpu, false);
if (ret)
	goto error_guest_mode;
+if (enable_ept && vcpu->arch.pdptrs_from_userspace && !nested_cpu_has_ept(vmcs12) && is_pae_paging(vcpu)) {
+	vmcs_write64(GUEST_PDPTR0, pdpte[0]);
+	vmcs_write64(GUEST_PDPTR1, pdpte[1]);
+	vmcs_write64(GUEST_PDPTR2, pdpte[2]);
+	vmcs_write64(GUEST_PDPTR3, pdpte[3]);
+}
