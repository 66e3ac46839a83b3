// SPDX-License-Identifier: GPL-2.0
// Cures halted-posted-interrupt-lost on 6.12 and 7.3: posted_halted.restored, .blocked, halted,
// smp_both_halted, smp_on_halted, smp_post_halted; on 6.1 with halted-posted-interrupt-unheard.cocci.
// Whether a halted vCPU may wake is asked while the pages of vmcs12 are not mapped: serve the request, as
// vcpu_enter_guest() does, before vcpu_block() asks.
@ pages @
expression served;
@@
if (kvm_check_request(KVM_REQ_GET_NESTED_STATE_PAGES, vcpu)) {
	if (unlikely(!served)) { ... }
}

@@
expression pages.served;
identifier vcpu, hv_timer;
@@
vcpu_block(struct kvm_vcpu *vcpu)
{
	bool hv_timer;
+
+	if (kvm_check_request(KVM_REQ_GET_NESTED_STATE_PAGES, vcpu) && !served)
+		return 0;
	...
}
