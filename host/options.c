// SPDX-License-Identifier: BSD-2-Clause
// Defaults of `midflight run`, and the way back from options to a command line.
#include "host/options.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

void options_init(struct options *o)
{
	memset(o, 0, sizeof(*o));
	o->driver = "qemu";
	o->accel = "kvm";
	o->machine = "pc";
	o->qemu = "qemu-system-x86_64";
	o->hops = DEFAULT_HOPS;
	o->timeout_s = DEFAULT_TIMEOUT_S;
	o->nudge_s = DEFAULT_NUDGE_S;
	o->seed = 1;
}

static void option(struct buf *words, const char *name, const char *value)
{
	buf_printf(words, " %s ", name);
	buf_shell_quote(words, value);
}

void options_words(const struct options *o, const struct scenario *only, struct buf *words)
{
	struct options standard;
	struct buf names = {0};

	options_init(&standard);
	for (unsigned i = 0; i < o->scenarios && !only; i++)
		buf_printf(&names, "%s%s", i ? "," : "", o->scenario[i]->name);
	option(words, "--scenario", only ? only->name : buf_text(&names));
	buf_free(&names);
	buf_printf(words, " --loops %u --seed %llu", o->hops, (unsigned long long)o->seed);
	if (o->method != standard.method)
		option(words, "--method", method_name(o->method));
	if (strcmp(o->driver, standard.driver))
		option(words, "--driver", o->driver);
	if (strcmp(o->accel, standard.accel))
		option(words, "--accel", o->accel);
	if (strcmp(o->machine, standard.machine))
		option(words, "--machine", o->machine);
	if (o->cpu)
		option(words, "--cpu", o->cpu);
	if (strcmp(o->qemu, standard.qemu))
		option(words, "--qemu", o->qemu);
	if (o->breakage)
		option(words, "--break", o->breakage);
	if (o->timeout_s != standard.timeout_s)
		buf_printf(words, " --timeout %u", o->timeout_s);
	if (o->nudge_s < standard.nudge_s || o->nudge_s > standard.nudge_s)
		buf_printf(words, " --nudge %g", o->nudge_s);
	if (o->strict)
		buf_printf(words, " --strict");
	if (o->keep)
		buf_printf(words, " --keep");
	if (o->verbose)
		buf_printf(words, " --verbose");
	if (o->quiet)
		buf_printf(words, " --quiet");
}

const char *executable_path(void)
{
	static char path[PATH_MAX];
	ssize_t n;

	if (!*path) {
		n = readlink("/proc/self/exe", path, sizeof(path) - 1);
		if (n <= 0)
			snprintf(path, sizeof(path), "./midflight");
	}
	return path;
}

const char *executable_dir(void)
{
	static char dir[PATH_MAX];
	char *slash;

	if (!*dir) {
		snprintf(dir, sizeof(dir), "%s", executable_path());
		slash = strrchr(dir, '/');
		if (slash == dir)
			slash++;
		if (slash)
			*slash = '\0';
	}
	return dir;
}
