// SPDX-License-Identifier: BSD-2-Clause
// `midflight coverage`: which functions of the nested save/restore path ran in L0, and which did
// not.
#include "host/commands/cmd.h"
#include "host/lab/coverage.h"
#include "host/base/json.h"
#include "host/cli/paths.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>

/* Reached, or why not. */
enum judgement { MISSING, LISTED, REACHED, JUDGEMENTS };

static const char *const words[JUDGEMENTS] = {"missing", "listed", "reached"};

static enum judgement judge(const struct coverage_function *f)
{
	return f->ran ? REACHED : f->reason ? LISTED : MISSING;
}

static void count(const struct coverage_functions *f, unsigned counts[JUDGEMENTS])
{
	for (size_t i = 0; i < f->count; i++)
		if (f->function[i].path && f->function[i].size)
			counts[judge(&f->function[i])]++;
}

/* The lines of @f that did not run, by file; from the first to the last of those in a row. */
static void print_missed(const struct coverage_function *f)
{
	const char *file = "";

	for (size_t i = 0; i < f->lines; i++) {
		const struct coverage_line *first = &f->line[i], *last = first;

		if (first->ran)
			continue;
		while (i + 1 < f->lines && !f->line[i + 1].ran &&
		       !strcmp(f->line[i + 1].file, first->file))
			last = &f->line[++i];
		if (strcmp(file, first->file))
			printf("%s            %s:", *file ? "\n" : "", first->file);
		printf(" %u", first->line);
		if (last != first)
			printf("-%u", last->line);
		file = first->file;
	}
	if (*file)
		printf("\n");
}

static void print_function(const struct coverage_function *f)
{
	printf("  %6zu of %6zu  %3zu %%  %s%s\n", f->ran, f->size, 100 * f->ran / f->size, f->name,
	       f->symbol ? "" : " (inlined)");
}

static bool is_one_of(const struct coverage_function *f, const char *module,
		      enum judgement judgement)
{
	return f->path && f->size && judge(f) == judgement && !strcmp(f->module, module);
}

/* Each reason once, with all functions that it is for. */
static void print_listed(const struct coverage_functions *f, const char *module)
{
	for (size_t i = 0; i < f->count; i++) {
		const char *reason = f->function[i].reason;
		bool told = false;

		if (!is_one_of(&f->function[i], module, LISTED))
			continue;
		for (size_t n = 0; n < i; n++)
			told |= is_one_of(&f->function[n], module, LISTED) &&
				f->function[n].reason == reason;
		if (told)
			continue;
		printf("  %s:\n", reason);
		for (size_t n = i; n < f->count; n++)
			if (is_one_of(&f->function[n], module, LISTED) &&
			    f->function[n].reason == reason)
				printf("    %s%s\n", f->function[n].name,
				       f->function[n].symbol ? "" : " (inlined)");
	}
}

static void print_those(const struct coverage_functions *f, const char *module,
			enum judgement judgement, const char *title, bool lines)
{
	bool any = false;

	for (size_t i = 0; i < f->count; i++) {
		const struct coverage_function *one = &f->function[i];

		if (!is_one_of(one, module, judgement))
			continue;
		if (!any)
			printf("\n%s, %s:\n", module, title);
		any = true;
		if (judgement == LISTED)
			continue;
		print_function(one);
		if (lines)
			print_missed(one);
	}
	if (judgement == LISTED)
		print_listed(f, module);
}

/* ---- lines, if there is debug information -------------------------------------------------- */

static enum judgement judge_line(const struct coverage_source_line *l)
{
	return l->ran ? REACHED : l->reason ? LISTED : MISSING;
}

/* Whether @l did not run, for @reason; NULL: without any. */
static bool is_for(const struct coverage_source_line *l, const char *reason)
{
	return !l->ran && (l->reason && reason ? !strcmp(l->reason, reason) : l->reason == reason);
}

