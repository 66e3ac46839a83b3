// SPDX-License-Identifier: BSD-2-Clause
// The command line that was run in the lab, and with which files.
#include "host/lab/lab.h"
#include "host/cli/commands.h"
#include "host/base/json.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>

#define STATE_ENV "MIDFLIGHT_LAB_STATE" /* set by lab.sh */
#define TEXT_MAX  4096
#define IMAGE	  "--image=./"

/* The commands that need nothing but the program and the image. */
static bool is_whole(const char *command)
{
	return !strcmp(command, commands[CMD_RUN].name) ||
	       !strcmp(command, commands[CMD_SWEEP].name) ||
	       !strcmp(command, commands[CMD_SOAK].name);
}

/* The hash of file @path as "0x...", NULL with @e filled. The caller frees it. */
static char *hash_file(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir =
		slash ? xasprintf("%.*s", (int)(slash - path) + 1, path) : xstrdup(".");
	auto_buf struct buf bytes = {0};

	if (read_file(dir, slash ? slash + 1 : path, &bytes, e))
		return NULL;
	return xasprintf("0x%016llx", (unsigned long long)hash_bytes(0, bytes.p, bytes.len));
}

/* The words of this process, before any of them was looked at. */
static json_t *own_words(void)
{
	json_t *words = json_got(json_array());
	auto_buf struct buf line = {0};
	struct err e = {0};

	if (!read_file("/proc/self", "cmdline", &line, &e))
		for (size_t at = 0; at < line.len; at += strlen(line.p + at) + 1)
			json_append(words, json_text(line.p + at));
	return words;
}

json_t *lab_job_json(const struct options *o, const char *run)
{
	const char *state = getenv(STATE_ENV), *command;
	json_auto_t *words = NULL;
	auto_free char *self = NULL, *image = NULL;
	struct err e = {0};

	if (!state || !o->image || strpbrk(o->order, "/."))
		return json_null();
	words = own_words();
	command = json_string_value(json_array_get(words, 1));
	self = hash_file("/proc/self/exe", &e);
	image = hash_file(o->image, &e);
	if (!command || !is_whole(command) || !self || !image)
		return json_null();
	return json_got(json_pack("{s:O, s:o, s:o, s:o, s:o}", "words", words, "midflight",
				  json_text(self), "image", json_text(image), "state",
				  json_text(state), "run", json_text(run)));
}

bool lab_job_plain(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			return false;
	return strlen(text) <= TEXT_MAX;
}

/* A file's name, without a path. */
static bool is_name(const char *text)
{
	return *text && !strchr(text, '/') && strcmp(text, "..") != 0;
}

static int take_words(struct lab_job *job, const json_t *list, struct err *e)
{
	const size_t count = json_array_size(list);

	if (count < 3 || count > JOB_WORDS_MAX)
		return err_set(e, "its job has %zu words", count);
	for (size_t i = 0; i < count; i++) {
		job->words[i] = json_string_value(json_array_get(list, i));
		if (!job->words[i] || !lab_job_plain(job->words[i]))
			return err_set(e, "word %zu of its job is none", i + 1);
	}
	if (!strncmp(job->words[0], "./", 2) && is_name(job->words[0] + 2) &&
	    is_whole(job->words[1]))
		return 0;
	return err_set(e, "its job is none that can be repeated");
}

int lab_job_check(struct lab_job *job, const json_t *json, struct err *e)
{
	static const struct json_member members[] = {
		{"words", "a"}, {"midflight", "s"}, {"image", "s"}, {"state", "s"}, {"run", "s"}};

	memset(job, 0, sizeof(*job));
	if (JSON_CHECK("its job", json, members, e))
		return -1;
	for (size_t i = 1; i < ARRAY_SIZE(members); i++) {
		const char *text = json_text_of(json, members[i].key);

		if (!lab_job_plain(text) || !is_name(text) ||
		    json_object_size(json) != ARRAY_SIZE(members))
			return err_set(e, "its job has no good '%s', or more than belongs there",
				       members[i].key);
	}
	job->midflight = json_text_of(json, "midflight");
	job->image = json_text_of(json, "image");
	job->state = json_text_of(json, "state");
	job->run = json_text_of(json, "run");
	return take_words(job, json_object_get(json, "words"), e);
}

/* The file @path is called @name there, and has @hash. */
static int is_ours(const char *what, const char *path, const char *name, const char *hash,
		   struct err *e)
{
	auto_free char *now = hash_file(path, e);

	if (!now)
		return -1;
	if (strcmp(basename(path), name))
		return err_set(e, "%s was called %s then, not %s", what, name, basename(path));
	if (strcmp(now, hash))
		return err_set(e, "%s %s is another one: its hash is %s, then %s", what, path, now,
			       hash);
	return 0;
}

int lab_job_is_ours(const struct lab_job *job, const char *self, const char *image, struct err *e)
{
	const char *name = NULL;

	for (unsigned i = 2; job->words[i]; i++)
		if (!strncmp(job->words[i], IMAGE, strlen(IMAGE)))
			name = job->words[i] + strlen(IMAGE);
	if (!name)
		return err_set(e, "its job names no image");
	return is_ours("this program", self, job->words[0] + 2, job->midflight, e) ||
			       is_ours("the image", image, name, job->image, e)
		       ? -1
		       : 0;
}
