// SPDX-License-Identifier: GPL-2.0
// Experiment: cures injected-software-event-not-saved on 6.12 and 7.3: deliver_int, deliver_int3, also with an
// enlightened L1.
// KVM_GET_VCPU_EVENTS tells of software events too, with the length of their instruction in a reserved byte
// of struct kvm_vcpu_events. A cure in earnest needs a flag for it. Whether L2 executed the instruction or L1
// injected the event is the same: what is injected again pushes RIP plus that length.
// Not flown well on older kernels, which a name of this file tells apart.
@newer@
@@
guest_cpu_cap_has(...)

@depends on newer@
identifier vcpu, events, ex;
@@
kvm_vcpu_ioctl_x86_get_vcpu_events(struct kvm_vcpu *vcpu, struct kvm_vcpu_events *events)
{
	...
	events->exception.nr = ex->vector;
+	if (kvm_exception_is_soft(ex->vector))
+		events->exception.injected = ex->injected;
	...
-	events->interrupt.injected = vcpu->arch.interrupt.injected && !vcpu->arch.interrupt.soft;
+	events->interrupt.injected = vcpu->arch.interrupt.injected;
+	events->interrupt.soft = vcpu->arch.interrupt.injected && vcpu->arch.interrupt.soft;
+	if (events->interrupt.soft || (ex->injected && kvm_exception_is_soft(ex->vector)))
+		events->reserved[0] = vcpu->arch.event_exit_inst_len;
	...
}

@depends on newer@
identifier vcpu, events;
@@
kvm_vcpu_ioctl_x86_set_vcpu_events(struct kvm_vcpu *vcpu, struct kvm_vcpu_events *events)
{
	...
	vcpu->arch.interrupt.soft = events->interrupt.soft;
+	if (events->reserved[0])
+		vcpu->arch.event_exit_inst_len = events->reserved[0];
	...
}
