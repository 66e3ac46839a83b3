// SPDX-License-Identifier: BSD-2-Clause
// Several runs as one table: a column for each, a row for each result that is not the same in all.
#include "host/base/cleanup.h"
#include "host/base/json.h"
#include "host/report/result_json.h"
#include "host/run/run.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define CELL_SHORT 8 /* longer ones become notes below a table that is too wide */
#define GAP	   2 /* blanks between two columns */

struct table {
	unsigned columns;
	const char **cell; /* [row][1 + columns]: first what the row is */
	unsigned rows;
	const char **alike; /* what results are that are the same in all runs, each once, ... */
	unsigned *alikes;   /* ... and how many are that */
	unsigned kinds;
	const char **note; /* cells that are told below */
	unsigned notes;
};

/* What a table says of @name: PASS, SKIP, FAIL, ... or the known bug. */
static const char *cell_of(const json_t *run, const char *name)
{
	const json_t *result = report_json_find(run, name);

	if (!result)
		return "-";
	return *json_text_of(result, "known") ? json_text_of(result, "known")
					      : json_text_of(result, "word");
}

static bool told(const char *name, void *const *runs, unsigned before)
{
	for (unsigned i = 0; i < before; i++)
		if (report_json_find(runs[i], name))
			return true;
	return false;
}

static bool all_same(const char *const *cells, unsigned count)
{
	for (unsigned i = 1; i < count; i++)
		if (strcmp(cells[i], cells[0]))
			return false;
	return true;
}

/* The place of @text in @list, at whose end it is put if it is not there. */
static unsigned place(const char ***list, unsigned *count, const char *text)
{
	unsigned i = 0;

	while (i < *count && strcmp((*list)[i], text))
		i++;
	if (i == *count) {
		*list = xrealloc(*list, (*count + 1) * sizeof(**list));
		(*list)[(*count)++] = text;
	}
	return i;
}

static void count_alike(struct table *t, const char *text)
{
	const unsigned before = t->kinds, i = place(&t->alike, &t->kinds, text);

	if (t->kinds > before) {
		t->alikes = xrealloc(t->alikes, t->kinds * sizeof(*t->alikes));
		t->alikes[i] = 0;
	}
	t->alikes[i]++;
}

static void add_row(struct table *t, const char *name, const char *const *cells)
{
	const size_t wide = t->columns + 1, at = t->rows++ * wide;

	t->cell = xrealloc(t->cell, (at + wide) * sizeof(*t->cell));
	t->cell[at] = name;
	for (unsigned i = 0; i < t->columns; i++)
		t->cell[at + 1 + i] = cells[i];
}

static void fill(struct table *t, void *const *runs)
{
	const char *cells[VARIANTS_MAX] = {0};

	for (unsigned r = 0; r < t->columns; r++) {
		const json_t *list = json_object_get(runs[r], "results"), *result;
		size_t n;

		json_array_foreach(list, n, result) {
			const char *name = json_text_of(result, "name");

			if (told(name, runs, r))
				continue;
			for (unsigned i = 0; i < t->columns; i++)
				cells[i] = cell_of(runs[i], name);
			if (all_same(cells, t->columns))
				count_alike(t, cells[0]);
			else
				add_row(t, name, cells);
		}
	}
}

/* Bytes of the widest cell of column @c, 0 that of the rows' names. */
static size_t width(const struct table *t, unsigned c)
{
	size_t most = 0;

	for (unsigned r = 0; r < t->rows; r++) {
		const size_t len = strlen(t->cell[(size_t)r * (t->columns + 1) + c]);

		if (len > most)
			most = len;
	}
	return most;
}

static size_t whole_width(const struct table *t)
{
	size_t sum = strlen("# ");

	for (unsigned c = 0; c <= t->columns; c++)
		sum += width(t, c) + (c ? GAP : 0);
	return sum;
}

/* @cell, or the number of the note that has it. */
static const char *note(struct table *t, const char *cell)
{
	static char numbers[1000][8];
	unsigned n;

	if (strlen(cell) <= CELL_SHORT)
		return cell;
	n = place(&t->note, &t->notes, cell);
	if (n >= ARRAY_SIZE(numbers))
		return cell;
	snprintf(numbers[n], sizeof(numbers[n]), "[%u]", n + 1);
	return numbers[n];
}

static void print(FILE *out, const struct table *t)
{
	for (unsigned r = 0; r < t->rows; r++) {
		auto_buf struct buf line = {0};

		for (unsigned c = 0; c <= t->columns; c++)
			buf_printf(&line, "%s%-*s", c ? "  " : "", (int)width(t, c),
				   t->cell[(size_t)r * (t->columns + 1) + c]);
		while (line.len && line.p[line.len - 1] == ' ')
			line.p[--line.len] = '\0';
		print_lines(out, "# ", line.p);
	}
	for (unsigned n = 0; n < t->notes; n++) {
		auto_free char *text = xasprintf("[%u] %s", n + 1, t->note[n]);

		print_wrapped(out, "# ", text);
	}
}

static void print_alike(FILE *out, const struct table *t)
{
	auto_buf struct buf line = {0};
	unsigned sum = 0;

	for (unsigned i = 0; i < t->kinds; i++)
		sum += t->alikes[i];
	buf_printf(&line, "%u results are the same everywhere%s", sum, sum ? ":" : "");
	for (unsigned i = 0; i < t->kinds; i++)
		buf_printf(&line, "%s %u %s", i ? "," : "", t->alikes[i], t->alike[i]);
	print_wrapped(out, "# ", line.p);
}

void variants_table(FILE *out, const char *const *names, void *const *runs, unsigned count)
{
	struct table t = {.columns = count};
	const char *kernels[VARIANTS_MAX] = {0};

	for (unsigned i = 0; i < count; i++)
		kernels[i] = runs[i] ? json_text_of(runs[i], "kernel") : "no results";
	add_row(&t, "", names);
	if (!all_same(kernels, count))
		add_row(&t, "result", kernels);
	fill(&t, runs);
	if (whole_width(&t) > LINE_WIDTH)
		for (size_t i = 0; i < (size_t)t.rows * (count + 1); i++)
			if (i % (count + 1))
				t.cell[i] = note(&t, t.cell[i]);
	if (all_same(kernels, count))
		fprintf(out, "# all on Linux %s\n", kernels[0]);
	print(out, &t);
	print_alike(out, &t);
	free(t.cell);
	free(t.alike);
	free(t.alikes);
	free(t.note);
}
