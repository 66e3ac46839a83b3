// SPDX-License-Identifier: GPL-2.0
// preemption-timer-expired-lost, on 6.1, 6.12 and 7.3, with the orders that restore the TSC before the nested
// state; with the others preemption-timer-by-wrong-tsc is met as well.
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
