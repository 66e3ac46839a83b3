// SPDX-License-Identifier: BSD-2-Clause
// What lab.sh does: `midflight lab shell`, a shell in L0 on this terminal, and `midflight kernels`.
#include "host/commands/cmd.h"
#include "host/cli/paths.h"
#include "host/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Becomes @args, a script and its words; returns only on failure: the exit status. */
static int become(const char *const *args)
{
	struct err e = {0};

	execv(args[0], (char *const *)(uintptr_t)args);
	err_set(&e, "cannot run %s: %s", args[0], strerror(errno));
	return give_up(e.text);
}

int cmd_lab(struct options *o)
{
	struct err e = {0};
	auto_free char *image = image_path(executable_dir(), o->image, &e);
	auto_free char *script = image ? lab_script(executable_dir(), &e) : NULL;
	auto_free const char **args = xcalloc(10 + o->l0_words + 2 * o->file_count, sizeof(*args));
	unsigned n = 0;

	if (!script)
		return give_up(e.text);
	args[n++] = script;
	args[n++] = "shell";
	for (unsigned i = 0; i < o->l0_words; i++)
		args[n++] = o->l0[i];
	if (o->out) {
		args[n++] = "--out";
		args[n++] = o->out;
	}
	args[n++] = "--put";
	args[n++] = runner_in_lab();
	args[n++] = "--put";
	args[n++] = image;
	for (unsigned i = 1; i < o->file_count; i++) { /* the first is "shell" */
		args[n++] = "--put";
		args[n++] = o->files[i];
	}
	return become(args);
}

int cmd_kernels(struct options *o)
{
	struct err e = {0};
	auto_free char *script = lab_script(executable_dir(), &e);
	const char *const args[] = {script, "kernels", NULL};

	(void)o;
	return script ? become(args) : give_up(e.text);
}
