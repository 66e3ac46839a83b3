// SPDX-License-Identifier: BSD-2-Clause
// The same run on several kernels, with several modules or parameters of KVM, and one table.
#include "host/run_variants.h"
#include "host/cmd.h"
#include "host/json_util.h"
#include "host/paths.h"
#include "host/report_json.h"
#include "host/run.h"
#include "host/signals.h"

#include <dirent.h>
#include <fnmatch.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define CELL 34 /* the longest name of a known bug fits */

static const json_t *find_result(const json_t *run, const char *name)
{
	const json_t *list = json_object_get(run, "results"), *result;
	size_t i;

	json_array_foreach(list, i,
			   result) if (!strcmp(json_text_of(result, "name"), name)) return result;
	return NULL;
}

/* What a table says of @name: PASS, SKIP, FAIL, ... or the known bug. */
static const char *cell(const json_t *run, const char *name)
{
	const json_t *result = find_result(run, name);

	if (!result)
		return "-";
	return *json_text_of(result, "known") ? json_text_of(result, "known")
					      : json_text_of(result, "word");
}

static bool told(const char *name, void *const *runs, unsigned before)
{
	for (unsigned i = 0; i < before; i++)
		if (find_result(runs[i], name))
			return true;
	return false;
}

/* Whether all runs say the same of @name, which is PASS or SKIP. */
static bool plain(const char *name, void *const *runs, unsigned count, unsigned *passed)
{
	const char *first = cell(runs[0], name);

	for (unsigned i = 1; i < count; i++)
		if (strcmp(first, cell(runs[i], name)))
			return false;
	*passed += !strcmp(first, "PASS");
	return !strcmp(first, "PASS") || !strcmp(first, "SKIP");
}

static void row(FILE *out, const char *name, const char *const *cells, unsigned count)
{
	struct buf line = {0};

	buf_printf(&line, "%-*s", CELL, name);
	for (unsigned i = 0; i < count; i++)
		buf_printf(&line, "  %-*s", CELL, cells[i]);
	while (line.len && line.p[line.len - 1] == ' ')
		line.p[--line.len] = '\0';
	print_lines(out, "# ", line.p);
	buf_free(&line);
}

void variants_table(FILE *out, const char *const *names, void *const *runs, unsigned count)
{
	const char *cells[VARIANTS_MAX] = {0};
	unsigned same = 0, passed = 0;

	for (unsigned i = 0; i < count; i++)
		cells[i] = runs[i] ? json_text_of(runs[i], "kernel") : "no results";
	row(out, "", names, count);
	row(out, "result", cells, count);
	for (unsigned r = 0; r < count; r++) {
		const json_t *list = json_object_get(runs[r], "results"), *result;
		size_t n;

		json_array_foreach(list, n, result)
		{
			const char *name = json_text_of(result, "name");

			if (told(name, runs, r))
				continue;
			if (plain(name, runs, count, &passed)) {
				same++;
				continue;
			}
			for (unsigned i = 0; i < count; i++)
				cells[i] = cell(runs[i], name);
			row(out, name, cells, count);
		}
	}
	fprintf(out, "# %u results pass everywhere, %u are skipped everywhere\n", passed,
		same - passed);
}

/* The status of several runs from those of each. */
static int worse(int a, int b)
{
	static const int order[] = {4, 0, 2, 1}; /* from best to worst, but 4 only if all are */
	int rank[2] = {ARRAY_SIZE(order), ARRAY_SIZE(order)};

	for (int i = 0; i < (int)ARRAY_SIZE(order); i++) {
		rank[0] = a == order[i] ? i : rank[0];
		rank[1] = b == order[i] ? i : rank[1];
	}
	return rank[0] >= rank[1] ? a : b;
}

/* ---- which ---------------------------------------------------------------------------------- */

bool has_variants(const struct options *o)
{
	return o->kernels || o->each_module || o->each_params;
}

void variants_free(struct variant *list, int count)
{
	for (int i = 0; i < count; i++) {
		free(list[i].name);
		for (unsigned w = 0; w < list[i].words; w++)
			free(list[i].word[w]);
	}
}

/* What a value is called in a directory's name. */
static const char *value_name(const char *value)
{
	const char *slash = strrchr(value, '/');

	return slash ? slash + 1 : value;
}

/* Whether each of @values has a name of its own, fit for a directory. */
static int check_values(const char *option, char *const *values, unsigned number, struct err *e)
{
	for (unsigned i = 0; i < number; i++) {
		const char *name = value_name(values[i]);
		bool good = *name && *name != '.';

		for (unsigned n = 0; n < i; n++)
			good &= strcmp(name, value_name(values[n])) != 0;
		if (good)
			continue;
		err_set(e, "%s: '%s' has no name, or that of another", option, values[i]);
		return -1;
	}
	if (!number)
		err_set(e, "%s: there is none", option);
	return number ? 0 : -1;
}

