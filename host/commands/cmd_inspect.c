// SPDX-License-Identifier: BSD-2-Clause
// `midflight inspect`: decodes a saved nested state.
#include "host/commands/cmd.h"
#include "host/inspect/inspect.h"
#include "host/base/cleanup.h"

#include <sys/stat.h>

#define FILE_MAX (1ll << 34) /* bytes: no file that is known is larger */

/* A file that is no regular one has no size to check beforehand; it may end as a pipe does. */
static int read_all(FILE *f, struct buf *file, struct err *e)
{
	static char piece[1 << 16];
	struct stat st;
	size_t n;

	if (fstat(fileno(f), &st))
		return err_errno(e, "cannot be read");
	if (S_ISDIR(st.st_mode))
		return err_set(e, "is a directory");
	while ((n = fread(piece, 1, sizeof(piece), f))) {
		if (file->len + n > FILE_MAX)
			return err_set(e, "is too large");
		buf_append(file, piece, n);
	}
	return ferror(f) ? err_errno(e, "cannot be read") : 0;
}

static int load(const char *path, struct inspected *i)
{
	auto_buf struct buf file = {0};
	struct err e = {0};
	auto_fclose FILE *f = fopen(path, "re");
	int ret = f ? read_all(f, &file, &e) : err_errno(&e, "cannot be opened");

	if (!ret)
		ret = inspect_load(i, &file, &e);
	if (ret)
		give_up_on(path, &e);
	return ret;
}

static int print(const char *path, const char *title, bool verbose)
{
	auto_by(inspect_free) struct inspected i = {0};
	auto_buf struct buf text = {0};

	if (load(path, &i))
		return 2;
	if (title)
		printf("%s:\n", title);
	inspect_print(&i, verbose, &text);
	print_lines(stdout, "", text.p);
	return 0;
}

static int diff(const char *first, const char *second)
{
	auto_by(inspect_free) struct inspected a = {0}, b = {0};
	auto_buf struct buf text = {0};
	bool differs;

	if (load(first, &a) || load(second, &b))
		return 2;
	differs = inspect_diff(&a, &b, &text);
	print_lines(stdout, "", buf_text(&text));
	if (!differs)
		printf("nothing differs\n");
	return differs ? 1 : 0;
}

int cmd_inspect(struct options *o)
{
	int status = 0;

	if (o->diff)
		return diff(o->files[0], o->files[1]);
	for (unsigned i = 0; i < o->file_count; i++) {
		if (i)
			putchar('\n');
		if (print(o->files[i], o->file_count > 1 ? o->files[i] : NULL, o->verbose))
			status = 2;
	}
	return status;
}
