// SPDX-License-Identifier: GPL-2.0
// An experiment, no cure that is proposed: docs/page-retrieval.md, column a.
// KVM_REQ_GET_NESTED_STATE_PAGES is served before KVM asks whether the vCPU may run or wake, so for a halted L2 as
// well: the idea of "KVM: x86: Get vmcs12 pages before checking pending interrupts" (2022).
@ pages @
expression served;
@@
-if (kvm_check_request(KVM_REQ_GET_NESTED_STATE_PAGES, vcpu)) {
-	if (unlikely(!served)) { ... }
-}

@@
expression pages.served;
@@
+if (kvm_check_request(KVM_REQ_GET_NESTED_STATE_PAGES, vcpu)) {
+	if (unlikely(!served)) {
+		vcpu->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
+		vcpu->run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
+		vcpu->run->internal.ndata = 0;
+		kvm_make_request(KVM_REQ_GET_NESTED_STATE_PAGES, vcpu);
+		r = 0;
+		break;
+	}
+}
 if (kvm_vcpu_running(vcpu)) {
 	r = vcpu_enter_guest(vcpu);
 } else { ... }
