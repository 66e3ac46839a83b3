// SPDX-License-Identifier: BSD-2-Clause
// The lab as a child of the runner, with a script of our own instead of it.
#include "tests/unit/unit.h"

#include "host/lab/lab.h"
#include "host/base/signals.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/midflight-unit-XXXXXX";
static struct options o;
static struct err e = {0};
static struct buf seen;
static unsigned ticks;
static bool interrupt; /* as soon as anything was said */

static void output(void *arg, unsigned job, enum job_stream stream, const char *line)
{
	(void)arg;
	(void)job;
	assert_int_equal(stream, JOB_OUT);
	buf_printf(&seen, "%s\n", line);
	if (interrupt)
		raise(SIGINT); /* blocked: signals_pending() tells of it */
	interrupt = false;
}

static void tick(void *arg)
{
	(void)arg;
	ticks++;
}

static int run(const char *script)
{
	static const struct jobs_watcher watcher = {.out = true, .line = output, .tick = tick};
	char *path = xasprintf("%s/lab.sh", dir), *text = xasprintf("#!/bin/bash\n%s\n", script);
	int ret;

	assert_int_equal(write_file(dir, "lab.sh", text, strlen(text), 0755, &e), 0);
	buf_free(&seen);
	ticks = 0;
	e.text[0] = '\0';
	ret = lab_run(&o, NULL, "/image", "/log", &watcher, &e);
	unlink(path);
	free(path);
	free(text);
	return ret;
}

static void watched(void **state)
{
	(void)state;
	assert_int_equal(run("echo one; echo to stderr >&2; echo two; exit 4"), 4);
	assert_string_equal(seen.p, "one\ntwo\n");
	assert_true(ticks > 0);
	assert_int_equal(run("kill -9 $$"), -1);
	assert_contains(e.text, "ended by signal 9");
}

static void none(void **state)
{
	static const struct jobs_watcher watcher = {.out = true, .line = output, .tick = tick};

	(void)state;
	assert_int_equal(lab_run(&o, NULL, "/image", "/log", &watcher, &e), -1);
	assert_non_null(strstr(e.text, "lab.sh"));
}

/* A lab that came to its end has left its file, and whole. */
static void left(void **state)
{
	static const char whole[] = "{\"schema\": \"midflight-x\", \"version\": 1}";
	char *path = xasprintf("%s/x.json", dir);

	(void)state;
	assert_int_equal(lab_left(0, dir, "x.json", "midflight-x", 1, &e), -1);
	assert_contains(e.text, "ended with status 0, but what it leaves is not whole: ");
	assert_contains(e.text, "x.json");
	assert_int_equal(lab_left(2, dir, "x.json", "midflight-x", 1, &e), 2); /* it has said why */
	assert_int_equal(lab_left(130, dir, "x.json", "midflight-x", 1, &e), 130);
	assert_int_equal(write_file(dir, "x.json", whole, strlen(whole), 0644, &e), 0);
	assert_int_equal(lab_left(0, dir, "x.json", "midflight-x", 1, &e), 0);
	assert_int_equal(lab_left(1, dir, "x.json", "midflight-x", 1, &e), 1);
	assert_int_equal(write_file(dir, "x.json", whole, strlen(whole) - 1, 0644, &e), 0);
	assert_int_equal(lab_left(1, dir, "x.json", "midflight-x", 1, &e), -1);
	assert_int_equal(lab_left(4, dir, "x.json", "midflight-x", 1, &e), -1);
	unlink(path);
	free(path);
}

/* Last, as the signal stays pending: the lab ends in order, and all that it says is heard. */
static void interrupted(void **state)
{
	(void)state;
	interrupt = true;
	assert_int_equal(run("trap 'kill $child; echo cleaned; exit 130' INT TERM\n"
			     "sleep 600 > /dev/null & child=$!\necho begun\nwait"),
			 130);
	assert_string_equal(seen.p, "begun\ncleaned\n");
	assert_int_equal(signals_pending(), SIGINT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(watched),
		cmocka_unit_test(none),
		cmocka_unit_test(left),
		cmocka_unit_test(interrupted),
	};
	int ret;

	if (!mkdtemp(dir) || setenv("MIDFLIGHT_LAB_DIR", dir, 1) || signals_init())
		return 1;
	options_init(&o);
	o.shown_command = o.shown_replay = "x";
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	buf_free(&seen);
	rmdir(dir);
	return ret;
}
