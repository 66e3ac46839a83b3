// SPDX-License-Identifier: GPL-2.0
// Cures pending-notification-not-saved on 6.12 and 7.3: posted_running.before, .paused; and posted_halted.paused, with
// halted-posted-interrupt-lost.cocci before it.
// Nothing that is saved says that a notification was taken, but the descriptor does if it was not yet
// processed: ON is set. To look at the descriptor once after the restore costs nothing, and if its sender has
// only set ON so far and the notification comes later, it finds ON clear.
@@
@@
ret = nested_vmx_enter_non_root_mode(vcpu, false);
if (ret)
	goto error_guest_mode;
+if (nested_cpu_has_posted_intr(vmcs12)) {
+	vmx->nested.pi_pending = true;
+	kvm_make_request(KVM_REQ_EVENT, vcpu);
+}
