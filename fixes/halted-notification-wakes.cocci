// SPDX-License-Identifier: GPL-2.0
// Cures halted-notification-wakes on 6.12 and 7.3: what wakes a halted vCPU may be the notification of posted
// interrupts in L1's local APIC. When it is processed, L2 stays in HLT unless an interrupt can be delivered.
@@
identifier vcpu, r;
@@
vcpu_block(struct kvm_vcpu *vcpu)
{
	...
	if (is_guest_mode(vcpu)) {
		int r = kvm_check_nested_events(vcpu);
		if (r < 0 && r != -EBUSY)
			return 0;
+		if (!kvm_arch_vcpu_runnable(vcpu))
+			return 1;
	}
	...
}
