// SPDX-License-Identifier: GPL-2.0
// Cures notification-lost-to-lower-vector on 6.1 and 6.12: nv_and_lower, nv_and_lower.control, and
// pending-notification-not-saved there: entry_notified.
// The notification stays in L1's local APIC until it is processed, as in newer kernels.
@@
identifier vcpu;
@@
nested_vmx_run(struct kvm_vcpu *vcpu, ...)
{
	<...
-	vmx->nested.pi_pending = true;
	kvm_make_request(KVM_REQ_EVENT, vcpu);
-	kvm_apic_clear_irr(vcpu, vmx->nested.posted_intr_nv);
	...>
}

@@
identifier vcpu;
@@
vmx_check_nested_events(struct kvm_vcpu *vcpu)
{
	<...
	if (!nested_exit_on_intr(vcpu))
		goto no_vmexit;
+	if (nested_cpu_has_posted_intr(get_vmcs12(vcpu)) &&
+	    kvm_apic_has_interrupt(vcpu) == vmx->nested.posted_intr_nv) {
+		vmx->nested.pi_pending = true;
+		kvm_apic_clear_irr(vcpu, vmx->nested.posted_intr_nv);
+		goto no_vmexit;
+	}
	nested_vmx_vmexit(vcpu, EXIT_REASON_EXTERNAL_INTERRUPT, 0, 0);
	return 0;
	...>
}
