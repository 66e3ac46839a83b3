// SPDX-License-Identifier: BSD-2-Clause
// What debug information adds to coverage: functions that were inlined, lines. Each byte of code is
// looked up by addr2line.
#include "host/lab/coverage.h"
#include "host/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A program under way, and what it prints. */
struct tool {
	const char *name;
	pid_t child;
	FILE *out;
};

/* Starts @argv, which is found in PATH and reads @in (NULL: nothing). 0, or -1 with @e filled. */
static int tool_start(struct tool *t, const char *const argv[], FILE *in, struct err *e)
{
	posix_spawn_file_actions_t actions;
	int fds[2], error;

	t->name = argv[0];
	if (pipe2(fds, O_CLOEXEC))
		return err_errno(e, t->name);
	posix_spawn_file_actions_init(&actions);
	if (in)
		posix_spawn_file_actions_adddup2(&actions, fileno(in), STDIN_FILENO);
	else
		posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	error = posix_spawnp(&t->child, t->name, &actions, NULL, (char *const *)(uintptr_t)argv,
			     environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	t->out = error ? NULL : fdopen(fds[0], "r");
	if (t->out)
		return 0;
	close(fds[0]);
	return err_set(e, "cannot start %s, of the package binutils: %s", t->name, strerror(error));
}

/* Waits for its end. 0, or -1 with @e filled: it failed. */
static int tool_end(struct tool *t, const char *file, struct err *e)
{
	char rest[4096];
	int status;
	pid_t got;

	while (fread(rest, 1, sizeof(rest), t->out))
		;
	fclose(t->out);
	do
		got = waitpid(t->child, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got == t->child && WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	return err_set(e, "%s cannot read %s", t->name, file);
}

/* The module of @c that @file belongs to, by its build id; NULL with @e filled. */
static const struct coverage_module *module_of(const struct coverage *c, const char *file,
					       struct err *e)
{
	const char *const argv[] = {"readelf", "-n", "--", file, NULL};
	char line[512], id[130] = "";
	struct tool t;

	if (access(file, R_OK)) {
		err_errno(e, file);
		return NULL;
	}
	if (tool_start(&t, argv, NULL, e))
		return NULL;
	while (fgets(line, sizeof(line), t.out))
		sscanf(line, " Build ID: %129s", id);
	if (tool_end(&t, file, e))
		return NULL;
	for (unsigned i = 0; i < c->modules; i++)
		if (!strcmp(c->module[i].build_id, id))
			return &c->module[i];
	err_set(e, "%s (build id %s) is not of a module that ran", file, *id ? id : "unknown");
	return NULL;
}

/* ---- addr2line's answers ------------------------------------------------------------------- */

/* Where a byte of code comes from. The one before it most often had the same. */
struct place {
	struct buf text;	/* what addr2line said of it */
	size_t *inlined, depth; /* functions, the innermost first, without the symbol's */
	size_t function, line;	/* the line, of that function */
	bool has_line;
};

static void empty(struct buf *b)
{
	b->len = 0;
	buf_append(b, "", 0);
}

static size_t line_of(struct coverage_function *f, const char *file, unsigned line)
{
	for (size_t i = f->lines; i-- > 0;)
		if (f->line[i].line == line && !strcmp(f->line[i].file, file))
			return i;
	f->line = xrealloc(f->line, (f->lines + 1) * sizeof(*f->line));
	f->line[f->lines] = (struct coverage_line){.file = xstrdup(file), .line = line};
	return f->lines++;
}

/* Understands @p->text: pairs of lines, function and FILE:LINE, from the inside to the outside. */
static void resolve(struct place *p, const char *module, struct coverage_functions *f)
{
	auto_free char *text = xstrdup(buf_text(&p->text));
	char *save = NULL, *name, *file, *colon, *slash;
	unsigned line;

	p->depth = 0;
	p->has_line = false;
	for (name = strtok_r(text, "\n", &save); name; name = strtok_r(NULL, "\n", &save)) {
		file = strtok_r(NULL, "\n", &save);
		if (!file || !coverage_is_name(name))
			break;
		p->inlined = xrealloc(p->inlined, (p->depth + 1) * sizeof(*p->inlined));
		p->inlined[p->depth] = coverage_function(f, module, name);
		colon = strrchr(file, ':');
		line = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
		if (!p->depth && line) {
			*colon = '\0';
			slash = strrchr(file, '/');
			file = slash ? slash + 1 : file;
			p->has_line = coverage_is_name(file);
			p->function = p->inlined[0];
			if (p->has_line)
				p->line = line_of(&f->function[p->function], file, line);
		}
		p->depth++;
	}
	if (p->depth)
		p->depth--; /* the outermost is the symbol itself, which is counted */
}

static void count(const struct place *p, struct coverage_functions *f, unsigned ran)
{
	for (size_t i = 0; i < p->depth; i++) {
		f->function[p->inlined[i]].size++;
		f->function[p->inlined[i]].ran += ran;
	}
	if (p->has_line) {
		struct coverage_line *line = &f->function[p->function].line[p->line];

		line->size++;
		line->ran += ran;
	}
}

/* All bytes of @m's symbols in @section. */
static int look_up(const struct coverage_module *m, const char *section, const char *file,
		   struct coverage_functions *f, struct err *e)
{
	const char *const argv[] = {"addr2line", "-a", "-f", "-i", "-j", section, "-e", file, NULL};
	struct place p = {0};
	auto_buf struct buf text = {0};
	auto_fclose FILE *in = tmpfile();
	auto_free char *line = NULL;
	struct tool t;
	size_t space = 0;
	bool more = true, failed;

	if (!in)
		return err_errno(e, "a temporary file");
	for (size_t i = 0; i < m->symbols; i++)
		for (uint32_t at = 0;
		     !strcmp(m->symbol[i].section, section) && at < m->symbol[i].size; at++)
			fprintf(in, "%#x\n", m->symbol[i].at + at);
	failed = fflush(in) || ferror(in);
	rewind(in);
	if (failed)
		return err_errno(e, "a temporary file");
	if (tool_start(&t, argv, in, e))
		return -1;
	more = getline(&line, &space, t.out) > 0; /* the first address */
	for (size_t i = 0; i < m->symbols; i++)
		for (uint32_t at = 0;
		     !strcmp(m->symbol[i].section, section) && at < m->symbol[i].size && more;
		     at++) {
			empty(&text);
			while ((more = getline(&line, &space, t.out) > 0) && strncmp(line, "0x", 2))
				buf_append(&text, line, strlen(line));
			if (strcmp(buf_text(&text), buf_text(&p.text))) {
				empty(&p.text);
				buf_append(&p.text, text.p, text.len);
				resolve(&p, m->name, f);
			}
			count(&p, f, m->symbol[i].ran[at]);
		}
	buf_free(&p.text);
	free(p.inlined);
	return tool_end(&t, file, e);
}

static int by_line(const void *a, const void *b)
{
	const struct coverage_line *l = a, *m = b;
	const int order = strcmp(l->file, m->file);

	return order ? order : (l->line > m->line) - (l->line < m->line);
}

int coverage_debug_info(const struct coverage *c, const char *file, struct coverage_functions *f,
			struct err *e)
{
	const struct coverage_module *m = module_of(c, file, e);

	for (size_t i = 0; m && i < m->symbols; i++) {
		size_t before = 0;

		while (before < i && strcmp(m->symbol[before].section, m->symbol[i].section))
			before++;
		if (before == i && look_up(m, m->symbol[i].section, file, f, e))
			return -1;
	}
	if (!m)
		return -1;
	for (size_t i = 0; i < f->count; i++)
		if (f->function[i].lines)
			qsort(f->function[i].line, f->function[i].lines,
			      sizeof(*f->function[i].line), by_line);
	coverage_judge(f);
	return 0;
}
