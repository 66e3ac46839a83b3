// SPDX-License-Identifier: GPL-2.0
// Cures pdptes-lost on 6.12 and 7.3: pae_no_ept, pae_no_ept_changed.
// The PDPTEs that userspace has set are not yet in a VMCS when KVM_SET_NESTED_STATE changes to vmcs02, and are lost.
@@
identifier vcpu;
@@
vmx_set_nested_state(struct kvm_vcpu *vcpu, ...)
{
	<...
	int ret;
+	u64 pdpte[4];
+	int i;
+
+	for (i = 0; i < 4; i++)
+		pdpte[i] = is_pae_paging(vcpu) ? kvm_pdptr_read(vcpu, i) : 0;
	...>
}

@@
@@
vmx_set_nested_state(struct kvm_vcpu *vcpu, ...)
{
	<...
	ret = nested_vmx_enter_non_root_mode(vcpu, false);
+	if (!ret && enable_ept && vcpu->arch.pdptrs_from_userspace && !nested_cpu_has_ept(vmcs12) &&
+	    is_pae_paging(vcpu)) {
+		vmcs_write64(GUEST_PDPTR0, pdpte[0]);
+		vmcs_write64(GUEST_PDPTR1, pdpte[1]);
+		vmcs_write64(GUEST_PDPTR2, pdpte[2]);
+		vmcs_write64(GUEST_PDPTR3, pdpte[3]);
+	}
	...>
}
