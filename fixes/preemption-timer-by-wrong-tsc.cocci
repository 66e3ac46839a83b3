// SPDX-License-Identifier: GPL-2.0
// Cures preemption-timer-by-wrong-tsc on 6.12 and 7.3: timer_fires, timer_saved, timer_halted.
// The deadline is one of L1's TSC, and the timer that waits for it was started by the TSC of then: start it
// anew when the TSC changes.
@@
identifier vcpu, timeout;
@@
static void vmx_start_preemption_timer(struct kvm_vcpu *vcpu, u64 timeout)
{ ... }
+
+void nested_vmx_tsc_changed(struct kvm_vcpu *vcpu);
+void nested_vmx_tsc_changed(struct kvm_vcpu *vcpu)
+{
+	struct hrtimer *timer = &to_vmx(vcpu)->nested.preemption_timer;
+
+	if (is_guest_mode(vcpu) && nested_cpu_has_preemption_timer(get_vmcs12(vcpu)) &&
+	    to_vmx(vcpu)->nested.has_preemption_timer_deadline) {
+		hrtimer_try_to_cancel(timer);
+		hrtimer_set_expires(timer, 0); /* what is left of one that is not started */
+		vmx_start_preemption_timer(vcpu, vmx_calc_preemption_timer_value(vcpu));
+	}
+}

@@
expression offset;
@@
+void nested_vmx_tsc_changed(struct kvm_vcpu *vcpu);
+
vmx_write_tsc_offset(...)
{
	vmcs_write64(TSC_OFFSET, offset);
+	nested_vmx_tsc_changed(vcpu);
}
