// SPDX-License-Identifier: GPL-2.0
// Cures apicv-stale-svi on 6.1: apicv_off_asleep, apicv_off_asleep.control.
// When APICv is allowed again, the vector in service is told to the hardware: that of vmcs01 is of
// the time before.
@@
identifier vcpu;
@@
 void kvm_vcpu_update_apicv(struct kvm_vcpu *vcpu)
 {
 	...
 	kvm_apic_update_apicv(vcpu);
+	if (vcpu->arch.apic->apicv_active)
+		kvm_apic_update_hwapic_isr(vcpu);
 	...
 }