/* @list of @count becomes each of them with each of @values of @option. The new count, or -1. */
static int multiply(struct variant *list, int count, const char *option, char *const *values,
		    unsigned number, struct err *e)
{
	struct variant made[VARIANTS_MAX] = {{0}};

	if (check_values(option, values, number, e))
		return -1;
	if ((unsigned)count * number > VARIANTS_MAX) {
		err_set(e, "%s: more than %d runs", option, VARIANTS_MAX);
		return -1;
	}
	for (unsigned i = 0; i < (unsigned)count * number; i++) {
		const struct variant *from = &list[i / number];
		const char *value = values[i % number];

		made[i].name =
			xasprintf("%s%s%s", from->name, *from->name ? "," : "", value_name(value));
		for (; made[i].words < from->words; made[i].words++)
			made[i].word[made[i].words] = xstrdup(from->word[made[i].words]);
		made[i].word[made[i].words++] = xstrdup(option);
		made[i].word[made[i].words++] = xstrdup(value);
	}
	variants_free(list, count);
	memcpy(list, made, (unsigned)count * number * sizeof(*list));
	return count * (int)number;
}

static int split(const char *text, const char *prefix, char **values, unsigned max)
{
	char word[160];
	unsigned count = 0;

	while (word_next(&text, ',', word, sizeof(word)) && count < max)
		values[count++] = xasprintf("%s%s", prefix, word);
	return (int)count;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_modules(const char *dir, char **values, struct err *e)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	unsigned count = 0;

	if (!d)
		return err_errno(e, dir);
	while ((entry = readdir(d)) && count < VARIANTS_MAX)
		if (!fnmatch("*.ko*", entry->d_name, FNM_PERIOD))
			values[count++] = xasprintf("%s/%s", dir, entry->d_name);
	closedir(d);
	qsort(values, count, sizeof(*values), by_text);
	return (int)count;
}

/* One more option, with @number values, which are freed; -1 for what listing them gave. */
static int add_axis(struct variant *list, int count, const char *option, char **values, int number,
		    struct err *e)
{
	int ret = number < 0 ? -1 : multiply(list, count, option, values, (unsigned)number, e);

	for (int i = 0; i < number; i++)
		free(values[i]);
	if (ret < 0)
		variants_free(list, count);
	return ret;
}

int variants_make(const struct options *o, struct variant *list, struct err *e)
{
	char *values[VARIANTS_MAX];
	int count = 1;

	list[0] = (struct variant){.name = xstrdup("")};
	if (o->kernels)
		count = add_axis(list, count, "--kernel", values,
				 split(o->kernels, "", values, VARIANTS_MAX), e);
	if (count > 0 && o->each_module)
		count = add_axis(list, count, "--kvm-intel", values,
				 list_modules(o->each_module, values, e), e);
	for (unsigned i = 0; count > 0 && i < o->each_params; i++) {
		const char *is = strchr(o->each_param[i], '=');
		char *name = xasprintf("%.*s", (int)(is - o->each_param[i]) + 1, o->each_param[i]);

		count = add_axis(list, count, "--kvm-param", values,
				 split(is + 1, name, values, VARIANTS_MAX), e);
		free(name);
	}
	return count;
}

/* ---- running ------------------------------------------------------------------------------- */

/* Runs @v into its part of @log. Its exit status; *@result is its result.json, or NULL. */
static int run_one(const struct options *o, const struct variant *v, const char *log, void **result)
{
	struct options one = *o;
	char *dir = xasprintf("%s/%s", log, v->name);
	char *results = xasprintf("%s/result.json", dir);
	struct buf command = {0};
	struct err e = {0};
	int status = 2;

	buf_printf(&command, "%s", o->shown_command);
	one.kernels = one.each_module = NULL;
	one.each_params = 0;
	one.log = dir;
	for (unsigned i = 0; i < v->words && one.l0_words < ARRAY_SIZE(one.l0); i++) {
		one.l0[one.l0_words++] = v->word[i];
		buf_printf(&command, " ");
		buf_shell_quote(&command, v->word[i]);
	}
	one.shown_command = command.p;
	printf("# midflight: %s\n", v->name);
	status = run(&one);
	*result = report_json_load(results, &e);
	buf_free(&command);
	free(results);
	free(dir);
	return status;
}

int run_variants(const struct options *o)
{
	char *log = o->log ? xstrdup(o->log) : default_log(executable_dir());
	struct variant list[VARIANTS_MAX];
	const char *names[VARIANTS_MAX] = {0};
	void *runs[VARIANTS_MAX] = {0};
	struct err e = {0};
	int count = variants_make(o, list, &e), status = 4;

	if (count < 0) {
		free(log);
		return fail(e.text);
	}
	for (int i = 0; i < count; i++) {
		names[i] = list[i].name;
		if (!signals_pending())
			status = worse(status, run_one(o, &list[i], log, &runs[i]));
	}
	variants_table(stdout, names, runs, (unsigned)count);
	printf("# midflight report %s makes one page of them\n", log);
	for (int i = 0; i < count; i++)
		json_decref(runs[i]);
	variants_free(list, count);
	free(log);
	return signals_pending() ? 128 + signals_pending() : status;
}
