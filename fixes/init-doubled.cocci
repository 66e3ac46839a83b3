// SPDX-License-Identifier: GPL-2.0
// Cures init-doubled on 6.12 and 7.3: forced_init_paused, halted_init_paused.
// To read mp_state takes no INIT: KVM_GET_VCPU_EVENTS has told of it, and L2 exits for it when it runs. A SIPI that is
// pending has to be taken, as no ioctl tells of it (wait_sipi_paused).
@@
identifier vcpu, r;
@@
kvm_arch_vcpu_ioctl_get_mpstate(struct kvm_vcpu *vcpu, ...)
{
	...
-	r = kvm_apic_accept_events(vcpu);
+	r = is_guest_mode(vcpu) && kvm_lapic_latched_init(vcpu) ? 0 : kvm_apic_accept_events(vcpu);
	...
}
