// SPDX-License-Identifier: BSD-2-Clause
// Reads coverage.json, which is not trusted, adds runs up, and judges functions by coverage.def.
#include "host/lab/coverage.h"
#include "host/base/json.h"
#include "host/base/cleanup.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTES_MAX    (64u << 20) /* of a module's code; kvm.ko has half a megabyte */
#define NAME_MAX_LEN 200
#define KERNEL_CHARS NAME_CHARS "+-~"
#define NAME_CHARS   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."

static const struct path_row {
	const char *module, *patterns;
} path_rows[] = {
#define PATH(module, patterns) {module, patterns},
#define REASON(patterns, reason)
#include "host/lab/coverage.def"
#undef PATH
#undef REASON
};

static const struct reason_row {
	const char *patterns, *reason;
} reason_rows[] = {
#define PATH(module, patterns)
#define REASON(patterns, reason) {patterns, reason},
#include "host/lab/coverage.def"
#undef PATH
#undef REASON
};

/* ---- reading ------------------------------------------------------------------------------- */

bool coverage_is_name(const char *name)
{
	const size_t len = strlen(name);

	return len && len < NAME_MAX_LEN && strspn(name, NAME_CHARS) == len;
}

/* Marks what @ran, an array of [from, to), says of @s, counted from its beginning. */
static int read_ran(struct coverage_symbol *s, const json_t *ran, struct err *e)
{
	const json_t *range;
	json_int_t end = 0;
	size_t i;

	json_array_foreach(ran, i, range) {
		const json_t *from = json_array_get(range, 0), *to = json_array_get(range, 1);

		if (json_array_size(range) != 2 || !json_is_integer(from) || !json_is_integer(to) ||
		    json_integer_value(from) < end ||
		    json_integer_value(to) <= json_integer_value(from) ||
		    json_integer_value(to) > s->size)
			return err_set(e, "function %s has no good 'ran'", s->name);
		end = json_integer_value(to);
		memset(s->ran + json_integer_value(from), 1,
		       (size_t)(end - json_integer_value(from)));
	}
	return 0;
}

static int read_symbol(struct coverage_module *m, const json_t *function, size_t *bytes,
		       struct err *e)
{
	static const struct json_member members[] = {
		{"name", "s"}, {"section", "s"}, {"at", "u"}, {"size", "u"}, {"ran", "a"},
	};
	struct coverage_symbol *s = &m->symbol[m->symbols];
	const char *name, *section;
	json_int_t at, size;

	if (JSON_CHECK("a function", function, members, e))
		return -1;
	name = json_text_of(function, "name");
	section = json_text_of(function, "section");
	at = json_member_integer(function, "at");
	size = json_member_integer(function, "size");
	if (!coverage_is_name(name) || !coverage_is_name(section))
		return err_set(e, "a function has an odd name: '%.40s' in '%.40s'", name, section);
	if (!size || size > BYTES_MAX - (json_int_t)*bytes || at > BYTES_MAX)
		return err_set(e, "function %s is too large, or empty", name);
	*bytes += (size_t)size;
	*s = (struct coverage_symbol){.name = xstrdup(name),
				      .section = xstrdup(section),
				      .at = (uint32_t)at,
				      .size = (uint32_t)size,
				      .ran = xcalloc((size_t)size, 1)};
	m->symbols++;
	return read_ran(s, json_object_get(function, "ran"), e);
}

static int read_module(struct coverage_module *m, const json_t *module, struct err *e)
{
	static const struct json_member members[] = {
		{"module", "s"}, {"build_id", "s"}, {"functions", "a"}};
	const json_t *functions, *function;
	size_t i, bytes = 0;

	if (JSON_CHECK("a module", module, members, e))
		return -1;
	m->name = xstrdup(json_text_of(module, "module"));
	m->build_id = xstrdup(json_text_of(module, "build_id"));
	if (!coverage_is_name(m->name) || !coverage_is_name(m->build_id))
		return err_set(e, "a module has an odd name or build id");
	functions = json_object_get(module, "functions");
	m->symbol = xcalloc(json_array_size(functions) + 1, sizeof(*m->symbol));
	json_array_foreach(functions, i, function)
		if (read_symbol(m, function, &bytes, e))
			return -1;
	return 0;
}

static int read_run(struct coverage *c, const json_t *top, struct err *e)
{
	static const struct json_member members[] = {{"kernel", "s"}, {"modules", "a"}};
	const json_t *modules, *module;
	size_t i;

	if (JSON_CHECK("the file", top, members, e))
		return -1;
	c->kernel = xstrdup(json_text_of(top, "kernel"));
	c->runs = 1;
	if (strspn(c->kernel, KERNEL_CHARS) != strlen(c->kernel))
		return err_set(e, "the kernel has an odd name");
	modules = json_object_get(top, "modules");
	if (json_array_size(modules) != COVERAGE_MODULES)
		return err_set(e, "the file has not %d modules", COVERAGE_MODULES);
	json_array_foreach(modules, i, module) {
		c->modules++;
		if (read_module(&c->module[i], module, e))
			return -1;
	}
	return 0;
}

