// SPDX-License-Identifier: BSD-2-Clause
// Reads the list of tests of kvm-unit-tests: sections `[name]` of lines `key = value`, where a
// value may stand in quotes, or in three of them over several lines.
#include "host/guest/unittests.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIST	 "unittests.cfg"
#define WORD_MAX 1000
#define QUOTES3	 "\"\"\""

struct test {
	char *name, *file, *smp, *args, *params, *groups, *accel, *arch, *check;
};

static const struct {
	const char *key;
	size_t at;
} keys[] = {
#define K(key, member)                             \
	{                                          \
		key, offsetof(struct test, member) \
	}
	K("file", file),	   K("smp", smp),
	K("test_args", args),	   K("qemu_params", params),
	K("extra_params", params), K("groups", groups),
	K("accel", accel),	   K("arch", arch),
	K("check", check),
#undef K
};

/* ---- a line ---------------------------------------------------------------------------------- */

/* @text without blanks around it. It is changed. */
static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	for (len = strlen(text); len && strchr(" \t\r", text[len - 1]); len--)
		;
	text[len] = '\0';
	return text;
}

/* The value that begins in @value; @rest is behind its line, and moves if it has more of them. */
static char *take_value(char *value, char **rest)
{
	const size_t len = strlen(value);
	char *end;

	if (!strncmp(value, QUOTES3, 3)) {
		value[len] = '\n'; /* what strsep() made an end */
		end = strstr(value + 3, QUOTES3);
		if (!end)
			return "";
		*end = '\0';
		*rest = end + 3 + strcspn(end + 3, "\n");
		*rest += **rest != '\0';
		for (char *p = value; *p; p++)
			if (*p == '\n')
				*p = ' ';
		return trim(value + 3);
	}
	if (len > 1 && strchr("\"'", value[0]) && value[len - 1] == value[0]) {
		value[len - 1] = '\0';
		value++;
	}
	return value;
}

/* ---- a test's parameters of QEMU ------------------------------------------------------------- */

/* The next word of *@at as a shell has it, in @word; false: there is none. */
static bool shell_word(const char **at, char word[WORD_MAX])
{
	size_t n = 0;
	char quote = '\0';

	*at += strspn(*at, " \t");
	if (!**at)
		return false;
	for (; **at && (quote || !strchr(" \t", **at)); ++*at) {
		if (quote ? **at == quote : strchr("\"'", **at) != NULL)
			quote = quote ? '\0' : **at;
		else if (n < WORD_MAX - 1)
			word[n++] = **at;
	}
	word[n] = '\0';
	return true;
}

/* Whether driver kvm's CPU does for a test that wants this one of QEMU. */
static bool cpu_does(const char *model)
{
	/* What is off is not there for a nested guest anyway, or would only make the test longer.
	 */
	static const char good[] = "max|host|+vmx|host-phys-bits|migratable=no|-pku|-vmx-mbec";
	char word[WORD_MAX];

	while (word_next(&model, ',', word, sizeof(word)))
		if (!word_in(good, '|', word))
			return false;
	return true;
}

static void read_params(struct guest_words *w, const char *params)
{
	char word[WORD_MAX], value[WORD_MAX];

	while (shell_word(&params, word)) {
		if (!strcmp(word, "-enable-kvm"))
			continue;
		if (!shell_word(&params, value))
			value[0] = '\0';
		if (!strcmp(word, "-m")) {
			const unsigned long n = strtoul(value, NULL, 10);

			w->memory_mib = (unsigned)(strpbrk(value, "gG") ? n * 1024 : n);
			if (!n || w->memory_mib > GUEST_MEMORY_MAX)
				w->skip =
					xasprintf("it wants %s of memory, up to %u MB can be given",
						  value, GUEST_MEMORY_MAX);
		} else if (!strcmp(word, "-append")) {
			w->append = xstrdup(value);
		} else if (!strcmp(word, "-cpu")) {
			w->cpu = xstrdup(value);
			w->cpu_any = cpu_does(value);
		} else {
			w->skip = xasprintf("it wants QEMU's %s %s", word, value);
		}
	}
}

/* ---- a test ---------------------------------------------------------------------------------- */

/* Adds @t, which is of the group, as @s. */
static int add(struct scenario *s, const struct test *t, const char *dir,
	       const struct guest_words *common, struct err *e)
{
	struct guest_words w = *common;

	w.file = xasprintf("%s/%s", dir, t->file);
	w.profile = "kvm-unit-tests";
	w.append = t->args;
	w.check = t->check;
	w.vcpus = t->smp ? (unsigned)strtoul(t->smp, NULL, 10) : 1;
	w.cpu_any = true;
	if (t->params)
		read_params(&w, t->params);
	if (t->accel && strcmp(t->accel, "kvm"))
		w.skip = xasprintf("it is for QEMU's accelerator %s", t->accel);
	if (t->arch && strcmp(t->arch, "x86_64"))
		w.skip = xasprintf("it is for %s", t->arch);
	if (word_in(t->groups, ' ', "nodefault") &&
	    !(common->named && word_in(common->named, ',', t->name)))
		w.skip = xasprintf("marked as to be run by hand alone: --scenario %s", t->name);
	return guest_make(s, t->name, &w, e);
}

static bool in_group(const struct test *t, const char *group)
{
	return t->name && t->file && t->groups && word_in(t->groups, ' ', group);
}

char *unittests_path(const char *dir)
{
	auto_free char *path = xasprintf("%s/x86/" LIST, dir);

	return access(path, F_OK) ? xasprintf("%s/" LIST, dir) : keep(path);
}

int unittests_make(struct scenario *list, const char *dir, const char *group,
		   const struct guest_words *common, struct err *e)
{
	auto_free char *path = unittests_path(dir);
	auto_free char *where = xasprintf("%.*s", (int)(strrchr(path, '/') - path), path);
	struct buf text = {0}; /* the guests' words point into it */
	char *rest, *line;
	struct test t = {0};
	int count = 0;

	if (read_file(where, LIST, &text, e))
		return err_set(e,
			       "%s is no built kvm-unit-tests: it has no x86/" LIST
			       " (./configure && make there)",
			       dir);
	buf_append(&text, "\n[]\n", 4); /* which ends the last one */
	rest = text.p;
	while ((line = strsep(&rest, "\n"))) {
		char *equals;

		line = trim(line);
		if (line[0] == '[') {
			if (in_group(&t, group) && count < UNITTESTS_MAX &&
			    add(&list[count++], &t, where, common, e))
				return -1;
			line[strcspn(line, "]")] = '\0';
			t = (struct test){.name = line + 1};
			continue;
		}
		equals = strchr(line, '=');
		if (line[0] == '#' || !equals)
			continue;
		*equals = '\0';
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			if (!strcmp(keys[i].key, trim(line)))
				*(char **)((char *)&t + keys[i].at) =
					take_value(trim(equals + 1), &rest);
	}
	if (count)
		return count;
	buf_free(&text);
	return err_set(e, "no test of %s is in the group '%s'", path, group);
}
