// SPDX-License-Identifier: BSD-2-Clause
// Hands the run over to the lab's script, which streams what the runner inside prints.
#include "host/lab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef PREFIX
#define PREFIX "/usr/local"
#endif

#define LAB_START_S 60 /* until the runner inside starts */
#define LAB_BOOT_S  20 /* one boot of L1 with its snapshots */
#define LAB_HOP_S   5  /* one hop, with a lost wake-up */

static char *find_script(void)
{
	const char *dir = getenv("MIDFLIGHT_LAB_DIR");
	char *script;

	if (dir && *dir)
		return xasprintf("%s/lab.sh", dir);
	script = xasprintf("%s/../lab/lab.sh", executable_dir());
	if (!access(script, X_OK))
		return script;
	free(script);
	return xstrdup(PREFIX "/share/midflight/lab/lab.sh");
}

unsigned lab_seconds(const struct options *o)
{
	unsigned long long s = LAB_START_S;

	s += 2ull * o->scenarios * (LAB_BOOT_S + (unsigned long long)o->hops * LAB_HOP_S);
	s += o->timeout_s * 2ull; /* a HANG and what is looked at then */
	return s > 86400 ? 86400 : (unsigned)s;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char **lab_args(const struct options *o, const char *script, const char *self, const char *image,
		const char *log)
{
	struct {
		char **p;
		size_t n;
	} l = {NULL, 0};
	struct buf words = {0};
	char *word, *rest;

#define ADD(...)                                               \
	do {                                                   \
		l.p = xrealloc(l.p, (l.n + 2) * sizeof(*l.p)); \
		l.p[l.n++] = xasprintf(__VA_ARGS__);           \
		l.p[l.n] = NULL;                               \
	} while (0)
	ADD("%s", script);
	ADD("run");
	ADD("--out");
	ADD("%s", log);
	ADD("--timeout");
	ADD("%u", lab_seconds(o));
	ADD("--put");
	ADD("%s", self);
	ADD("--put");
	ADD("%s", image);
	ADD("--");
	ADD("./%s", base_name(self));
	ADD("run");
	ADD("--lab=no");
	ADD("--image=./%s", base_name(image));
	ADD("--log=out");
	ADD("--shown-command=%s", o->shown_command);
	ADD("--shown-log=%s", log);
	/* Values with blanks are refused by the parser of options, so that words are words. */
	options_words(o, NULL, &words);
	for (word = strtok_r(words.p, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		ADD("%s", word);
	buf_free(&words);
#undef ADD
	return l.p;
}

int lab_exec(const struct options *o, const char *image, const char *log, struct err *e)
{
	char *script = find_script();
	char **args;

	if (access(script, X_OK)) {
		err_set(e, "no lab at %s: %s; MIDFLIGHT_LAB_DIR names its directory", script,
			strerror(errno));
		free(script);
		return -1;
	}
	args = lab_args(o, script, executable_path(), image, log);
	execv(script, args);
	err_set(e, "cannot run %s: %s", script, strerror(errno));
	for (char **p = args; *p; p++)
		free(*p);
	free(args);
	free(script);
	return -1;
}
