// SPDX-License-Identifier: GPL-2.0
// Cures notification-unprocessed-at-exit on 6.12 and 7.3: a notification that KVM has taken is processed before an
// event that makes L2 exit is looked for, as the CPU does when it comes; until then a halted L2 leaves it where it is.
@@
identifier vcpu;
@@
vmx_check_nested_events(struct kvm_vcpu *vcpu)
{
	...
+	if (vmx->nested.pi_pending && !block_nested_events) {
+		int ret = vmx_complete_nested_posted_interrupt(vcpu);
+
+		if (ret)
+			return ret;
+	}
	if (lapic_in_kernel(vcpu) && test_bit(KVM_APIC_INIT, &apic->pending_events)) { ... }
	...
}
