// SPDX-License-Identifier: BSD-2-Clause
// `midflight bisect-run`: a step of `git bisect run`, which a script beside lab.sh does.
#include "host/commands/cmd.h"
#include "host/cli/commands.h"
#include "host/cli/paths.h"
#include "host/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRIPT "bisect-run.sh"

static int stop(const char *text)
{
	give_up(text);
	return BISECT_STOP;
}

/* What of the options of run in @run has no place here; NULL: nothing. */
static const char *misplaced(const struct options *run)
{
	if (run->kernels)
		return "--kernel";
	if (run->each_module || run->each_params)
		return run->each_module ? "--each-module" : "--each-param";
	for (unsigned i = 0; i < run->l0_words; i += 2)
		if (strcmp(run->l0[i], "--kvm-param"))
			return run->l0[i];
	if (run->dry_run)
		return "--dry-run";
	if (run->lab == LAB_NO)
		return "--lab no";
	return run->log ? "--log" : NULL;
}

/*
 * Reads the options of run as run will, so that what is wrong with them ends the bisection here
 * and makes no commit untestable. Returns as misplaced().
 */
static const char *check_run(const struct options *o)
{
	static char program[] = "midflight", command[] = "run";
	auto_free char **argv = xcalloc(o->file_count + 3, sizeof(*argv));
	struct options run;

	options_init(&run);
	argv[0] = program;
	argv[1] = command;
	for (unsigned i = 0; i < o->file_count; i++)
		argv[2 + i] = o->files[i];
	cmd_line_parse(&run, "bisect-run --", (int)o->file_count + 2, argv);
	return misplaced(&run);
}

int cmd_bisect(struct options *o)
{
	const char *wrong = check_run(o);
	struct err e = {0};
	char *lab, *script, *log, *jobs, **argv;
	int n = 0;

	if (wrong) {
		err_set(&e,
			"bisect-run: %s of run has no place here: one commit, one kernel, one "
			"run%s",
			wrong, strcmp(wrong, "--log") ? "" : "; --log goes before the --");
		return stop(e.text);
	}
	lab = lab_script(executable_dir(), &e);
	if (!lab)
		return stop(e.text);
	script = xasprintf("%.*s" SCRIPT, (int)(strrchr(lab, '/') + 1 - lab), lab);
	log = o->log ? xstrdup(o->log) : default_log(executable_dir());
	jobs = xasprintf("%u", o->jobs ? o->jobs : (unsigned)sysconf(_SC_NPROCESSORS_ONLN));
	argv = xcalloc(o->file_count + 7, sizeof(*argv));
	argv[n++] = script;
	argv[n++] = xstrdup(executable_path());
	argv[n++] = xstrdup(o->build ? o->build : "");
	argv[n++] = jobs;
	argv[n++] = log;
	argv[n++] = xstrdup(o->defconfig ? o->defconfig : "");
	for (unsigned i = 0; i < o->file_count; i++)
		argv[n++] = o->files[i];
	fflush(NULL);
	execv(script, argv);
	err_set(&e, "cannot run %s: %s", script, strerror(errno));
	return stop(e.text);
}
