// SPDX-License-Identifier: GPL-2.0
// Cures efer-lost-in-place on 6.12 and 7.3: msr_efer, msr_efer_loaded, regs_syscall.
// To leave L2 loads L1's EFER over that which userspace has just set for L2.
@@
identifier vcpu;
@@
vmx_set_nested_state(struct kvm_vcpu *vcpu, ...)
{
	...
-	vmx_leave_nested(vcpu);
+	{
+		const u64 efer = vcpu->arch.efer;
+
+		vmx_leave_nested(vcpu);
+		vmx_set_efer(vcpu, efer);
+	}
	...
}
