// SPDX-License-Identifier: GPL-2.0
// Cures pending-entry-made-valid on 6.12 and 7.3: entry_fail_guest, at each moment of a sweep.
// L2's RFLAGS are what userspace has saved: what they have wrong, the VM entry must find.
@@
identifier vcpu, regs;
@@
__set_regs(struct kvm_vcpu *vcpu, struct kvm_regs *regs)
{
	<...
-	kvm_set_rflags(vcpu, regs->rflags | X86_EFLAGS_FIXED);
+	kvm_set_rflags(vcpu, regs->rflags | (is_guest_mode(vcpu) ? 0 : X86_EFLAGS_FIXED));
	...>
}