static void free_module(struct coverage_module *m)
{
	for (size_t i = 0; i < m->symbols; i++) {
		free(m->symbol[i].name);
		free(m->symbol[i].section);
		free(m->symbol[i].ran);
	}
	free(m->symbol);
	free(m->name);
	free(m->build_id);
}

void coverage_free(struct coverage *c)
{
	for (unsigned i = 0; i < c->modules; i++)
		free_module(&c->module[i]);
	free(c->kernel);
	*c = (struct coverage){0};
}

/* The same modules have the same symbols, in the same order. */
static bool same_symbols(const struct coverage_module *a, const struct coverage_module *b)
{
	for (size_t i = 0; i < a->symbols && i < b->symbols; i++)
		if (strcmp(a->symbol[i].name, b->symbol[i].name) ||
		    a->symbol[i].size != b->symbol[i].size || a->symbol[i].at != b->symbol[i].at)
			return false;
	return a->symbols == b->symbols;
}

static int unite(struct coverage *c, const struct coverage *more, struct err *e)
{
	for (unsigned i = 0; i < c->modules; i++) {
		const struct coverage_module *a = &c->module[i], *b = &more->module[i];

		if (strcmp(a->name, b->name) || strcmp(a->build_id, b->build_id))
			return err_set(e,
				       "it is of %s %s, and what was read before of %s %s: runs of "
				       "different kernels do not add up",
				       b->name, b->build_id, a->name, a->build_id);
		if (!same_symbols(a, b))
			return err_set(e, "it has other functions in %s than what was read before",
				       a->name);
	}
	for (unsigned i = 0; i < c->modules; i++)
		for (size_t n = 0; n < c->module[i].symbols; n++)
			for (uint32_t at = 0; at < c->module[i].symbol[n].size; at++)
				c->module[i].symbol[n].ran[at] |= more->module[i].symbol[n].ran[at];
	c->runs += more->runs;
	return 0;
}

int coverage_add(struct coverage *c, const char *path, struct err *e)
{
	auto_by(coverage_free) struct coverage run = {0};
	struct stat st;
	auto_free char *file = !stat(path, &st) && S_ISDIR(st.st_mode)
				       ? xasprintf("%s/" COVERAGE_FILE, path)
				       : xstrdup(path);
	json_auto_t *top = json_read(file, COVERAGE_SCHEMA, COVERAGE_VERSION, e);
	struct err why = {0};

	if (!top)
		return -1;
	if (read_run(&run, top, &why) || (c->runs && unite(c, &run, &why)))
		return err_set(e, "%s: %s", file, why.text);
	if (!c->runs) {
		*c = run;
		run = (struct coverage){0};
	}
	return 0;
}

/* ---- writing ------------------------------------------------------------------------------- */

static void write_symbol(struct buf *text, const struct coverage_symbol *s)
{
	const char *comma = "";

	buf_printf(
		text,
		"\n  {\"name\": \"%s\", \"section\": \"%s\", \"at\": %u, \"size\": %u, \"ran\": [",
		s->name, s->section, s->at, s->size);
	for (uint32_t from = 0, to; from < s->size; from = to + 1) {
		for (to = from; to < s->size && s->ran[to];)
			to++;
		if (to == from)
			continue;
		buf_printf(text, "%s[%u, %u]", comma, from, to);
		comma = ", ";
	}
	buf_printf(text, "]}");
}

/* As lab.sh writes it; all names were checked when they were read, but that of the kernel. */
static int write_run(const struct coverage *c, const char *log, struct err *e)
{
	json_auto_t *kernel = json_text(c->kernel);
	auto_free char *quoted = json_dumps(kernel, JSON_ENCODE_ANY);
	auto_buf struct buf text = {0};

	buf_printf(&text,
		   "{\"schema\": \"" COVERAGE_SCHEMA "\", \"version\": %d, \"kernel\": %s, "
		   "\"modules\": [",
		   COVERAGE_VERSION, quoted ? quoted : "\"\"");
	for (unsigned i = 0; i < c->modules; i++) {
		const struct coverage_module *m = &c->module[i];

		buf_printf(&text, "%s\n{\"module\": \"%s\", \"build_id\": \"%s\", \"functions\": [",
			   i ? "," : "", m->name, m->build_id);
		for (size_t n = 0; n < m->symbols; n++) {
			buf_printf(&text, "%s", n ? "," : "");
			write_symbol(&text, &m->symbol[n]);
		}
		buf_printf(&text, "]}");
	}
	buf_printf(&text, "]}\n");
	return write_file(log, COVERAGE_FILE, text.p, text.len, 0666, e);
}

