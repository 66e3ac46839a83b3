// SPDX-License-Identifier: GPL-2.0
// Cures pending-notification-not-saved on 6.12 and 7.3: posted_running.before, .paused, on 6.12 entry_notified; and
// posted_halted.paused, with halted-posted-interrupt-lost.cocci.
// A notification that KVM has taken, but not processed, is given back to L1's local APIC when userspace looks at the
// vCPU: there KVM_GET_LAPIC finds it, and vmx_check_nested_events() takes it again. Other ioctls than KVM_RUN do
// it, and the first that saves the vCPU comes before KVM_GET_LAPIC.
// Older kernels have no vcpu->wants_to_run; a name of this file tells them apart.
@newer@
@@
guest_cpu_cap_has(...)

@depends on newer@
identifier vcpu;
@@
vmx_vcpu_put(struct kvm_vcpu *vcpu)
{
+	if (!vcpu->wants_to_run && is_guest_mode(vcpu) && lapic_in_kernel(vcpu) && to_vmx(vcpu)->nested.pi_pending) {
+		to_vmx(vcpu)->nested.pi_pending = false;
+		kvm_lapic_set_irr(to_vmx(vcpu)->nested.posted_intr_nv, vcpu->arch.apic);
+		kvm_make_request(KVM_REQ_EVENT, vcpu);
+	}
	...
}
