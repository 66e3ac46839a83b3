// SPDX-License-Identifier: BSD-2-Clause
// The directory of a run: what may lie there (run_files.def), for cleaning it and for its index.
#include "host/report/run_dir.h"
#include "host/base/json.h"
#include "host/cli/plan.h"
#include "host/report/fuzz_json.h"
#include "host/report/result_json.h"
#include "host/report/schemas.h"
#include "host/base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct known_file {
	const char *pattern, *text;
};

static const struct run_file {
	struct known_file file;
	const char *begins;
	bool always;
} run_files[] = {
#define RUN(pattern, begins, always, text) {{pattern, text}, begins, always},
#include "host/report/run_files.def"
};

static const struct known_file result_files[] = {
#define RESULT(pattern, text) {pattern, text},
#include "host/report/run_files.def"
};

static const struct known_file lab_files[] = {
#define LAB(pattern, text) {pattern, text},
#include "host/report/run_files.def"
};

static const struct known_file finding_files[] = {
#define FINDING(pattern, text) {pattern, text},
#include "host/report/run_files.def"
};

static const struct known_file kept_files[] = {
#define KEPT(pattern, text) {pattern, text},
#include "host/report/run_files.def"
};

#define LAB_DIR "lab-"

/* What a lab has left goes first into such a directory: the run may be one that flies nothing. */
#define NEW_DIR "new-"

/* The run directories of a replay and of what minimise has tried, in that of their result. */
#define REPLAY	 "replay"
#define MINIMISE "minimise"

/* What run directories of sweep and soak are called, between a scenario and a number. */
static const char *const flights[] = {".after-", ".flight-"};

static bool listed(const struct known_file *list, size_t count, const char *file)
{
	for (size_t i = 0; i < count; i++)
		if (!fnmatch(list[i].pattern, file, FNM_PERIOD))
			return true;
	return false;
}

/* Opens directory @name in @at, but not through a link. */
static DIR *open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

/* Whether @f is there in @dir and of a run. A full disk may have cut it short. */
static bool is_ours(int dir, const struct run_file *f)
{
	auto_close const int fd =
		openat(dir, f->file.pattern, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char begins[128];
	struct stat st;
	const bool plain = fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode);
	const ssize_t n = plain ? read(fd, begins, strlen(f->begins)) : -1;

	return n >= 0 && !memcmp(begins, f->begins, (size_t)n);
}

static void clean(DIR *all);
static void clean_run(DIR *at, const char *name);

/* What labs have left there whose run was killed. */
static void clean_new(DIR *all)
{
	const struct dirent *entry;

	rewinddir(all);
	while ((entry = readdir(all)))
		if (!fnmatch(NEW_DIR "[0-9]*", entry->d_name, 0))
			clean_run(all, entry->d_name);
}

static bool is_flight(const char *name)
{
	const char *dot = strchr(name, '.');

	for (size_t i = 0; dot && i < ARRAY_SIZE(flights); i++) {
		const size_t len = strlen(flights[i]);

		if (!strncmp(dot, flights[i], len) && scenario_find(name, (size_t)(dot - name)) &&
		    strspn(dot + len, "0123456789") == strlen(dot + len))
			return true;
	}
	return false;
}

static void clean_journal(DIR *at)
{
	auto_closedir DIR *journal = open_dir(dirfd(at), JOURNAL);
	const struct dirent *entry;

	while (journal && (entry = readdir(journal)))
		if (!fnmatch("[0-9]*.json", entry->d_name, 0))
			unlinkat(dirfd(journal), entry->d_name, 0);
	unlinkat(dirfd(at), JOURNAL, AT_REMOVEDIR);
}

/* The directories in @all that are called like @pattern lose their files that are in @list. */
static void clean_listed(DIR *all, const char *pattern, const struct known_file *list, size_t count)
{
	const struct dirent *entry, *file;

	rewinddir(all);
	while ((entry = readdir(all))) {
		auto_closedir DIR *dir = fnmatch(pattern, entry->d_name, FNM_PERIOD)
						 ? NULL
						 : open_dir(dirfd(all), entry->d_name);

		if (!dir)
			continue;
		while ((file = readdir(dir)))
			if (listed(list, count, file->d_name))
				unlinkat(dirfd(dir), file->d_name, 0);
		unlinkat(dirfd(all), entry->d_name, AT_REMOVEDIR);
	}
}

static void clean_programs(DIR *all, bool corpus)
{
	clean_listed(all, "finding-[0-9]*", finding_files, ARRAY_SIZE(finding_files));
	if (corpus)
		clean_listed(all, FUZZ_CORPUS, kept_files, ARRAY_SIZE(kept_files));
}

