// SPDX-License-Identifier: GPL-2.0
// Cures rsm-forgets-l2-state on 6.12 and 7.3.
// RSM goes back to L2 without a VM entry, so KVM takes L2's PAT from the vCPU, which has had L1's since the SMI, and
// L2's blocking by NMI from vmcs02, which a restored VM has made anew. Both are in vmcs12 (the PAT if L2 loads it at VM
// entry, and has not written another one without VM exit saving it).
@@
identifier vcpu;
@@
vmx_leave_smm(struct kvm_vcpu *vcpu, ...)
{
	<...
+	if (get_vmcs12(vcpu)->vm_entry_controls & VM_ENTRY_LOAD_IA32_PAT)
+		vcpu->arch.pat = get_vmcs12(vcpu)->guest_ia32_pat;
	ret = nested_vmx_enter_non_root_mode(vcpu, false);
+	if (!ret) {
+		vmcs_write32(GUEST_INTERRUPTIBILITY_INFO, get_vmcs12(vcpu)->guest_interruptibility_info);
+		to_vmx(vcpu)->loaded_vmcs->nmi_known_unmasked = false;
+	}
	...>
}
