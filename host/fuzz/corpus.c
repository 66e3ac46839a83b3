// SPDX-License-Identifier: BSD-2-Clause
// Reads and writes corpora. Their files are not trusted: program_read() checks each of them.
#include "host/fuzz/corpus.h"
#include "host/base/cleanup.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUNDLED "# program "

void corpus_free(struct corpus *c)
{
	free(c->program);
	*c = (struct corpus){0};
}

bool corpus_add(struct corpus *c, const struct program_lists *p)
{
	auto_buf struct buf text = {0};
	uint64_t hash;

	program_print(p, &text);
	hash = hash_bytes(0, text.p, text.len);
	for (unsigned i = 0; i < c->count; i++)
		if (c->program[i].hash == hash)
			return false;
	if (c->count == CORPUS_MAX)
		return false;
	c->program = xrealloc(c->program, (c->count + 1) * sizeof(*c->program));
	c->program[c->count++] = (struct corpus_program){hash, *p};
	return true;
}

/* ---- directories ---------------------------------------------------------------------------- */

static int is_program(const struct dirent *entry)
{
	return !fnmatch("*.mf", entry->d_name, FNM_PERIOD);
}

static unsigned steps(const struct corpus_program *p)
{
	return program_count(p->lists.l1) + program_count(p->lists.l2);
}

/* By what is in them alone: the names of files need not be ours. */
static int shorter(const void *a, const void *b)
{
	const struct corpus_program *p = a, *q = b;

	if (steps(p) != steps(q))
		return steps(p) < steps(q) ? -1 : 1;
	return p->hash < q->hash ? -1 : p->hash > q->hash;
}

static int read_one(struct corpus *c, const char *dir, const char *name, struct err *e)
{
	auto_buf struct buf text = {0};
	struct program_lists p;
	struct err why = {0};

	if (program_load(&p, dir, name, &text, &why))
		return err_set(e, "%s/%s: %s", dir, name, why.text);
	if (memchr(buf_text(&text), '\0', text.len))
		return err_set(e, "%s/%s: it is no text", dir, name);
	if (!corpus_add(c, &p) && c->count == CORPUS_MAX)
		return err_set(e, "%s/%s: more than %d programs", dir, name, CORPUS_MAX);
	return 0;
}

int corpus_read(struct corpus *c, const char *dir, struct err *e)
{
	auto_free struct dirent **list = NULL;
	const int count = scandir(dir, &list, is_program, alphasort);
	int ret = count < 0 ? err_errno(e, dir) : 0;

	for (int i = 0; i < count; i++) {
		if (!ret)
			ret = read_one(c, dir, list[i]->d_name, e);
		free(list[i]);
	}
	if (!ret && c->count)
		qsort(c->program, c->count, sizeof(*c->program), shorter);
	return ret;
}

int corpus_write(const struct corpus *c, const char *dir, struct err *e)
{
	if (make_dirs(dir, e))
		return -1;
	for (unsigned i = 0; i < c->count; i++) {
		auto_free char *name =
			xasprintf(CORPUS_NAME, (unsigned long long)c->program[i].hash);
		auto_free char *path = xasprintf("%s/%s", dir, name);
		auto_buf struct buf text = {0};

		program_print(&c->program[i].lists, &text);
		if (access(path, F_OK) && write_file(dir, name, text.p, text.len, 0666, e))
			return -1;
	}
	return 0;
}

/* ---- one text ------------------------------------------------------------------------------- */

void bundle_add(const struct corpus_program *p, struct buf *text)
{
	buf_printf(text, BUNDLED CORPUS_NAME "\n", (unsigned long long)p->hash);
	program_print(&p->lists, text);
}

int bundle_each(const char *text,
		int (*take)(void *arg, const char *name, const char *text, struct err *e),
		void *arg, struct err *e)
{
	const char *at =
		strncmp(text, BUNDLED, strlen(BUNDLED)) ? strstr(text, "\n" BUNDLED) : text;
	int ret = 0;

	while (at && !ret) {
		const char *name = at + (*at == '\n') + strlen(BUNDLED);
		const char *body = name + strcspn(name, "\n"), *next = strstr(body, "\n" BUNDLED);
		auto_free char *called = xasprintf("%.*s", (int)(body - name), name);
		auto_free char *one =
			xasprintf("%.*s\n", (int)(next ? next - body : (long)strlen(body)), body);

		ret = take(arg, called, one, e);
		at = next;
	}
	return ret;
}

static int take_program(void *arg, const char *name, const char *text, struct err *e)
{
	struct program_lists p;
	struct err why = {0};

	if (program_read(&p, text, &why))
		return err_set(e, "%s: %s", name, why.text);
	corpus_add(arg, &p);
	return 0;
}

int corpus_unbundle(struct corpus *c, const char *text, struct err *e)
{
	return bundle_each(text, take_program, c, e);
}
