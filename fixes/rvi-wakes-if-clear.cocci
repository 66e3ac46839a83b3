// SPDX-License-Identifier: GPL-2.0
// Cures rvi-wakes-if-clear on 6.1: halted_if_clear, halted_if_clear.control.
// A virtual interrupt wakes only an L2 that can take it.
@@
identifier rvi;
@@
vmx_guest_apic_has_interrupt(struct kvm_vcpu *vcpu)
{
	...
+	if (!(vmx_get_rflags(vcpu) & X86_EFLAGS_IF) ||
+	    (vmcs_read32(GUEST_INTERRUPTIBILITY_INFO) & (GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)))
+		return false;
	rvi = vmx_get_rvi();
	...
}
