// SPDX-License-Identifier: GPL-2.0
// Cures smm-vmxon-without-vmcs on 6.12 and 7.3: smi_in_l1_vmxon, behind smm-restore-order.cocci.
// That VMX operation is off in SMM is true without a current VMCS, too.
@@
@@
	if (kvm_state->size < sizeof(*kvm_state) + sizeof(*vmcs12)) {
+		if (kvm_state->hdr.vmx.smm.flags & KVM_STATE_NESTED_SMM_VMXON) {
+			vmx->nested.smm.vmxon = true;
+			vmx->nested.vmxon = false;
+		}
		...
	}
