// SPDX-License-Identifier: GPL-2.0
// halted-posted-interrupt-lost: whether a halted vCPU may wake is asked before the pages of vmcs12 are mapped.
// So serve the request before vcpu_block() asks.
@@
identifier vcpu;
@@
vcpu_block(struct kvm_vcpu *vcpu)
{
	bool hv_timer;
+
+	if (kvm_check_request(KVM_REQ_GET_NESTED_STATE_PAGES, vcpu) &&
+	    !kvm_x86_ops.nested_ops->get_nested_state_pages(vcpu))
+		return 0;
	...
}