/* The lines of @l to @end, all of one file, that did not run for @reason. */
static void print_source(const struct coverage_source_line *l,
			 const struct coverage_source_line *end, const char *reason)
{
	const char *function = NULL;

	for (; l < end; l++) {
		const struct coverage_source_line *last = l;

		if (!is_for(l, reason))
			continue;
		if (!function || strcmp(function, l->function))
			printf("%s    %s:", function ? "\n" : "", l->function);
		function = l->function;
		while (last + 1 < end && is_for(last + 1, reason) &&
		       !strcmp(last[1].function, function))
			last++;
		printf(last == l ? " %u" : " %u-%u", l->line, last->line);
		l = last;
	}
	if (function)
		printf("\n");
}

/* Whether a line in front of @l, from @first on, is listed for the same reason. */
static bool told(const struct coverage_source_line *first, const struct coverage_source_line *l)
{
	for (; first < l; first++)
		if (is_for(first, l->reason))
			return true;
	return false;
}

/* A file of which coverage_lines.def tells something: each line that did not run. */
static void print_file(const struct coverage_source_line *first,
		       const struct coverage_source_line *end, const size_t counts[JUDGEMENTS])
{
	bool stale = false;

	printf("\n%s: %zu lines with code: %zu ran, %zu listed with a reason, %zu missing; "
	       "%.1f %% of what this CPU model can reach\n",
	       first->file, (size_t)(end - first), counts[REACHED], counts[LISTED], counts[MISSING],
	       100.0 * (double)counts[REACHED] / (double)(counts[REACHED] + counts[MISSING]));
	printf("  missing:\n");
	print_source(first, end, NULL);
	for (const struct coverage_source_line *l = first; l < end; l++) {
		stale |= l->ran && l->reason;
		if (judge_line(l) != LISTED || told(first, l))
			continue;
		printf("  %s:\n", l->reason);
		print_source(first, end, l->reason);
	}
	if (stale)
		printf("  listed, and ran all the same:\n");
	for (const struct coverage_source_line *l = first; stale && l < end; l++)
		if (l->ran && l->reason)
			printf("    %s: %u\n", l->function, l->line);
}

/* The end of the file that begins with @l; @counts has how many lines are judged how. */
static const struct coverage_source_line *count_file(const struct coverage_source_line *l,
						     const struct coverage_source_line *end,
						     size_t counts[JUDGEMENTS])
{
	const char *file = l->file;

	memset(counts, 0, JUDGEMENTS * sizeof(*counts));
	for (; l < end && !strcmp(l->file, file); l++)
		counts[judge_line(l)]++;
	return l;
}

/* Each source file of @module. */
static void print_files(const struct coverage *c, const struct coverage_functions *f,
			const char *module)
{
	size_t count, counts[JUDGEMENTS];
	auto_free struct coverage_source_line *list = coverage_source(f, c->kernel, module, &count);
	const struct coverage_source_line *next, *end = list + count;

	if (count)
		printf("\n%s, lines with code that ran, of all in the file:\n", module);
	for (const struct coverage_source_line *l = list; l < end; l = next) {
		next = count_file(l, end, counts);
		printf("  %6zu of %6zu  %5.1f %%  %s\n", counts[REACHED], (size_t)(next - l),
		       100.0 * (double)counts[REACHED] / (double)(next - l), l->file);
	}
	for (const struct coverage_source_line *l = list; l < end; l = next) {
		next = count_file(l, end, counts);
		if (counts[LISTED])
			print_file(l, next, counts);
	}
}

static void print_all(const struct coverage_functions *f, const char *module)
{
	printf("\n%s, all functions:\n", module);
	for (size_t i = 0; i < f->count; i++)
		if (!strcmp(f->function[i].module, module) && f->function[i].size)
			print_function(&f->function[i]);
}

