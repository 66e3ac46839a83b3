// SPDX-License-Identifier: BSD-2-Clause
// Several child processes at once: how many, what they say, how they end.
#include "tests/unit/unit.h"

#include "host/base/jobs.h"
#include "host/base/signals.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS 4

static struct job jobs[JOBS];
static struct buf said; /* `JOB STREAM LINE` */
static struct buf ends; /* numbers of jobs, in the order in which they ended */
static int gate[2];	/* a job that waits here goes on with a byte */
static unsigned at_gate, most_at_gate;
static bool interrupt;
static struct err e;

static void line(void *arg, unsigned job, enum job_stream stream, const char *text)
{
	(void)arg;
	buf_printf(&said, "%u %s %s\n", job, stream == JOB_OUT ? "out" : "err", text);
	if (strcmp(text, "at the gate"))
		return;
	at_gate++;
	if (at_gate > most_at_gate)
		most_at_gate = at_gate;
	if (interrupt)
		raise(SIGTERM); /* blocked: signals_pending() tells of it */
	else if (at_gate == 2)
		assert_int_equal(write(gate[1], "xx", 2), 2);
}

static void ended(void *arg, unsigned job)
{
	(void)arg;
	buf_printf(&ends, "%u", job);
	if (at_gate)
		at_gate--;
}

static const struct jobs_watcher watcher = {true, true, line, ended, NULL, NULL};

static int speak(void *arg)
{
	const int number = *(const int *)arg;

	printf("one\ntw");
	fflush(stdout);
	printf("o\n\nno end");
	fprintf(stderr, "%s\n", "wrong");
	return number;
}

static int pass_gate(void *arg)
{
	char byte;

	(void)arg;
	puts("at the gate");
	fflush(stdout);
	return read(gate[0], &byte, 1) == 1 ? 0 : 1;
}

static int killed(void *arg)
{
	(void)arg;
	return kill(getpid(), SIGKILL);
}

/* Waits for a signal, which is blocked, and tells which. */
static int wait_signal(void *arg)
{
	sigset_t mask;
	int number = 0;

	(void)arg;
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	puts("at the gate");
	fflush(stdout);
	sigwait(&mask, &number);
	puts("cleaned");
	return 128 + number;
}

static int begin(void **state)
{
	(void)state;
	memset(jobs, 0, sizeof(jobs));
	buf_free(&said);
	buf_free(&ends);
	at_gate = most_at_gate = 0;
	return pipe(gate);
}

static int finish(void **state)
{
	(void)state;
	close(gate[0]);
	close(gate[1]);
	buf_free(&said);
	buf_free(&ends);
	return waitpid(-1, NULL, WNOHANG) == -1 ? 0 : 1; /* no child is left */
}

/* Lines come whole, also one without an end, and all before the job counts as ended. */
static void lines(void **state)
{
	static int numbers[] = {0, 7};

	(void)state;
	for (int i = 0; i < 2; i++)
		jobs[i] = (struct job){.main = speak, .arg = &numbers[i]};
	assert_int_equal(jobs_run(jobs, 2, 1, &watcher, &e), 0);
	assert_int_equal(jobs[0].status, 0);
	assert_int_equal(jobs[1].status, 7);
	assert_string_equal(ends.p, "01");
	assert_contains(said.p, "0 out one\n");
	assert_contains(said.p, "0 out two\n0 out \n");
	assert_contains(said.p, "0 out no end\n");
	assert_contains(said.p, "0 err wrong\n");
	assert_contains(said.p, "1 out one\n");
	assert_true(strstr(said.p, "0 out no end") < strstr(said.p, "1 out one"));
}

/* Each waits until two are there: with one at once that would be for ever. */
static void at_once(void **state)
{
	(void)state;
	for (int i = 0; i < JOBS; i++)
		jobs[i] = (struct job){.main = pass_gate};
	assert_int_equal(jobs_run(jobs, JOBS, 2, &watcher, &e), 0);
	assert_int_equal(most_at_gate, 2);
	assert_int_equal(ends.len, JOBS);
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(jobs[i].status, 0);
}

/* Without anybody who hears of them; one is killed, which is nothing to the other. */
static void unwatched(void **state)
{
	static int four = 4;

	(void)state;
	jobs[0] = (struct job){.main = killed};
	jobs[1] = (struct job){.main = killed};
	assert_int_equal(jobs_run(jobs, 2, 2, NULL, &e), 0);
	assert_int_equal(jobs[0].status, -SIGKILL);
	jobs[1] = (struct job){.main = speak, .arg = &four};
	assert_int_equal(jobs_run(jobs, 2, 2, &watcher, &e), 0);
	assert_int_equal(jobs[0].status, -SIGKILL);
	assert_int_equal(jobs[1].status, 4);
}

/* Last, as the signal stays pending: those that run are told, and no more are started. */
static void interrupted(void **state)
{
	(void)state;
	interrupt = true;
	for (int i = 0; i < JOBS; i++)
		jobs[i] = (struct job){.main = wait_signal};
	assert_int_equal(jobs_run(jobs, JOBS, 2, &watcher, &e), 0);
	assert_int_equal(jobs[0].status, 128 + SIGTERM);
	assert_int_equal(jobs[2].status, JOB_NOT_RUN);
	assert_int_equal(jobs[3].status, JOB_NOT_RUN);
	assert_contains(said.p, "0 out cleaned\n");
	assert_int_equal(signals_pending(), SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines, begin, finish),
		cmocka_unit_test_setup_teardown(at_once, begin, finish),
		cmocka_unit_test_setup_teardown(unwatched, begin, finish),
		cmocka_unit_test_setup_teardown(interrupted, begin, finish),
	};

	if (signals_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
