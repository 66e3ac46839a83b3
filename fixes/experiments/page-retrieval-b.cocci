// SPDX-License-Identifier: GPL-2.0
// An experiment, no cure that is proposed: docs/page-retrieval.md, column b. For 7.3.
// VMX without KVM_REQ_GET_NESTED_STATE_PAGES. The pages of vmcs12 are mapped in KVM_SET_NESTED_STATE (and RSM); so is
// the enlightened VMCS if HV_X64_MSR_VP_ASSIST_PAGE, which leads to it, was restored before, else by
// KVM_SET_MSRS with that MSR.
@@
identifier vcpu;
@@
nested_vmx_enter_non_root_mode(struct kvm_vcpu *vcpu, ...)
{
	<...
-	kvm_make_request(KVM_REQ_GET_NESTED_STATE_PAGES, vcpu);
+	if (!nested_get_vmcs12_pages(vcpu)) {
+		nested_put_vmcs12_pages(vcpu);
+		goto vmentry_fail_vmexit_guest_mode;
+	}
	...>
}

@@
identifier vcpu;
@@
vmx_get_nested_state_pages(struct kvm_vcpu *vcpu)
{
	...
-	if (is_guest_mode(vcpu) && !nested_get_vmcs12_pages(vcpu)) return false;
	return true;
}

@@
@@
vmx->nested.hv_evmcs_vmptr = EVMPTR_MAP_PENDING;
-kvm_make_request(KVM_REQ_GET_NESTED_STATE_PAGES, vcpu);
+if (to_hv_vcpu(vcpu) && (to_hv_vcpu(vcpu)->hv_vapic & HV_X64_MSR_VP_ASSIST_PAGE_ENABLE) &&
+    !nested_get_evmcs_page(vcpu))
+	return -EINVAL;

@@
expression gfn;
@@
 if (kvm_lapic_set_pv_eoi(vcpu, gfn_to_gpa(gfn) | KVM_MSR_ENABLED, sizeof(struct hv_vp_assist_page)))
 	return 1;
+if (host && !kvm_nested_call(get_nested_state_pages)(vcpu))
+	return 1;