static void print(const struct options *o, const struct coverage *c,
		  const struct coverage_functions *f, const unsigned counts[JUDGEMENTS])
{
	printf("L0 ran Linux %s", c->kernel);
	for (unsigned i = 0; i < c->modules; i++)
		printf(", %s (%s)", c->module[i].name, c->module[i].build_id);
	printf("; %u run%s\n", c->runs, c->runs == 1 ? "" : "s");
	printf("Functions of the nested save/restore path: %u reached, %u not and listed with the "
	       "reason, %u not\n(bytes of code that ran, of all; name)\n",
	       counts[REACHED], counts[LISTED], counts[MISSING]);
	for (unsigned i = 0; i < c->modules; i++) {
		print_those(f, c->module[i].name, MISSING, "not reached", false);
		print_those(f, c->module[i].name, LISTED, "not reached, because of", false);
		print_those(f, c->module[i].name, REACHED, "reached", o->verbose);
		print_files(c, f, c->module[i].name);
		if (o->all)
			print_all(f, c->module[i].name);
	}
}

static int write_json(const struct options *o, const struct coverage *c,
		      const struct coverage_functions *f, const unsigned counts[JUDGEMENTS],
		      struct err *e)
{
	json_t *list = json_got(json_array()), *modules = json_got(json_array());
	json_auto_t *top = json_got(json_object());
	auto_free char *text = NULL;

	for (unsigned i = 0; i < c->modules; i++)
		json_append(modules, json_pack("{s:s, s:s}", "module", c->module[i].name,
					       "build_id", c->module[i].build_id));
	for (size_t i = 0; i < f->count; i++) {
		const struct coverage_function *one = &f->function[i];
		json_t *row;

		if (!one->size || (!one->path && !o->all))
			continue;
		row = json_got(json_pack("{s:s, s:s, s:I, s:I, s:b, s:b, s:s}", "module",
					 one->module, "name", one->name, "size",
					 (json_int_t)one->size, "ran", (json_int_t)one->ran,
					 "inlined", !one->symbol, "path", one->path, "judgement",
					 words[judge(one)]));
		json_set(row, "reason", json_text(one->reason));
		json_append(list, row);
	}
	json_set(top, "schema", json_text(COVERAGE_SCHEMA "-result"));
	json_set(top, "version", json_integer(COVERAGE_VERSION));
	json_set(top, "kernel", json_text(c->kernel));
	json_set(top, "modules", modules);
	json_set(top, "runs", json_integer(c->runs));
	for (enum judgement j = 0; j < JUDGEMENTS; j++)
		json_set(top, words[j], json_integer(counts[j]));
	json_set(top, "functions", list);
	text = json_dumps(top, JSON_INDENT(1));
	return text ? write_path(o->json, text, strlen(text), e) : err_errno(e, o->json);
}

int cmd_coverage(struct options *o)
{
	auto_free char *log = o->file_count ? NULL : default_log(executable_dir());
	char *const *files = log ? &log : o->files;
	const unsigned count_files = log ? 1 : o->file_count;
	unsigned counts[JUDGEMENTS] = {0};
	auto_by(coverage_free) struct coverage c = {0};
	auto_by(coverage_functions_free) struct coverage_functions f = {0};
	struct err e = {0};

	for (unsigned i = 0; i < count_files; i++)
		if (coverage_add(&c, files[i], &e))
			return give_up(e.text);
	coverage_functions(&c, &f);
	if (coverage_lacks(&f)) {
		err_set(&e, "%s: no function of the path in module %s: this is no record of KVM",
			files[0], coverage_lacks(&f));
		return give_up(e.text);
	}
	if (o->debug_info && coverage_debug_info(&c, o->debug_info, &f, &e))
		return give_up(e.text);
	count(&f, counts);
	print(o, &c, &f, counts);
	if (o->json && write_json(o, &c, &f, counts, &e))
		return give_up(e.text);
	return counts[MISSING] ? 1 : 0;
}
