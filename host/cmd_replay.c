// SPDX-License-Identifier: BSD-2-Clause
// `midflight replay`: repeats one result of an earlier run, in a run of its own.
#include "host/cmd.h"
#include "host/cmd_line.h"
#include "host/json_util.h"
#include "host/plan.h"
#include "host/replay.h"
#include "host/report_json.h"
#include "host/run.h"
#include "host/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <midflight_version.h>

#define ORDER_MAX 8192 /* bytes; replay_load() takes less */

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && (path[len] == '/' || len == 1);
}

/*
 * Sets @log to the run's directory: --log, or `replay` beside the file. Never one that holds the
 * file, as a run removes what lay there. 0, or -1 with @e filled.
 */
static int find_log(const struct options *o, char log[PATH_MAX], struct err *e)
{
	char file[PATH_MAX], *path;
	int ret = -1;

	if (!realpath(o->file, file)) {
		err_set(e, "%s: %s", o->file, strerror(errno));
		return -1;
	}
	path = o->log ? xstrdup(o->log)
		      : xasprintf("%.*s/replay", (int)(strrchr(file, '/') - file), file);
	if (!make_dirs(path, e)) {
		if (!realpath(path, log))
			err_set(e, "%s: %s", path, strerror(errno));
		else if (is_below(file, log))
			err_set(e, "--log %s is the run that %s comes from, and would be lost", log,
				o->file);
		else
			ret = 0;
	} else if (!o->log) {
		snprintf(e->text + strlen(e->text), sizeof(e->text) - strlen(e->text),
			 " (--log names another directory)");
	}
	free(path);
	return ret;
}

/* Writes @steps to ORDER_FILE in @log. One that is there must say the same: it may be a user's. */
static int put_order(const char *log, const char *steps, struct err *e)
{
	char *path = xasprintf("%s/" ORDER_FILE, log), there[ORDER_MAX];
	const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	const ssize_t n = fd < 0 ? -1 : read(fd, there, sizeof(there));
	int ret = 0;

	if (fd >= 0)
		close(fd);
	if (fd < 0 && errno == ENOENT) {
		ret = write_file(log, ORDER_FILE, steps, strlen(steps), 0666, e);
	} else if (n != (ssize_t)strlen(steps) || memcmp(there, steps, (size_t)n)) {
		err_set(e,
			"%s has another order, and would be lost (--log names another directory)",
			path);
		ret = -1;
	}
	free(path);
	return ret;
}

/* What `midflight run` would be told: a list that ends in NULL. */
static char **make_args(const struct options *o, const struct replay *r, const char *log)
{
	static char command[] = "run"; /* which the parser replaces */
	char **args = xcalloc(r->count + 5, sizeof(*args));
	unsigned n = 0;

	args[n++] = xstrdup("midflight");
	args[n++] = command;
	for (unsigned i = 0; i < r->count; i++)
		args[n++] = xstrdup(r->words[i]);
	if (r->order_steps)
		args[n++] = xasprintf("--order=%s/%s", log, ORDER_FILE);
	if (o->image)
		args[n++] = xasprintf("--image=%s", o->image);
	return args;
}

/* The words ask for that one result. */
static int check_plan(const struct replay *r, const char *file, const struct options *inner,
		      struct err *e)
{
	struct plan plan;
	bool found = false;

	plan_make(&plan, inner);
	for (unsigned i = 0; i < plan.count; i++) {
		char *name = plan_name(inner, &plan.item[i]);

		found |= !strcmp(name, r->result) &&
			 !strcmp(plan.item[i].scenario->name, r->scenario);
		free(name);
	}
	if (!found || plan.count > 2) {
		err_set(e, "%s: its words do not ask for the result '%s' alone", file, r->result);
		found = false;
	}
	plan_free(&plan);
	return found ? 0 : -1;
}

static void say_other(const char *what, const char *then, const char *now)
{
	if (!strcmp(then, now))
		return;
	printf("# replay: %s was %s, is ", what, then);
	print_lines(stdout, "", now);
}

static const json_t *find_result(const json_t *top, const char *name)
{
	const json_t *result;
	size_t i;

	json_array_foreach(json_object_get(top, "results"), i, result)
	{
		const char *its = json_member(result, "name");

		if (its && !strcmp(its, name) && json_is_string(json_object_get(result, "word")))
			return result;
	}
	return NULL;
}

/* Says how @result compares with what failed then. The exit status. */
static int compare(const struct replay *r, const json_t *result)
{
	const char *word = json_member(result, "word");
	struct buf text = {0};

	replay_compare(r->failed, result, &text);
	printf("# replay: %s: ", r->result);
	print_lines(stdout, "", text.p);
	buf_free(&text);
	return !strcmp(word, "PASS")   ? 0
	       : !strcmp(word, "SKIP") ? 4
	       : strcmp(word, "ERROR") ? 1
				       : 2;
}

/* What the run, which ended with @status, came to. The exit status. */
static int judge(const struct options *o, const struct replay *r, const char *log, int status)
{
	struct err e = {0};
	char *path = xasprintf("%s/result.json", log);
	json_t *top = report_json_load(path, &e);
	const json_t *result = find_result(top, r->result);
	const char *kernel = json_member(top, "kernel");

	free(path);
	if (!top)
		return fail(e.text);
	say_other("Midflight", r->midflight, MIDFLIGHT_VERSION);
	say_other("the kernel", r->kernel, kernel ? kernel : "unknown");
	if (r->qemu)
		say_other("QEMU (--qemu)", r->qemu, o->qemu);
	if (result)
		status = compare(r, result);
	else if (!status) /* it was not reached: something is wrong */
		status = 2;
	printf("# replay: log: %s\n", log);
	json_decref(top);
	return status;
}

/* Runs what @r says; @log is its directory. The exit status. */
static int fly(const struct options *o, const struct replay *r, const char *log)
{
	char **args = make_args(o, r, log);
	char *as = xasprintf("replay %s", o->file);
	struct options inner;
	struct err e = {0};
	int status, count = 0;

	while (args[count])
		count++;
	options_init(&inner);
	if (r->order_steps && put_order(log, r->order_steps, &e)) {
		status = fail(e.text);
	} else if (!cmd_line_parse_as(&inner, as, count, args) ||
		   check_plan(r, o->file, &inner, &e)) {
		status = fail(e.text);
	} else {
		inner.lab = o->lab;
		inner.qemu = o->qemu;
		inner.log = log;
		inner.verbose = o->verbose;
		inner.quiet = o->quiet;
		inner.shown_command = o->shown_command;
		inner.shown_replay = o->shown_replay;
		status = run(&inner);
		if (status < 128)
			status = judge(o, r, log, status);
	}
	for (int i = 0; i < count; i++)
		if (i != 1) /* the command */
			free(args[i]);
	free(args);
	free(as);
	return status;
}

int cmd_replay(struct options *o)
{
	char log[PATH_MAX];
	struct replay r;
	struct err e = {0};
	int status;

	if (replay_load(&r, o->file, &e))
		return fail(e.text);
	status = find_log(o, log, &e) ? fail(e.text) : fly(o, &r, log);
	replay_free(&r);
	return status;
}
