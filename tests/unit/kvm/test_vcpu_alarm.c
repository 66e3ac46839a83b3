// SPDX-License-Identifier: BSD-2-Clause
// The alarm that ends KVM_RUN: at its time, and never for another thread.
#include "tests/unit/unit.h"

#include "host/kvm/vcpu_alarm.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

static struct vcpu_alarm a;
static struct kvm_run run;
static struct err e;

static void at_once(void **state)
{
	(void)state;
	run.immediate_exit = 0;
	assert_false(vcpu_alarm_rang());
	assert_int_equal(vcpu_alarm_set(&a, &run, 0, &e), 0);
	assert_true(vcpu_alarm_rang());
	assert_int_equal(run.immediate_exit, 1);
	vcpu_alarm_end(&a);
	assert_false(vcpu_alarm_rang());
}

/* Also the first timer of a process, whose number is 0. Runs first. */
static void leaves_nothing(void **state)
{
	struct itimerspec left;
	timer_t timer;

	(void)state;
	assert_int_equal(vcpu_alarm_set(&a, &run, 3600000 * NS_PER_MS, &e), 0);
	timer = a.timer;
	assert_int_equal(timer_gettime(timer, &left), 0);
	vcpu_alarm_end(&a);
	assert_int_equal(timer_gettime(timer, &left), -1);
	assert_int_equal(errno, EINVAL);
}

/* Nothing but the alarm ends this. */
static void rings(void **state)
{
	const int64_t start = now_ns(), wait = 2 * NS_PER_MS;

	(void)state;
	run.immediate_exit = 0;
	assert_int_equal(vcpu_alarm_set(&a, &run, wait, &e), 0);
	while (!*(volatile uint8_t *)&run.immediate_exit)
		sched_yield();
	assert_true(vcpu_alarm_rang());
	assert_true(now_ns() - start >= wait);
	vcpu_alarm_end(&a);
}

static void ended(void **state)
{
	const int64_t wait = NS_PER_MS;
	int64_t start;

	(void)state;
	run.immediate_exit = 0;
	assert_int_equal(vcpu_alarm_set(&a, &run, wait, &e), 0);
	vcpu_alarm_end(&a);
	start = now_ns();
	while (now_ns() - start < 4 * wait)
		sched_yield();
	/* It may have rung before it was ended, but that is then forgotten. */
	assert_false(vcpu_alarm_rang());
}

static void *other(void *arg)
{
	volatile bool *over = arg;

	while (!*over)
		sched_yield();
	return (void *)(uintptr_t)vcpu_alarm_rang();
}

/* Each vCPU's thread has an alarm of its own. */
static void other_thread(void **state)
{
	volatile bool over = false;
	pthread_t thread;
	void *rang;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, other, (void *)&over), 0);
	assert_int_equal(vcpu_alarm_set(&a, &run, NS_PER_MS, &e), 0);
	while (!vcpu_alarm_rang())
		sched_yield();
	over = true;
	assert_int_equal(pthread_join(thread, &rang), 0);
	assert_null(rang);
	vcpu_alarm_end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_nothing), cmocka_unit_test(at_once),
		cmocka_unit_test(rings),	  cmocka_unit_test(ended),
		cmocka_unit_test(other_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
