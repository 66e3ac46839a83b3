/* SPDX-License-Identifier: BSD-2-Clause */
/* The APIC timer says when it has fired: IA32_TSC_DEADLINE (or the current count) then reads 0. */
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/x2apic.h"

#define TICKS	 100000
#define WAIT_MAX 10000000 /* turns of the loop, each of more than a tick */

static void run(void)
{
	unsigned turns = 0;

	apic_timer_arm(L2_NOTIFICATION_VECTOR, TICKS);
	ktap_check("timer runs", 0, apic_timer_expired());
	while (!apic_timer_expired() && turns < WAIT_MAX)
		turns++;
	ktap_check("timer expired", 1, apic_timer_expired());
	ktap_check("interrupt request of the timer", 1, apic_irr(L2_NOTIFICATION_VECTOR));
	apic_timer_stop();
	apic_drain();
}

SCENARIO(cpu_apic_timer, NEEDS(), RUN(run));
