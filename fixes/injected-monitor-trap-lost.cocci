// SPDX-License-Identifier: GPL-2.0
// Cures injected-monitor-trap-lost on 6.12 and 7.3: programs/injected-monitor-trap-lost.mf.
// Where KVM turns back in front of an entry it takes the event out of the VMCS, to put it there again. The monitor trap
// that L1 injects is no event that it would know again, so it stays.
@@
identifier vcpu;
@@
vmx_cancel_injection(struct kvm_vcpu *vcpu)
{
+	if (is_guest_mode(vcpu) &&
+	    vmcs_read32(VM_ENTRY_INTR_INFO_FIELD) == (INTR_INFO_VALID_MASK | INTR_TYPE_OTHER_EVENT))
+		return;
	...
}
