// SPDX-License-Identifier: GPL-2.0
// Cures preemption-timer-expired-lost on 6.12 and 7.3: timer_short, timer_zero; with orders that restore the TSC behind the
// nested state, as qemu, together with preemption-timer-by-wrong-tsc.cocci.
// A deadline that has passed is a timer of 0, and no timer of almost 2^64.
@@
expression now;
identifier vmx;
@@
vmx_calc_preemption_timer_value(...)
{
	...
+	if (vmx->nested.preemption_timer_deadline <= now)
+		return 0;
	return vmx->nested.preemption_timer_deadline - now;
}
