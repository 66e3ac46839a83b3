// SPDX-License-Identifier: BSD-2-Clause
// The table scenario x (host from, host to).
#include "host/run/cross.h"
#include "host/base/cleanup.h"
#include "host/base/json.h"
#include "host/report/result_json.h"

#include <stdlib.h>
#include <string.h>

#define NAME_WIDTH 34
#define COLUMN	   4
#define REASON_MAX 80 /* bytes of a reason that are told */

/* What becomes of a result: a sign, and in words for one and for many. */
enum fate { SURVIVES, SKIPPED, KNOWN, CONTROL, REFUSED, WRONG, ERROR, FATES };
static const struct {
	char sign;
	const char *text;
} fates[FATES] = {
	[SURVIVES] = {'.', "survive"}, [SKIPPED] = {'-', "skipped"},
	[KNOWN] = {'K', "known bug"},  [CONTROL] = {'C', "fail without a restore, too"},
	[REFUSED] = {'R', "refused"},  [WRONG] = {'X', "wrong"},
	[ERROR] = {'!', "error"},
};

void cross_free(struct cross_table *t)
{
	for (unsigned i = 0; i < t->hosts; i++)
		for (unsigned n = 0; n < t->hosts; n++)
			json_decref(t->run[i][n]);
}

static bool passes(const json_t *run, const char *name)
{
	return !strcmp(json_text_of(report_json_find(run, name), "word"), "PASS");
}

/* What became of result @name, which may not be there. */
static enum fate fate(const struct cross_table *t, unsigned from, unsigned to, const char *name)
{
	const json_t *result = report_json_find(t->run[from][to], name);
	const char *word = json_text_of(result, "word");
	auto_free char *control = xasprintf("%s.control", json_text_of(result, "scenario"));

	if (!result || !strcmp(word, "SKIP"))
		return SKIPPED;
	if (!strcmp(word, "PASS"))
		return SURVIVES;
	if (json_member(result, "known"))
		return KNOWN;
	if (json_member(result, "refused"))
		return REFUSED;
	if (!passes(t->run[to][to], control))
		return CONTROL;
	return strcmp(word, "ERROR") ? WRONG : ERROR;
}

/* Why, or "". */
static const char *reason(const struct cross_table *t, unsigned from, unsigned to, const char *name)
{
	const json_t *result = report_json_find(t->run[from][to], name);
	const json_t *fails = json_object_get(result, "fails"),
		     *findings = json_object_get(result, "findings");

	switch (fate(t, from, to, name)) {
	case REFUSED:
		return json_text_of(result, "refused");
	case KNOWN:
		return json_text_of(result, "known");
	case WRONG:
	case ERROR:
		return json_array_size(fails)
			       ? json_text_of(json_array_get(fails, 0), "check")
			       : json_string_value(json_array_get(findings, 0)) ?: "";
	default:
		return "";
	}
}

/* The names of all results without controls, from the first host's own run. */
#define EACH_RESULT(t, i, result, name)                                           \
	json_array_foreach(json_object_get((t)->run[0][0], "results"), i, result) \
		for (const char *name = json_member_true(result, "control")       \
						? NULL                            \
						: json_text_of(result, "name");   \
		     name; name = NULL)

void cross_line(FILE *out, const struct cross_table *t, unsigned from, unsigned to)
{
	unsigned count[FATES] = {0};
	const json_t *result;
	const char *comma = "";
	size_t i;

	EACH_RESULT(t, i, result, name)
	count[fate(t, from, to, name)]++;
	fprintf(out, from == to ? "# %s: " : "# %s to %s: ", t->name[from], t->name[to]);
	for (unsigned f = 0; f < FATES; f++) {
		if (!count[f])
			continue;
		fprintf(out, "%s%u %s", comma, count[f], fates[f].text);
		comma = ", ";
	}
	fprintf(out, "\n");
}

