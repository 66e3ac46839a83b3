// SPDX-License-Identifier: GPL-2.0
// Cures late-vmfail-without-l1 where TPR_THRESHOLD has bits that it may not have (sweep entry_fail_threshold), or no
// memory is where the virtual-APIC page should be (programs/late-vmfail-without-l1.mf). KVM looks at both itself, as at the
// other controls, so the entry fails before L2 is active. A threshold above VTPR is still the CPU's to refuse.
@@
@@
nested_vmx_check_tpr_shadow_controls(...)
{
	...
	if (CC(!page_address_valid(vcpu, vmcs12->virtual_apic_page_addr)))
		return -EINVAL;
+	if (CC(!nested_cpu_has_vid(vmcs12) && vmcs12->tpr_threshold >> 4))
+		return -EINVAL;
+	// Without this page KVM can do only for an L2 whose every access to CR8 exits.
+	if (CC(!kvm_is_visible_gfn(vcpu->kvm, vmcs12->virtual_apic_page_addr >> PAGE_SHIFT) &&
+	       !(nested_cpu_has(vmcs12, CPU_BASED_CR8_LOAD_EXITING) &&
+		 nested_cpu_has(vmcs12, CPU_BASED_CR8_STORE_EXITING) &&
+		 !nested_cpu_has2(vmcs12, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES))))
+		return -EINVAL;
	...
}
