// SPDX-License-Identifier: GPL-2.0
// Cures injected-int1-lost on 6.12 and 7.3: inject_int1.
// INT1 is delivered again as INT3 is, but with its own type.
@@
@@
struct vcpu_vmx {
	...
+	bool int1; /* the software exception to deliver again */
};

@@
identifier vcpu, idt_vectoring_info, type;
@@
__vmx_complete_interrupts(struct kvm_vcpu *vcpu, u32 idt_vectoring_info, ...)
{
	...
	type = idt_vectoring_info & VECTORING_INFO_TYPE_MASK;
+	to_vmx(vcpu)->int1 = type == INTR_TYPE_PRIV_SW_EXCEPTION;
+	if (to_vmx(vcpu)->int1)
+		type = INTR_TYPE_SOFT_EXCEPTION;
	...
}

@@
identifier ex, intr_info;
expression length;
@@
vmx_inject_exception(...)
{
	<...
-	if (kvm_exception_is_soft(ex->vector)) {
+	if (kvm_exception_is_soft(ex->vector) || (vmx->int1 && ex->injected && ex->vector == DB_VECTOR)) {
		vmcs_write32(VM_ENTRY_INSTRUCTION_LEN, length);
-		intr_info |= INTR_TYPE_SOFT_EXCEPTION;
+		intr_info |= ex->vector == DB_VECTOR ? INTR_TYPE_PRIV_SW_EXCEPTION : INTR_TYPE_SOFT_EXCEPTION;
	} else { ... }
	...>
}

// And L1 is told of it as INT1.
@@
identifier vcpu, nr;
@@
vmcs12_save_pending_event(struct kvm_vcpu *vcpu, ...)
{
	<...
-	kvm_exception_is_soft(nr)
+	(kvm_exception_is_soft(nr) || (to_vmx(vcpu)->int1 && nr == DB_VECTOR))
	...>
}

@@
identifier vcpu, idt_vectoring;
@@
vmcs12_save_pending_event(struct kvm_vcpu *vcpu, ...)
{
	<...
-	idt_vectoring |= INTR_TYPE_SOFT_EXCEPTION;
+	idt_vectoring |= nr == DB_VECTOR ? INTR_TYPE_PRIV_SW_EXCEPTION : INTR_TYPE_SOFT_EXCEPTION;
	...>
}