/* A run directory in @at. */
static void clean_run(DIR *at, const char *name)
{
	auto_closedir DIR *run = open_dir(dirfd(at), name);

	if (!run)
		return;
	clean(run);
	clean_new(run);
	clean_programs(run, true);
	unlinkat(dirfd(run), ORDER_FILE, 0);
	unlinkat(dirfd(at), name, AT_REMOVEDIR);
}

/* A replay's directory has results, and these may have been replayed. */
static void clean(DIR *all)
{
	const struct dirent *entry, *file;

	for (size_t i = 0; i < ARRAY_SIZE(run_files); i++)
		if (is_ours(dirfd(all), &run_files[i]))
			unlinkat(dirfd(all), run_files[i].file.pattern, 0);
	for (size_t i = 0; i < ARRAY_SIZE(lab_files); i++)
		unlinkat(dirfd(all), lab_files[i].pattern, 0);
	rewinddir(all);
	while ((entry = readdir(all))) {
		auto_closedir DIR *dir =
			plan_names(entry->d_name) ? open_dir(dirfd(all), entry->d_name) : NULL;

		if (is_flight(entry->d_name) || !fnmatch(LAB_DIR "[0-9]*", entry->d_name, 0))
			clean_run(all, entry->d_name);
		if (!strcmp(entry->d_name, JOURNAL))
			clean_journal(all);
		if (!dir)
			continue;
		while ((file = readdir(dir)))
			if (listed(result_files, ARRAY_SIZE(result_files), file->d_name))
				unlinkat(dirfd(dir), file->d_name, 0);
		clean_run(dir, REPLAY);
		clean_run(dir, MINIMISE);
		unlinkat(dirfd(all), entry->d_name, AT_REMOVEDIR);
	}
}

