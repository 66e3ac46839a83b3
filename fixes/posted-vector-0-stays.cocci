// SPDX-License-Identifier: GPL-2.0
// Cures posted-vector-0-stays on 6.12 and 7.3 (docs/fuzz.md): vector 0 goes from the PIR to VIRR as the others do.
@@
identifier vcpu, max_irr;
@@
vmx_complete_nested_posted_interrupt(struct kvm_vcpu *vcpu)
{
	<...
-	max_irr > 0
+	max_irr >= 0
	...>
}
