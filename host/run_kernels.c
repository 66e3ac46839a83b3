// SPDX-License-Identifier: BSD-2-Clause
// `midflight run --kernel A,B,...`: the same run on one kernel after the other, and one table.
#include "host/run_kernels.h"
#include "host/cmd.h"
#include "host/json_util.h"
#include "host/paths.h"
#include "host/report_json.h"
#include "host/run.h"
#include "host/signals.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define KERNELS_MAX 16
#define CELL	    34 /* the longest name of a known bug fits */

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

void kernels_table(FILE *out, const char *const *names, void *const *runs, unsigned count)
{
	const char *cells[KERNELS_MAX] = {0};
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
	fprintf(out, "# %u results pass on all kernels, %u are skipped on all\n", passed,
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

int run_kernels(const struct options *o)
{
	char *log = o->log ? xstrdup(o->log) : default_log(executable_dir());
	char *names[KERNELS_MAX] = {0}, word[128];
	void *runs[KERNELS_MAX] = {0};
	const char *list = o->kernels;
	unsigned count = 0;
	int status = 4;
	struct err e = {0};

	while (word_next(&list, ',', word, sizeof(word)))
		if (!*word || strpbrk(word, "/") || count == KERNELS_MAX) {
			free(log);
			return fail("--kernel: several are versions, separated by commas");
		} else {
			names[count++] = xstrdup(word);
		}
	for (unsigned i = 0; i < count && !signals_pending(); i++) {
		struct options one = *o;
		char *dir = xasprintf("%s/%s", log, names[i]);
		char *command = xasprintf("%s --kernel %s", o->shown_command, names[i]);
		char *results = xasprintf("%s/result.json", dir);

		one.kernels = NULL;
		one.log = dir;
		one.shown_command = command;
		one.l0[one.l0_words++] = "--kernel";
		one.l0[one.l0_words++] = names[i];
		printf("# midflight: kernel %s\n", names[i]);
		status = worse(status, run(&one));
		runs[i] = report_json_load(results, &e);
		free(results);
		free(command);
		free(dir);
	}
	kernels_table(stdout, (const char *const *)names, runs, count);
	printf("# midflight report %s/* makes one page of them\n", log);
	for (unsigned i = 0; i < count; i++) {
		json_decref(runs[i]);
		free(names[i]);
	}
	free(log);
	return signals_pending() ? 128 + signals_pending() : status;
}