/* 0, or -1 with @e filled: @all is not a run's to write to. */
static int check(DIR *all, const char *log, struct err *e)
{
	/* Where a file system has no locks there is none. */
	if (flock(dirfd(all), LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		return err_set(e, "another run writes to %s (--log names another directory)", log);
	for (size_t i = 0; i < ARRAY_SIZE(run_files); i++) {
		const struct run_file *f = &run_files[i];

		if (f->always &&
		    !faccessat(dirfd(all), f->file.pattern, F_OK, AT_SYMLINK_NOFOLLOW) &&
		    !is_ours(dirfd(all), f))
			return err_set(e,
				       "%s/%s is of no run, and would be lost (--log names another "
				       "directory)",
				       log, f->file.pattern);
	}
	return 0;
}

int run_dir_lock(const char *log, struct err *e)
{
	auto_closedir DIR *all = opendir(log);
	int fd;

	if (!all)
		return err_errno(e, log);
	if (check(all, log, e))
		return -1;
	clean_new(all);
	fd = fcntl(dirfd(all), F_DUPFD_CLOEXEC, 0); /* which keeps the lock */
	return fd < 0 ? err_errno(e, log) : fd;
}

void run_dir_clean(const char *log)
{
	auto_closedir DIR *all = opendir(log);

	if (all)
		clean(all);
}

int run_dir_begin(const char *log, struct err *e)
{
	const int fd = run_dir_lock(log, e);

	if (fd >= 0)
		run_dir_clean(log);
	return fd;
}

void run_dir_clean_findings(const char *log)
{
	auto_closedir DIR *all = opendir(log);

	if (all)
		clean_programs(all, false);
}

void run_dir_clean_programs(const char *log)
{
	auto_closedir DIR *all = opendir(log);

	if (all)
		clean_programs(all, true);
}

bool run_dir_flew(const json_t *top)
{
	const json_t *result;
	size_t i;

	json_array_foreach(json_object_get(top, "results"), i, result)
		if (report_json_word(result) != WORD_SKIP)
			return true;
	return false;
}

bool run_dir_has_flown(const char *log)
{
	auto_free char *path = xasprintf("%s/result.json", log);
	struct err e = {0};
	json_auto_t *top = report_json_load(path, &e);

	return run_dir_flew(top);
}

int run_dir_labs(const char *log, char **labs, unsigned count, struct err *e)
{
	int ret = 0;

	for (unsigned i = 0; i < count; i++) {
		labs[i] = xasprintf("%s/" NEW_DIR "%u", log, i + 1);
		if (!ret)
			ret = make_dirs(labs[i], e);
	}
	return ret;
}

/* Moves the files of directory @from into @to, and removes it if none is left. */
static int move_files(const char *from, const char *to, struct err *e)
{
	auto_closedir DIR *dir = opendir(from);
	const struct dirent *entry;

	if (!dir)
		return err_errno(e, from);
	if (make_dirs(to, e))
		return -1;
	while ((entry = readdir(dir))) {
		auto_free char *source = xasprintf("%s/%s", from, entry->d_name);
		auto_free char *target = xasprintf("%s/%s", to, entry->d_name);

		if (listed(result_files, ARRAY_SIZE(result_files), entry->d_name) &&
		    rename(source, target))
			return err_errno(e, target);
	}
	rmdir(from);
	return 0;
}

int run_dir_take(const char *log, const char *new, struct err *e)
{
	auto_closedir DIR *dir = opendir(new);
	const struct dirent *entry;

	if (!dir)
		return err_errno(e, new);
	while ((entry = readdir(dir))) {
		auto_free char *from = xasprintf("%s/%s", new, entry->d_name);
		auto_free char *to = xasprintf("%s/%s", log, entry->d_name);

		if (plan_names(entry->d_name)) {
			if (move_files(from, to, e))
				return -1;
		} else if (*entry->d_name != '.' && rename(from, to)) {
			return err_errno(e, to);
		}
	}
	rmdir(new);
	return 0;
}

int run_dir_join(const char *log, char *const *labs, unsigned count, const json_t *top,
		 const unsigned *from, struct err *e)
{
	const json_t *result;
	size_t i;
	int ret = 0;

	json_array_foreach(json_object_get(top, "results"), i, result) {
		const char *name = json_text_of(result, "name");
		auto_free char *source = xasprintf("%s/%s", labs[from[i]], name);
		auto_free char *to = xasprintf("%s/%s", log, name);

		if (*json_text_of(result, "dir") && plan_names(name) && move_files(source, to, e))
			ret = -1;
	}
	for (unsigned n = 0; n < count; n++) {
		auto_free char *lab = xasprintf("%s/" LAB_DIR "%u", log, n + 1);

		for (i = 0; i < ARRAY_SIZE(run_files); i++) {
			auto_free char *path =
				xasprintf("%s/%s", labs[n], run_files[i].file.pattern);

			unlink(path);
		}
		if (rename(labs[n], lab))
			ret = err_errno(e, lab);
	}
	return ret;
}

static int is_result_file(const struct dirent *entry)
{
	return listed(result_files, ARRAY_SIZE(result_files), entry->d_name);
}

/* The files of ours in @dir, separated by blanks. */
static void list_files(const char *dir, struct buf *text)
{
	auto_free struct dirent **list = NULL;
	const int count = scandir(dir, &list, is_result_file, alphasort);

	for (int i = 0; i < count; i++) {
		buf_printf(text, " %s", list[i]->d_name);
		free(list[i]);
	}
}

int run_dir_index(const char *log, const json_t *top, struct err *e)
{
	auto_buf struct buf text = {0};
	const json_t *result;
	size_t i;

	buf_printf(&text, "A run of Midflight %s on Linux %s, begun %s\n\n",
		   json_text_of(top, "midflight"), json_text_of(top, "kernel"),
		   json_text_of(top, "started"));
	for (i = 0; i < ARRAY_SIZE(run_files); i++)
		buf_printf(&text, "%-16s %s\n", run_files[i].file.pattern, run_files[i].file.text);
	for (i = 0; i < ARRAY_SIZE(lab_files); i++)
		buf_printf(&text, "%-16s %s\n", lab_files[i].pattern, lab_files[i].text);
	buf_printf(&text, "%-16s %s\n", LAB_DIR "N/",
		   "if there were several labs: these of each, and controls that others flew too");
	buf_printf(&text, "\nIn the directory of a result, where there is something to say:\n\n");
	for (i = 0; i < ARRAY_SIZE(result_files); i++)
		buf_printf(&text, "%-16s %s\n", result_files[i].pattern, result_files[i].text);
	buf_printf(&text, "%-16s %s\n", REPLAY "/", "the run of the last replay");
	buf_printf(&text, "%-16s %s\n", MINIMISE "/", "the same of the last minimise");
	buf_printf(&text, "\nThe results and what lies in their directories:\n\n");
	json_array_foreach(json_object_get(top, "results"), i, result) {
		const char *dir = json_member(result, "dir");
		auto_free char *path = xasprintf("%s/%s", log, dir ? dir : "");

		buf_printf(&text, "%-40s %s", json_text_of(result, "name"),
			   json_text_of(result, "word"));
		if (*json_text_of(result, "known"))
			buf_printf(&text, ", known bug %s:", json_text_of(result, "known"));
		if (dir)
			list_files(path, &text);
		buf_printf(&text, "\n");
	}
	return write_file(log, "index.txt", text.p, text.len, 0666, e);
}
