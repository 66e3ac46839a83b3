// SPDX-License-Identifier: GPL-2.0
// Cures soft-exception-retyped on 6.12 and 7.3: programs/soft-exception-retyped.mf.
// A software exception is delivered again as one, whatever its vector.
@@
@@
struct vcpu_vmx {
	...
+	bool soft_exception; /* that is what to deliver again */
};

@@
identifier vcpu, idt_vectoring_info, type;
@@
__vmx_complete_interrupts(struct kvm_vcpu *vcpu, u32 idt_vectoring_info, ...)
{
	...
	type = idt_vectoring_info & VECTORING_INFO_TYPE_MASK;
+	to_vmx(vcpu)->soft_exception = type == INTR_TYPE_SOFT_EXCEPTION;
	...
}

@@
identifier ex;
@@
vmx_inject_exception(...)
{
	<...
-	kvm_exception_is_soft(ex->vector)
+	(kvm_exception_is_soft(ex->vector) || (to_vmx(vcpu)->soft_exception && ex->injected))
	...>
}

// And L1 is told of it as one.
@@
identifier vcpu, nr;
@@
vmcs12_save_pending_event(struct kvm_vcpu *vcpu, ...)
{
	<...
-	kvm_exception_is_soft(nr)
+	(kvm_exception_is_soft(nr) || to_vmx(vcpu)->soft_exception)
	...>
}
