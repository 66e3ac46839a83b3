// SPDX-License-Identifier: GPL-2.0
// Cures cancelled-nmi-unblocks on 6.12 and 7.3: programs/cancelled-nmi-unblocks.mf.
// Only of an NMI whose delivery has begun blocking by NMI is to be taken back.
@@
identifier vcpu, idt_vectoring_info, instr_len_field;
@@
__vmx_complete_interrupts(struct kvm_vcpu *vcpu, u32 idt_vectoring_info, int instr_len_field, ...)
{
	<...
+	if (instr_len_field == VM_EXIT_INSTRUCTION_LEN)
	vmx_set_nmi_mask(vcpu, false);
	...>
}
