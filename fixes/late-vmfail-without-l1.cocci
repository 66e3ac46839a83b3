// SPDX-License-Identifier: GPL-2.0
// Cures late-vmfail-without-l1 where TPR_THRESHOLD has bits that it may not have: sweep entry_fail_threshold. KVM looks
// at that control itself, as at the others, so the entry fails before L2 is active. What a threshold above VTPR, or a page
// where no memory is, makes the CPU refuse stays as it is.
@@
@@
nested_vmx_check_tpr_shadow_controls(...)
{
	...
	if (CC(!page_address_valid(vcpu, vmcs12->virtual_apic_page_addr)))
		return -EINVAL;
+	if (CC(!nested_cpu_has_vid(vmcs12) && vmcs12->tpr_threshold >> 4))
+		return -EINVAL;
	...
}