int coverage_join(const char *log, char *const *labs, unsigned count, struct err *e)
{
	auto_by(coverage_free) struct coverage c = {0};

	for (unsigned i = 0; i < count; i++) {
		auto_free char *file = xasprintf("%s/" COVERAGE_FILE, labs[i]);

		if (!access(file, F_OK) && coverage_add(&c, file, e))
			return -1;
	}
	return c.runs ? write_run(&c, log, e) : 0;
}

/* ---- functions ----------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct coverage_function *f = a, *g = b;
	const int order = strcmp(f->module, g->module);

	return order ? order : strcmp(f->name, g->name);
}

/* As the source calls it: without what the compiler appends to the name of a part. */
static size_t source_name(const char *name)
{
	return *name == '.' ? strlen(name) : strcspn(name, ".");
}

static struct coverage_function *append(struct coverage_functions *f, const char *module,
					const char *name, size_t len)
{
	if (!(f->count & (f->count + 1)))
		f->function = xrealloc(f->function, (2 * f->count + 2) * sizeof(*f->function));
	f->function[f->count] = (struct coverage_function){
		.module = module, .name = xasprintf("%.*s", (int)len, name)};
	return &f->function[f->count++];
}

size_t coverage_function(struct coverage_functions *f, const char *module, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (!strcmp(f->function[i].name, name) && !strcmp(f->function[i].module, module))
			return i;
	append(f, module, name, strlen(name));
	return f->count - 1;
}

/* Puts those of the same name together. */
static void fold(struct coverage_functions *f)
{
	size_t to = 0;

	if (f->count)
		qsort(f->function, f->count, sizeof(*f->function), by_name);
	for (size_t i = 1; i < f->count; i++) {
		if (by_name(&f->function[to], &f->function[i])) {
			f->function[++to] = f->function[i];
			continue;
		}
		f->function[to].size += f->function[i].size;
		f->function[to].ran += f->function[i].ran;
		free(f->function[i].name);
	}
	if (f->count)
		f->count = to + 1;
}

void coverage_functions(const struct coverage *c, struct coverage_functions *f)
{
	*f = (struct coverage_functions){0};
	for (unsigned i = 0; i < c->modules; i++)
		for (size_t n = 0; n < c->module[i].symbols; n++) {
			const struct coverage_symbol *s = &c->module[i].symbol[n];
			struct coverage_function *to =
				append(f, c->module[i].name, s->name, source_name(s->name));

			to->symbol = true;
			to->size = s->size;
			for (uint32_t at = 0; at < s->size; at++)
				to->ran += s->ran[at];
		}
	fold(f);
	coverage_judge(f);
}

void coverage_functions_free(struct coverage_functions *f)
{
	for (size_t i = 0; i < f->count; i++) {
		for (size_t n = 0; n < f->function[i].lines; n++)
			free(f->function[i].line[n].file);
		free(f->function[i].line);
		free(f->function[i].name);
	}
	free(f->function);
	*f = (struct coverage_functions){0};
}

static bool matches(const char *patterns, const char *name)
{
	char pattern[160];

	while (word_next(&patterns, '|', pattern, sizeof(pattern)))
		if (!fnmatch(pattern, name, 0))
			return true;
	return false;
}

const char *coverage_lacks(const struct coverage_functions *f)
{
	for (size_t n = 0; n < ARRAY_SIZE(path_rows); n++) {
		bool any = false;

		for (size_t i = 0; i < f->count; i++)
			any |= f->function[i].path &&
			       !strcmp(f->function[i].module, path_rows[n].module);
		if (!any)
			return path_rows[n].module;
	}
	return NULL;
}

void coverage_judge(struct coverage_functions *f)
{
	if (f->count)
		qsort(f->function, f->count, sizeof(*f->function), by_name);
	for (size_t i = 0; i < f->count; i++) {
		struct coverage_function *one = &f->function[i];

		one->path = false;
		one->reason = NULL;
		for (size_t n = 0; n < ARRAY_SIZE(path_rows); n++)
			one->path |= !strcmp(path_rows[n].module, one->module) &&
				     matches(path_rows[n].patterns, one->name);
		for (size_t n = 0; n < ARRAY_SIZE(reason_rows) && !one->reason; n++)
			if (matches(reason_rows[n].patterns, one->name))
				one->reason = reason_rows[n].reason;
	}
}
