// SPDX-License-Identifier: GPL-2.0
// Cures halted-posted-interrupt-unheard on 6.1: posted_halted.control, sti_hlt_idle, nv_into_hlt, halted.control and
// their like; behind a restore posted_halted, halted, isr_halted with halted-posted-interrupt-lost.cocci.
// A notification that KVM has taken wakes L2 if what is posted does: newer kernels ask the descriptor, too. Before
// the pages are mapped there is nothing to ask, and nothing to warn of.
@@
identifier rvi;
@@
vmx_guest_apic_has_interrupt(struct kvm_vcpu *vcpu)
{
	<...
-	WARN_ON_ONCE(!vmx->nested.virtual_apic_map.gfn)
+	!vmx->nested.virtual_apic_map.hva
	...>
	rvi = vmx_get_rvi();
+	if (vmx->nested.pi_pending && vmx->nested.pi_desc && pi_test_on(vmx->nested.pi_desc)) {
+		unsigned long posted = find_last_bit((unsigned long *)vmx->nested.pi_desc->pir, 256);
+
+		if (posted < 256 && posted > rvi)
+			rvi = posted;
+	}
	...
}
