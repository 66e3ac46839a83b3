// SPDX-License-Identifier: GPL-2.0
// An experiment, no interface that is proposed: docs/page-retrieval.md, column c. For 7.3.
// KVM_RUN ends with EFAULT and KVM_EXIT_MEMORY_FAULT for a page that userfaultfd (or I/O) would have to bring, and
// begins anew when userspace has brought it: pages that L1 or L2 touches, tables of L2's EPT, all that
// KVM_REQ_GET_NESTED_STATE_PAGES maps, and the same at VMLAUNCH and VMRESUME. Everywhere else KVM waits as before.
// Userspace asks for it by kvm_run.padding1[0] = 1; KVM_CAP_MEMORY_FAULT_INFO is 2.
@@
identifier ext;
@@
kvm_vm_ioctl_check_extension(struct kvm *kvm, long ext)
{
	int r = 0;
+
+	if (ext == KVM_CAP_MEMORY_FAULT_INFO)
+		return 2;
	...
}

@@
identifier fault;
@@
__kvm_mmu_faultin_pfn(struct kvm_vcpu *vcpu, struct kvm_page_fault *fault)
{
	...
	if (fault->pfn != KVM_PFN_ERR_NEEDS_IO)
		return RET_PF_CONTINUE;
+	if (vcpu->run->padding1[0] && !fault->prefetch) {
+		kvm_mmu_prepare_memory_fault_exit(vcpu, fault);
+		return -EFAULT;
+	}
	...
}

@@
@@
-vcpu->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
-vcpu->run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
-vcpu->run->internal.ndata = 0;
-kvm_make_request(KVM_REQ_GET_NESTED_STATE_PAGES, vcpu);
-r = 0;
+kvm_make_request(KVM_REQ_GET_NESTED_STATE_PAGES, vcpu);
+r = -EFAULT;
+if (vcpu->run->exit_reason != KVM_EXIT_MEMORY_FAULT) {
+	vcpu->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
+	vcpu->run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
+	vcpu->run->internal.ndata = 0;
+	r = 0;
+}

@@
@@
+bool nested_ept_table_missing(struct kvm_vcpu *vcpu, gpa_t gpa);
 handle_ept_violation(struct kvm_vcpu *vcpu)
 {
 	...
 	trace_kvm_page_fault(...);
+	if (is_guest_mode(vcpu) && nested_ept_table_missing(vcpu, gpa))
+		return -EFAULT;
 	...
 }

@@
@@
+static bool page_missing(struct kvm_vcpu *vcpu, gpa_t gpa)
+{
+	struct kvm_memory_slot *slot = kvm_vcpu_gfn_to_memslot(vcpu, gpa_to_gfn(gpa));
+	struct page *page;
+	bool writable;
+	kvm_pfn_t pfn;
+
+	if (!vcpu->run->padding1[0] || !kvm_is_visible_memslot(slot))
+		return false;
+	pfn = __kvm_faultin_pfn(slot, gpa_to_gfn(gpa), FOLL_NOWAIT, &writable, &page);
+	kvm_release_page_unused(page);
+	if (pfn != KVM_PFN_ERR_NEEDS_IO)
+		return false;
+	kvm_prepare_memory_fault_exit(vcpu, gpa & PAGE_MASK, PAGE_SIZE, false, false, false);
+	return true;
+}
+
+/* A table on the way to L2's @gpa. What is wrong with an entry is left to the walk proper. */
+bool nested_ept_table_missing(struct kvm_vcpu *vcpu, gpa_t gpa);
+bool nested_ept_table_missing(struct kvm_vcpu *vcpu, gpa_t gpa)
+{
+	const struct vmcs12 *vmcs12 = get_vmcs12(vcpu);
+	u64 pte = vmcs12->ept_pointer;
+	int level = (pte & VMX_EPTP_PWL_MASK) == VMX_EPTP_PWL_5 ? 5 : 4;
+
+	if (!vcpu->run->padding1[0] || !nested_cpu_has_ept(vmcs12))
+		return false;
+	for (; level; level--) {
+		const gpa_t entry = (pte & GENMASK_ULL(51, 12)) + (gpa >> (3 + 9 * level) & 0x1ff) * 8;
+
+		if (page_missing(vcpu, entry))
+			return true;
+		if (kvm_vcpu_read_guest(vcpu, entry, &pte, sizeof(pte)) || !(pte & 7) || pte & BIT_ULL(7))
+			break;
+	}
+	return false;
+}
+
+static bool vmcs12_page_missing(struct kvm_vcpu *vcpu)
+{
+	const struct vmcs12 *vmcs12 = get_vmcs12(vcpu);
+
+	return (nested_cpu_has2(vmcs12, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES) &&
+		page_missing(vcpu, vmcs12->apic_access_addr)) ||
+	       (nested_cpu_has(vmcs12, CPU_BASED_TPR_SHADOW) &&
+		page_missing(vcpu, vmcs12->virtual_apic_page_addr)) ||
+	       (nested_cpu_has_posted_intr(vmcs12) &&
+		page_missing(vcpu, vmcs12->posted_intr_desc_addr)) ||
+	       (nested_cpu_has(vmcs12, CPU_BASED_USE_MSR_BITMAPS) &&
+		page_missing(vcpu, vmcs12->msr_bitmap)) ||
+	       (!nested_cpu_has_ept(vmcs12) && is_pae_paging(vcpu) &&
+		page_missing(vcpu, vmcs12->guest_cr3));
+}
+
 vmx_get_nested_state_pages(struct kvm_vcpu *vcpu)
 {
+	if (to_vmx(vcpu)->nested.hv_evmcs_vmptr == EVMPTR_MAP_PENDING) {
+		const u64 evmcs = nested_get_evmptr(vcpu);
+
+		if (evmptr_is_valid(evmcs) && page_missing(vcpu, evmcs))
+			return false;
+	}
+	if (is_guest_mode(vcpu) && vmcs12_page_missing(vcpu))
+		return false;
 	...
 }

@@
@@
+static bool vmcs12_page_missing(struct kvm_vcpu *vcpu);
 nested_vmx_run(struct kvm_vcpu *vcpu, bool launch)
 {
 	...
+	if (vmcs12_page_missing(vcpu))
+		return -EFAULT;
 	vcpu->arch.nested_run_pending = KVM_NESTED_RUN_PENDING;
 	...
 }
