// SPDX-License-Identifier: GPL-2.0
// Cures queued-nmi-forgets-hlt on 6.12 and 7.3: halted_nmi_paused.
// A queued NMI is made pending before vcpu_block() asks whether it makes L2 exit, still halted.
@@
@@
vcpu_block(...)
{
	...
	if (is_guest_mode(vcpu)) {
+		if (kvm_check_request(KVM_REQ_NMI, vcpu))
+			process_nmi(vcpu);
		...
	}
	...
}