static bool all_survive(const struct cross_table *t, const char *name)
{
	bool other = false;

	for (unsigned from = 0; from < t->hosts; from++)
		for (unsigned to = 0; to < t->hosts; to++)
			other |= t->run[from][to] && fate(t, from, to, name) > SKIPPED;
	return !other;
}

/* What a column is called: the name, or its number if one of them is too long. */
static const char *label(const struct cross_table *t, unsigned host, char text[16])
{
	for (unsigned i = 0; i < t->hosts; i++)
		if (strlen(t->name[i]) > COLUMN) {
			snprintf(text, 16, "(%u)", host + 1);
			return text;
		}
	return t->name[host];
}

static void heading(FILE *out, const struct cross_table *t)
{
	char text[16];

	for (unsigned i = 0; i < t->hosts; i++)
		if (label(t, i, text) == text)
			fprintf(out, "# %s %s\n", text, t->name[i]);
	fprintf(out, "# %-*s", NAME_WIDTH, "from");
	for (unsigned from = 0; from < t->hosts; from++)
		fprintf(out, " %-*s", (int)((COLUMN + 1) * t->hosts - 1), label(t, from, text));
	fprintf(out, "\n# %-*s", NAME_WIDTH, "to");
	for (unsigned from = 0; from < t->hosts; from++)
		for (unsigned to = 0; to < t->hosts; to++)
			fprintf(out, " %-*s", COLUMN, label(t, to, text));
	fprintf(out, "\n");
}

/* The signs of a result, and each known bug of it once. */
static void row(FILE *out, const struct cross_table *t, const char *name)
{
	auto_buf struct buf bugs = {0};

	fprintf(out, "# %-*s", NAME_WIDTH, name);
	for (unsigned from = 0; from < t->hosts; from++)
		for (unsigned to = 0; to < t->hosts; to++) {
			const enum fate f = fate(t, from, to, name);
			const char *why = f == KNOWN ? reason(t, from, to, name) : "";

			fprintf(out, " %c   ", t->run[from][to] ? fates[f].sign : ' ');
			if (*why && !word_in(buf_text(&bugs), ' ', why))
				buf_printf(&bugs, "%s%s", bugs.len ? " " : "", why);
		}
	fprintf(out, "%s\n", buf_text(&bugs));
}

static void rows(FILE *out, const struct cross_table *t)
{
	const json_t *result;
	size_t i;

	EACH_RESULT(t, i, result, name)
	if (!all_survive(t, name))
		row(out, t, name);
}

/* Each reason of the flights from @from to @to that is no known bug once, with how many it is said
 * of. */
static void reasons(FILE *out, const struct cross_table *t, unsigned from, unsigned to)
{
	json_auto_t *counts = json_got(json_object());
	const json_t *result;
	size_t i;

	EACH_RESULT(t, i, result, name)
	{
		const enum fate f = fate(t, from, to, name);
		auto_free char *why =
			xasprintf("%c %.*s", fates[f].sign, REASON_MAX, reason(t, from, to, name));

		if (f > CONTROL)
			json_set(counts, why, json_integer(1 + json_member_integer(counts, why)));
	}
	for (void *at = json_object_iter(counts); at; at = json_object_iter_next(counts, at))
		fprintf(out, "# %s to %s: %lld %s\n", t->name[from], t->name[to],
			json_integer_value(json_object_iter_value(at)), json_object_iter_key(at));
}

void cross_print(FILE *out, const struct cross_table *t)
{
	const char *comma = "";

	fprintf(out, "#\n");
	heading(out, t);
	rows(out, t);
	fprintf(out, "# ");
	for (unsigned f = 0; f < FATES; f++, comma = ", ")
		fprintf(out, "%s%c %s", comma, fates[f].sign, fates[f].text);
	fprintf(out, "\n# all other results survive everywhere\n");
	for (unsigned from = 0; from < t->hosts; from++)
		for (unsigned to = 0; to < t->hosts; to++)
			reasons(out, t, from, to);
}
