// SPDX-License-Identifier: BSD-2-Clause
// Which result a mail is about: found by what the user has at hand.
#include "host/base/below.h"
#include "host/base/cleanup.h"
#include "host/base/json.h"
#include "host/report/mail.h"
#include "host/report/replay.h"
#include "host/report/result_json.h"

#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPLAY_FILE "replay.json"
#define RESULT_FILE "result.json"
#define NAMES	    8 /* that are told where one is to be chosen */

/* Has @m the run whose file is @file, or directory @dir's if that is NULL. */
static int load_run(struct mail_result *m, const char *dir, const char *file, struct err *e)
{
	auto_free char *own = file ? NULL : xasprintf("%s/" RESULT_FILE, dir);

	m->top = report_json_load(file ? file : own, e);
	if (!m->top)
		return -1;
	m->run = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return m->run < 0 ? err_errno(e, dir) : 0;
}

static bool has_run(const char *dir)
{
	auto_free char *file = xasprintf("%s/" RESULT_FILE, dir),
		       *journal = xasprintf("%s/" JOURNAL, dir);

	return !access(file, F_OK) || !access(journal, F_OK);
}

/* The only result of the run that failed. */
static int find_only(struct mail_result *m, const char *path, struct err *e)
{
	auto_buf struct buf names = {0};
	const json_t *result;
	unsigned count = 0;
	size_t i;

	json_array_foreach(json_object_get(m->top, "results"), i, result) {
		if (report_json_word(result) <= WORD_SKIP)
			continue;
		m->result = result;
		if (count++ < NAMES)
			buf_printf(&names, "%s%s", count > 1 ? ", " : "",
				   json_text_of(result, "name"));
	}
	if (!count)
		return err_set(e, "%s: nothing failed, so there is nothing to report", path);
	if (count > 1)
		return err_set(e, "%s: %u results failed; give the directory of one: %s%s", path,
			       count, names.p, count > NAMES ? ", ..." : "");
	return 0;
}

static int find_named(struct mail_result *m, const char *path, const char *name, struct err *e)
{
	m->result = report_json_find(m->top, name);
	if (m->result)
		return 0;
	return err_set(e, "%s: the run has no result that is called '%.100s'", path, name);
}

/* Result @name of the run in directory @run. */
static int load_named(struct mail_result *m, const char *path, const char *run, const char *name,
		      struct err *e)
{
	if (!has_run(run))
		return err_set(e, "%s: it is no result of a run: there is no " RESULT_FILE " in %s",
			       path, run);
	return load_run(m, run, NULL, e) || find_named(m, path, name, e) ? -1 : 0;
}

static int load_file(struct mail_result *m, const char *path, struct err *e)
{
	auto_free char *copy = xstrdup(path), *other = xstrdup(path);
	const char *dir = dirname(copy);
	auto_free char *run = xasprintf("%s/..", dir);
	auto_by(replay_free) struct replay replay = {0};

	if (strcmp(basename(other), REPLAY_FILE) != 0)
		return load_run(m, dir, path, e) || find_only(m, path, e) ? -1 : 0;
	return replay_load(&replay, path, e) || load_named(m, path, run, replay.result, e) ? -1 : 0;
}

static int load_dir(struct mail_result *m, const char *path, struct err *e)
{
	auto_free char *run = xasprintf("%s/..", path), *whole = NULL;

	if (has_run(path))
		return load_run(m, path, NULL, e) || find_only(m, path, e) ? -1 : 0;
	whole = realpath(path, NULL);
	if (!whole)
		return err_errno(e, path);
	return load_named(m, path, run, basename(whole), e);
}

static int load(struct mail_result *m, const char *path, struct err *e)
{
	auto_free char *copy = xstrdup(path), *other = xstrdup(path);
	const char *dir = dirname(copy);
	struct stat st;

	if (!stat(path, &st))
		return S_ISDIR(st.st_mode) ? load_dir(m, path, e) : load_file(m, path, e);
	/* Not each result has a directory, but all have a name. */
	if (errno != ENOENT || !has_run(dir))
		return err_errno(e, path);
	return load_named(m, path, dir, basename(other), e);
}

/* Whether something there is left of the lab. */
static bool was_in_lab(const struct mail_result *m)
{
	auto_free char *replay = xasprintf("%s/" REPLAY_FILE, json_text_of(m->result, "name"));
	auto_buf struct buf bytes = {0};
	json_auto_t *json = NULL;
	struct err e = {0};

	if (!faccessat(m->run, "bochs.log", F_OK, AT_SYMLINK_NOFOLLOW))
		return true;
	if (!read_below(m->run, replay, 1 << 20, &bytes, &e))
		json = json_loadb(buf_text(&bytes), bytes.len, 0, NULL);
	return json_is_object(json_object_get(json, "job"));
}

int mail_load(struct mail_result *m, const char *path, struct err *e)
{
	*m = (struct mail_result){.run = -1};
	if (load(m, path, e))
		return -1;
	if (report_json_word(m->result) <= WORD_SKIP)
		return err_set(e, "%s: %s is a %s, so there is nothing to report", path,
			       json_text_of(m->result, "name"), json_text_of(m->result, "word"));
	m->in_lab = was_in_lab(m);
	return 0;
}

void mail_free(struct mail_result *m)
{
	json_decref(m->top);
	close_fd(&m->run);
}
