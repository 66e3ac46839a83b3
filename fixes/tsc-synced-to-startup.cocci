// SPDX-License-Identifier: GPL-2.0
// Cures tsc-synced-to-startup on 6.1: X.
// What KVM itself wrote at the creation of the vCPUs, 0, is no TSC that userspace could mean.
@@
identifier kvm, data;
expression a, b;
@@
kvm_synchronize_tsc(...)
{
	<...
-	synchronizing = a && b;
+	synchronizing = kvm->arch.last_tsc_write && a && b;
	...>
}
