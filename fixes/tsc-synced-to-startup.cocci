// SPDX-License-Identifier: GPL-2.0
// Cures tsc-synced-to-startup on 6.1: tsc_offset, msr_store. Kernels since 6.8 do not have the bug.
// What KVM itself wrote at the creation of the vCPUs, 0, is no TSC that userspace wants to be in step with.
@@
identifier vcpu, synchronizing;
expression a, b;
@@
kvm_synchronize_tsc(struct kvm_vcpu *vcpu, ...)
{
	<...
-	synchronizing = a && b;
+	synchronizing = vcpu->kvm->arch.last_tsc_write && a && b;
	...>
}
