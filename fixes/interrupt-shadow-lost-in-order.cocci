// SPDX-License-Identifier: GPL-2.0
// Cures interrupt-shadow-lost-in-order on 6.12 (orders selftests, nested-last, crosvm) and 7.3 (selftests): sti_shadow,
// sti_hlt, sti_hlt_idle, mov_ss_shadow; together with injected-nmi-blocking-lost.cocci, which makes it show, also
// virtual_nmi and nmi_window there.
// Blocking that userspace has restored before the nested state is L2's, and stands in the VMCS that is current then.
@@
identifier vcpu;
@@
vmx_set_nested_state(struct kvm_vcpu *vcpu, ...)
{
+	u32 blocking;
	<...
+	blocking = vmcs_read32(GUEST_INTERRUPTIBILITY_INFO);
	vmx_leave_nested(vcpu);
	...>
}

@@
identifier vcpu;
expression ret;
@@
vmx_set_nested_state(struct kvm_vcpu *vcpu, ...)
{
	<...
	ret = nested_vmx_enter_non_root_mode(vcpu, false);
+	if (!ret && !(kvm_state->flags & KVM_STATE_NESTED_RUN_PENDING)) {
+		vmcs_write32(GUEST_INTERRUPTIBILITY_INFO, blocking);
+		to_vmx(vcpu)->loaded_vmcs->nmi_known_unmasked = false;
+	}
	...>
}
