// SPDX-License-Identifier: BSD-2-Clause
// The alarm of a vCPU's thread. Its signal alone would be lost between the last look and the ioctl;
// immediate_exit, set by its handler, is not.
#include "host/kvm/vcpu_alarm.h"

#include <signal.h>
#include <unistd.h>

#define ALARM SIGUSR2

#ifndef sigev_notify_thread_id /* glibc has the member and no name for it */
#define sigev_notify_thread_id _sigev_un._tid
#endif

static __thread struct kvm_run *volatile alarm_run;
static __thread volatile sig_atomic_t rang;

static void on_alarm(int number)
{
	(void)number;
	rang = 1;
	if (alarm_run)
		__atomic_store_n(&alarm_run->immediate_exit, 1, __ATOMIC_RELAXED);
}

int vcpu_alarm_set(struct vcpu_alarm *a, struct kvm_run *run, int64_t ns, struct err *e)
{
	const struct itimerspec when = {
		.it_value = {ns / (NS_PER_MS * 1000), ns % (NS_PER_MS * 1000)}};
	const struct sigaction action = {.sa_handler = on_alarm};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = ALARM};

	rang = 0;
	alarm_run = run;
	if (!ns) {
		on_alarm(ALARM);
		return 0;
	}
	event.sigev_notify_thread_id = gettid();
	if (sigaction(ALARM, &action, NULL) || timer_create(CLOCK_MONOTONIC, &event, &a->timer))
		return err_errno(e, "timer_create");
	a->set = true;
	if (timer_settime(a->timer, 0, &when, NULL))
		return err_errno(e, "timer_settime");
	return 0;
}

bool vcpu_alarm_rang(void)
{
	return rang;
}

void vcpu_alarm_end(struct vcpu_alarm *a)
{
	if (a->set)
		timer_delete(a->timer);
	a->set = false;
	alarm_run = NULL;
	rang = 0;
}
