// SPDX-License-Identifier: GPL-2.0
// Cures vmcs12-page-stale on 6.12 and 7.3: refill_vapic.control, refill_descriptor.control, move_l2.control.
// When host memory behind the guest's changes, every vCPU maps the pages of vmcs12 anew before it enters L2. All
// of them for any change: a cure in earnest would ask whether it is their page.
@@
identifier kvm, range, flush;
@@
kvm_unmap_gfn_range(struct kvm *kvm, struct kvm_gfn_range *range)
{
	bool flush = false;
+
+	kvm_make_all_cpus_request(kvm, KVM_REQ_GET_NESTED_STATE_PAGES);
	...
}

@@
identifier kvm;
@@
kvm_arch_flush_shadow_memslot(struct kvm *kvm, ...)
{
	...
(
+	kvm_make_all_cpus_request(kvm, KVM_REQ_GET_NESTED_STATE_PAGES);
	write_lock(&kvm->mmu_lock);
|
+	kvm_make_all_cpus_request(kvm, KVM_REQ_GET_NESTED_STATE_PAGES);
	kvm_page_track_flush_slot(kvm, ...);
)
	...
}

@ put @
identifier vcpu;
@@
nested_put_vmcs12_pages(struct kvm_vcpu *vcpu)
{
	...
}

@ depends on put @
identifier vcpu, map;
@@
nested_get_vmcs12_pages(struct kvm_vcpu *vcpu)
{
	...
	struct kvm_host_map *map;
+
+	nested_put_vmcs12_pages(vcpu);
	...
}

@ depends on !put @
identifier vcpu, map;
@@
nested_get_vmcs12_pages(struct kvm_vcpu *vcpu)
{
	...
	struct kvm_host_map *map;
+
+	kvm_vcpu_unmap(vcpu, &to_vmx(vcpu)->nested.apic_access_page_map, false);
+	kvm_vcpu_unmap(vcpu, &to_vmx(vcpu)->nested.virtual_apic_map, true);
+	kvm_vcpu_unmap(vcpu, &to_vmx(vcpu)->nested.pi_desc_map, true);
	...
}
