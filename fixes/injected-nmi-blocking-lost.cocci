// SPDX-License-Identifier: GPL-2.0
// Cures injected-nmi-blocking-lost on 6.12 and 7.3: virtual_nmi, virtual_nmi_real, nmi_window.
// An injected NMI blocks NMIs, and the entry that injects it is the CPU's: what was known before it is
// known no more, whatever userspace has read and written meanwhile.
@@
identifier vcpu;
expression pending;
@@
vmx_vcpu_run(struct kvm_vcpu *vcpu, ...)
{
	<...
	if (is_guest_mode(vcpu)) {
		...
+		if (pending && is_nmi(get_vmcs12(vcpu)->vm_entry_intr_info_field))
+			to_vmx(vcpu)->loaded_vmcs->nmi_known_unmasked = false;
		pending = 0;
	}
	...>
}
