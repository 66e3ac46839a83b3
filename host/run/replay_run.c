// SPDX-License-Identifier: BSD-2-Clause
// What `midflight run` is told to repeat one result of an earlier run.
#include "host/cli/commands.h"
#include "host/cli/plan.h"
#include "host/run/run.h"
#include "host/report/run_dir.h"
#include "host/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ORDER_MAX 8192 /* bytes; replay_load() takes less */

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && (path[len] == '/' || len == 1);
}

int replay_log(const struct options *o, const char *name, char log[PATH_MAX], struct err *e)
{
	auto_free char *path = NULL;
	char file[PATH_MAX];

	if (!realpath(o->file, file))
		return err_errno(e, o->file);
	path = o->log ? xstrdup(o->log)
		      : xasprintf("%.*s/%s", (int)(strrchr(file, '/') - file), file, name);
	if (make_dirs(path, e)) {
		if (!o->log)
			snprintf(e->text + strlen(e->text), sizeof(e->text) - strlen(e->text),
				 " (--log names another directory)");
		return -1;
	}
	if (!realpath(path, log))
		return err_errno(e, path);
	if (is_below(file, log))
		return err_set(e, "--log %s is the run that %s comes from, and would be lost", log,
			       o->file);
	return 0;
}

/* Writes @steps to ORDER_FILE in @log. One that is there must say the same: it may be a user's. */
static int put_order(const char *log, const char *steps, struct err *e)
{
	auto_free char *path = xasprintf("%s/" ORDER_FILE, log);
	auto_close const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char there[ORDER_MAX];
	const ssize_t n = fd < 0 ? -1 : read(fd, there, sizeof(there));

	if (fd < 0 && errno == ENOENT)
		return write_file(log, ORDER_FILE, steps, strlen(steps), 0666, e);
	if (n != (ssize_t)strlen(steps) || memcmp(there, steps, (size_t)n))
		return err_set(
			e,
			"%s has another order, and would be lost (--log names another directory)",
			path);
	return 0;
}

/* What `midflight run` would be told: a list that ends in NULL. */
static char **make_args(const struct options *o, const struct replay *r, const char *log)
{
	static char command[] = "run"; /* which the parser replaces */
	char **args = xcalloc(r->count + 7, sizeof(*args));
	unsigned n = 0;

	args[n++] = xstrdup("midflight");
	args[n++] = command;
	for (unsigned i = 0; i < r->count; i++)
		args[n++] = xstrdup(r->words[i]);
	if (r->order_steps)
		args[n++] = xasprintf("--order=%s/%s", log, ORDER_FILE);
	if (o->guest.file)
		args[n++] = xasprintf("--guest=%s", o->guest.file);
	if (o->guest.initrd)
		args[n++] = xasprintf("--initrd=%s", o->guest.initrd);
	if (o->image)
		args[n++] = xasprintf("--image=%s", o->image);
	return args;
}

/* The words ask for that one result. */
static int check_plan(const struct replay *r, const char *file, const struct options *inner,
		      struct err *e)
{
	auto_by(plan_free) struct plan plan = {0};
	bool found = false;

	plan_make(&plan, inner);
	for (unsigned i = 0; i < plan.count; i++) {
		auto_free char *name = plan_name(inner, &plan.item[i]);

		found |= !strcmp(name, r->result) &&
			 !strcmp(plan.item[i].scenario->name, r->scenario);
	}
	if (found && plan.count <= 2)
		return 0;
	return err_set(e, "%s: its words do not ask for the result '%s' alone", file, r->result);
}

int replay_run_make(struct replay_run *run, const struct options *o, const struct replay *r,
		    const char *log, struct err *e)
{
	auto_free char *as = xasprintf("%s %s", commands[o->command].name, o->file);
	int count = 0;

	memset(run, 0, sizeof(*run));
	if (r->order_steps && put_order(log, r->order_steps, e))
		return -1;
	run->args = make_args(o, r, log);
	while (run->args[count])
		count++;
	options_init(&run->options);
	cmd_line_parse(&run->options, as, count, run->args);
	run->options.lab = o->lab;
	run->options.qemu = o->qemu;
	run->options.log = log;
	run->options.verbose = o->verbose;
	run->options.quiet = o->quiet;
	run->options.shown_command = o->shown_command;
	run->options.shown_replay = o->shown_replay;
	return check_plan(r, o->file, &run->options, e);
}

void replay_run_free(struct replay_run *run)
{
	for (unsigned i = 0; run->args && run->args[i]; i++)
		if (i != 1) /* the command */
			free(run->args[i]);
	free(run->args);
}
