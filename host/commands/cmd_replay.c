// SPDX-License-Identifier: BSD-2-Clause
// `midflight replay`: repeats one result of an earlier run, in a run of its own.
#include "host/commands/cmd.h"
#include "host/base/json.h"
#include "host/lab/lab.h"
#include "host/cli/paths.h"
#include "host/report/result_json.h"
#include "host/run/run.h"
#include "host/report/run_dir.h"
#include "host/run/setup.h"
#include "host/base/signals.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <midflight_version.h>

static void say_other(const char *what, const char *then, const char *now)
{
	if (!strcmp(then, now))
		return;
	printf("# replay: %s was %s, is ", what, then);
	print_lines(stdout, "", now);
}

/* The number of the first line in which two serial logs differ, 0: in none. */
static unsigned first_line(const struct buf *a, const struct buf *b)
{
	const size_t len = a->len < b->len ? a->len : b->len;
	unsigned line = 1;
	size_t i = 0;

	for (; i < len && a->p[i] == b->p[i]; i++)
		line += a->p[i] == '\n';
	return i < len || a->len != b->len ? line : 0;
}

/* Where the flight whose files lie beside FILE and that in @dir part, as far as these tell. */
static void say_difference(const struct options *o, const char *dir)
{
	const char *slash = strrchr(o->file, '/');
	auto_free char *then =
		slash ? xasprintf("%.*s", (int)(slash - o->file) + 1, o->file) : xstrdup(".");
	auto_buf struct buf a = {0}, b = {0};
	struct err e = {0};

	if (read_file(then, "serial.log", &a, &e) || read_file(dir, "serial.log", &b, &e))
		printf("; no serial.log of both to compare");
	else if (first_line(&a, &b))
		printf("; first difference: line %u of serial.log", first_line(&a, &b));
	else
		printf("; the same serial.log, but other snapshots");
}

/* Says whether it was the same flight to the last byte. */
static bool exact(const struct options *o, const struct replay *r, const json_t *result,
		  const char *run)
{
	const char *now = json_member(result, "trace");
	const bool same = now && !strcmp(now, r->trace);
	auto_free char *dir = xasprintf("%s/%s", run, r->result);

	if (same) {
		printf("# replay: exact: %strace ", o->exact ? "same instruction, " : "the same ");
		print_lines(stdout, "", now);
	} else {
		printf("# replay: not exact%s: another trace",
		       o->exact ? "" : ", only as close as the same options and seed come");
		if (now)
			say_difference(o, dir);
		printf("%s\n", !o->exact && r->in_lab ? "; --exact repeats the whole job" : "");
	}
	return same;
}

/* Says how @result compares with what failed then. The exit status. */
static int compare(const struct replay *r, const json_t *result)
{
	const char *word = json_member(result, "word");
	auto_buf struct buf text = {0};

	replay_compare(r->failed, result, &text);
	printf("# replay: %s: ", r->result);
	print_lines(stdout, "", text.p);
	return !strcmp(word, "PASS")   ? 0
	       : !strcmp(word, "SKIP") ? 4
	       : strcmp(word, "ERROR") ? 1
				       : 2;
}

int replay_status(int run, int its)
{
	return run == 2 ? 2 : run == 1 && (!its || its == 4) ? 1 : its;
}

/* What the run in @run, which ended with @status, came to. The exit status. */
static int judge(const struct options *o, const struct replay *r, const char *run, int status)
{
	struct err e = {0};
	auto_free char *path = xasprintf("%s/result.json", run);
	json_auto_t *top = report_json_load(path, &e);
	const json_t *result = report_json_find(top, r->result);
	const char *kernel = json_member(top, "kernel");
	bool same = false;

	if (!top)
		return give_up(e.text);
	say_other("Midflight", r->midflight, MIDFLIGHT_VERSION);
	say_other("the kernel", r->kernel, kernel ? kernel : "unknown");
	if (r->qemu)
		say_other("QEMU (--qemu)", r->qemu, o->qemu);
	if (result) {
		status = o->exact ? compare(r, result) : replay_status(status, compare(r, result));
		if (strcmp(json_text_of(result, "word"), "SKIP") != 0)
			same = exact(o, r, result, run);
	} else if (!status) { /* it was not reached: something is wrong */
		status = 2;
	}
	if (o->exact && !same)
		status = 2;
	printf("# replay: log: %s\n", run);
	return status;
}

/* Takes @log for the job, finds the image. The run directory's descriptor, or -1 with @e filled. */
static int repeat_begin(const struct options *o, const struct replay *r, struct setup *s,
			struct err *e)
{
	if (!r->in_lab)
		return err_set(
			e,
			"%s: --exact repeats what run, sweep or soak did in the lab, without a "
			"file of yours; this is from something else",
			o->file);
	if (setup(s, o, e) || scenarios_load(s->image, e) ||
	    lab_job_is_ours(&r->job, runner_in_lab(), s->image, e))
		return -1;
	if (signals_init())
		return err_set(e, "cannot set up signals");
	return run_dir_begin(s->log, e);
}

/* Repeats the whole job in the lab. The exit status. */
static int repeat(const struct options *o, const struct replay *r, const char *log)
{
	struct options inner = *o;
	struct err e = {0};
	struct setup s;
	auto_free char *run = NULL;
	auto_close int dir = -1;
	int status;

	inner.lab = LAB_YES;
	inner.log = log;
	dir = repeat_begin(&inner, r, &s, &e);
	if (dir < 0)
		return give_up(e.text);
	printf("# replay: repeats the whole job in the lab, then with Linux ");
	print_lines(stdout, "", r->kernel);
	status = lab_run(&inner, &r->job, s.image, log, NULL, &e);
	if (status < 0)
		return give_up(e.text);
	run = !strcmp(r->job.run, ".") ? xstrdup(log) : xasprintf("%s/%s", log, r->job.run);
	return status < 128 ? judge(o, r, run, status) : status;
}

/* Flies the one result. The exit status. */
static int fly(const struct options *o, const struct replay *r, const char *log)
{
	auto_by(replay_run_free) struct replay_run one = {0};
	struct err e = {0};
	int status;

	if (replay_run_make(&one, o, r, log, &e))
		return give_up(e.text);
	status = run(&one.options);
	return status < 128 ? judge(o, r, log, status) : status;
}

int cmd_replay(struct options *o)
{
	char log[PATH_MAX];
	auto_by(replay_free) struct replay r = {0};
	struct err e = {0};

	if (replay_load(&r, o->file, &e) || replay_log(o, "replay", log, &e))
		return give_up(e.text);
	return o->exact ? repeat(o, &r, log) : fly(o, &r, log);
}
