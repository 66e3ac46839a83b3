// SPDX-License-Identifier: BSD-2-Clause
// What lab.sh does: `midflight lab shell`, a shell in L0 on this terminal, and `midflight kernels`.
#include "host/commands/cmd.h"
#include "host/cli/paths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Becomes lab.sh; returns only on failure, with @e filled. Files that @o names are put there too.
 */
static void become_shell(const struct options *o, const char *script, const char *image,
			 struct err *e)
{
	const char **args = xcalloc(10 + o->l0_words + 2 * o->file_count, sizeof(*args));
	unsigned n = 0;

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
	execv(script, (char *const *)args);
	err_set(e, "cannot run %s: %s", script, strerror(errno));
	free(args);
}

int cmd_lab(struct options *o)
{
	struct err e = {0};
	char *image = image_path(executable_dir(), o->image, &e);
	char *script = image ? lab_script(executable_dir(), &e) : NULL;

	if (script)
		become_shell(o, script, image, &e);
	free(script);
	free(image);
	return give_up(e.text);
}

int cmd_kernels(struct options *o)
{
	struct err e = {0};
	char *script = lab_script(executable_dir(), &e);
	char *const args[] = {script, "kernels", NULL};

	(void)o;
	if (script) {
		execv(script, args);
		err_set(&e, "cannot run %s: %s", script, strerror(errno));
	}
	free(script);
	return give_up(e.text);
}
