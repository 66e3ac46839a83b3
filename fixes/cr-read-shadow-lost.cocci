// SPDX-License-Identifier: GPL-2.0
// Cures cr-read-shadow-lost on 6.12 and 7.3: smi_read_shadow.control; smi_read_shadow behind smm-restore-order.cocci.
// In L2 the bits that L1 owns are read from L1's shadow, whoever sets the register.
@@
identifier vcpu, cr0;
@@
void vmx_set_cr0(struct kvm_vcpu *vcpu, unsigned long cr0)
{
	...
-	vmcs_writel(CR0_READ_SHADOW, cr0);
+	vmcs_writel(CR0_READ_SHADOW, !is_guest_mode(vcpu) ? cr0 :
+		    (cr0 & ~get_vmcs12(vcpu)->cr0_guest_host_mask) |
+		    (get_vmcs12(vcpu)->cr0_read_shadow & get_vmcs12(vcpu)->cr0_guest_host_mask));
	...
}

@@
identifier vcpu, cr4;
@@
void vmx_set_cr4(struct kvm_vcpu *vcpu, unsigned long cr4)
{
	...
-	vmcs_writel(CR4_READ_SHADOW, cr4);
+	vmcs_writel(CR4_READ_SHADOW, !is_guest_mode(vcpu) ? cr4 :
+		    (cr4 & ~get_vmcs12(vcpu)->cr4_guest_host_mask) |
+		    (get_vmcs12(vcpu)->cr4_read_shadow & get_vmcs12(vcpu)->cr4_guest_host_mask));
	...
}
