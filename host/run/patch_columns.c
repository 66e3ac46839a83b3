// SPDX-License-Identifier: BSD-2-Clause
// A patch to KVM on trial: beside the unpatched kernel, which it is compared with result by result.
#include "host/run/patch_columns.h"
#include "host/base/cleanup.h"
#include "host/base/json.h"
#include "host/base/signals.h"
#include "host/lab/lab.h"
#include "host/report/result_json.h"

#include <fnmatch.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define UNPATCHED	"unpatched"
#define NAME_MAX_LENGTH 100

/* ---- which ---------------------------------------------------------------------------------- */

/*
 * One file, or directory, without where it lies and without its ending, fit for a directory's name;
 * false: it has no such name.
 */
static bool add_name(struct buf *name, char *file)
{
	const char *base, *end;

	for (size_t n = strlen(file); n > 1 && file[n - 1] == '/';)
		file[--n] = '\0';
	base = basename(file);
	end = strrchr(base, '.');
	buf_printf(name, "%s%.*s", name->len ? "+" : "",
		   (int)(end ? (size_t)(end - base) : strlen(base)), base);
	return *base && *base != '.';
}

/* FILE,FILE...: what the column is called. Of many the first, and how many more. */
static char *name_of(const char *files, struct err *e)
{
	const size_t size = strlen(files) + 1;
	auto_free char *file = xcalloc(1, size);
	auto_buf struct buf name = {0};
	unsigned more = 0;
	bool good = true;

	for (const char *at = files; good && word_next(&at, ',', file, size);) {
		if (name.len + strlen(file) > NAME_MAX_LENGTH && name.len)
			more++;
		else
			good = add_name(&name, file);
	}
	if (more)
		buf_printf(&name, "+%u", more);
	return good && name.len ? keep(name.p)
				: err_as(NULL, e, "--patch: '%s' names no file", files);
}

static void copy_variant(struct variant *to, const struct variant *from, const char *name)
{
	to->name = xasprintf("%s%s%s", from->name, *from->name ? "," : "", name);
	for (to->words = 0; to->words < from->words; to->words++)
		to->word[to->words] = xstrdup(from->word[to->words]);
}

int patch_columns_make(const struct options *o, const struct variant *list, int count,
		       struct variant *made, struct err *e)
{
	const unsigned columns = o->patches + 1, number = (unsigned)count * columns;
	char *name[L0_OPTIONS_MAX + 1] = {xstrdup(UNPATCHED)};
	bool good = number <= VARIANTS_MAX;

	if (!good)
		err_set(e, "--patch: %u runs, but no more than %d go into one table", number,
			VARIANTS_MAX);
	for (unsigned p = 1; good && p < columns; p++) {
		name[p] = name_of(o->patch[p - 1], e);
		good = name[p] != NULL;
		for (unsigned n = 0; good && n < p; n++)
			if (!strcmp(name[n], name[p])) {
				err_set(e, "--patch: two are called '%s'", name[p]);
				good = false;
			}
	}
	for (unsigned i = 0; good && i < number; i++) {
		copy_variant(&made[i], &list[i / columns], name[i % columns]);
		if (i % columns) {
			made[i].word[made[i].words++] = xstrdup("--patch");
			made[i].word[made[i].words++] = xstrdup(o->patch[i % columns - 1]);
		}
	}
	for (unsigned p = 0; p < columns; p++)
		free(name[p]);
	return good ? (int)number : -1;
}

int patch_columns_build(const struct options *o, const struct variant *list, unsigned count)
{
	struct err e = {0};

	for (unsigned i = 0; i < count; i++) {
		struct options one = *o;
		int status;

		for (unsigned w = 0; w < list[i].words; w++)
			one.l0[one.l0_words++] = list[i].word[w];
		status = lab_build(&one, &e);
		if (signals_pending())
			return 128 + signals_pending();
		if (status)
			return status < 0 ? give_up(e.text) : 2;
	}
	return 0;
}

/* ---- what changed --------------------------------------------------------------------------- */

enum change { CURED, BROKE, STILL, OTHER, SAME, CHANGES };

static const char *const change_names[] = {
	[CURED] = "cured", [BROKE] = "broke", [STILL] = "still", [OTHER] = "other failure"};

static bool is(const json_t *result, enum word word)
{
	return result && report_json_word(result) == (int)word;
}

static bool is_bad(const json_t *result)
{
	return result && !is(result, WORD_PASS) && !is(result, WORD_SKIP);
}

/* Whether lists @key of both have the same in members @a and @b, however often in a row. */
static bool alike(const json_t *one, const json_t *other, const char *key, const char *a,
		  const char *b)
{
	const json_t *x = json_object_get(one, key), *y = json_object_get(other, key);
	size_t i = 0, n = 0;

	while (i < json_array_size(x) && n < json_array_size(y)) {
		const json_t *p = json_array_get(x, i), *q = json_array_get(y, n);

		if (strcmp(json_text_of(p, a), json_text_of(q, a)) ||
		    strcmp(json_text_of(p, b), json_text_of(q, b)))
			return false;
		while (json_equal(json_object_get(json_array_get(x, i), a), json_object_get(p, a)))
			i++;
		while (json_equal(json_object_get(json_array_get(y, n), a), json_object_get(q, a)))
			n++;
	}
	return i == json_array_size(x) && n == json_array_size(y);
}

/* The same word, and the same known bug or, if it is none, the same checks. */
static bool same_failure(const json_t *before, const json_t *after)
{
	const char *known = json_text_of(before, "known");

	if (strcmp(json_text_of(before, "word"), json_text_of(after, "word")) ||
	    strcmp(known, json_text_of(after, "known")))
		return false;
	return *known || (alike(before, after, "fails", "check", "check") &&
			  alike(before, after, "oracles", "field", "oracle"));
}

static enum change change_of(const json_t *before, const json_t *after)
{
	if (is_bad(before)) {
		if (is(after, WORD_PASS))
			return CURED;
		return is_bad(after) && same_failure(before, after) ? STILL : OTHER;
	}
	return is_bad(after) || (is(before, WORD_PASS) && !is(after, WORD_PASS)) ? BROKE : SAME;
}

/* "word", or what the bug is called. */
static const char *what_of(const json_t *result)
{
	const char *known = json_text_of(result, "known");

	return !result ? "not flown" : *known ? known : json_text_of(result, "word");
}

static void add(struct buf *text, enum change change, const char *name, const json_t *before,
		const json_t *after)
{
	buf_printf(text, "  %s", name);
	if (change == CURED || change == STILL)
		buf_printf(text, " (%s)", what_of(before));
	else
		buf_printf(text, " (%s, was %s)", what_of(after), what_of(before));
}

/* One column beside another. The number of each change goes into @counts. */
static void compare(FILE *out, const char *name, const json_t *before, const json_t *after,
		    unsigned counts[CHANGES])
{
	const json_t *runs[] = {before, after}, *result;
	struct buf text[CHANGES] = {{0}};
	size_t n;

	for (unsigned r = 0; r < ARRAY_SIZE(runs); r++) {
		json_array_foreach(json_object_get(runs[r], "results"), n, result) {
			const char *called = json_text_of(result, "name");
			const json_t *old = r ? report_json_find(before, called) : result;
			const json_t *new = r ? result : report_json_find(after, called);
			const enum change change = change_of(old, new);

			if (r && old)
				continue;
			counts[change]++;
			if (change != SAME)
				add(&text[change], change, called, old, new);
		}
	}
	fprintf(out, "# %s:\n", name);
	for (enum change change = 0; change < SAME; change++) {
		auto_free char *line = xasprintf("  %-13s %4u%s", change_names[change],
						 counts[change], buf_text(&text[change]));

		print_wrapped(out, "# ", line);
	}
	fprintf(out, "#   %-13s %4u\n", "the rest", counts[SAME]);
	for (enum change change = 0; change < SAME; change++)
		buf_free(&text[change]);
}

void columns_against(FILE *out, const struct variant *list, void *const *runs, unsigned count,
		     unsigned baseline)
{
	for (unsigned i = 0; i < count; i++) {
		auto_free char *name =
			xasprintf("%s, against %s", list[i].name, list[baseline].name);
		unsigned counts[CHANGES] = {0};

		if (i == baseline)
			continue;
		if (runs[i] && runs[baseline])
			compare(out, name, runs[baseline], runs[i], counts);
		else
			fprintf(out, "# %s: there is nothing to compare\n", name);
	}
}

/* Which of the patterns of --expect-cure is not cured. Their number. */
static unsigned uncured(FILE *out, const char *name, const char *patterns, const json_t *before,
			const json_t *after)
{
	const size_t size = strlen(patterns) + 1;
	auto_free char *pattern = xcalloc(1, size);
	unsigned missed = 0;

	while (word_next(&patterns, ',', pattern, size)) {
		const json_t *result;
		unsigned cured = 0;
		size_t n;

		json_array_foreach(json_object_get(before, "results"), n, result) {
			const char *called = json_text_of(result, "name");
			const json_t *now = report_json_find(after, called);

			if (fnmatch(pattern, called, 0) || !is_bad(result))
				continue;
			cured++;
			if (change_of(result, now) == CURED)
				continue;
			missed++;
			fprintf(out, "# %s: not cured, but expected: %s\n", name, called);
		}
		if (cured)
			continue;
		missed++;
		fprintf(out, "# %s: not cured, but expected: '%s' fails nowhere unpatched\n", name,
			pattern);
	}
	return missed;
}

int patch_columns_tell(FILE *out, const struct options *o, const struct variant *list,
		       void *const *runs, unsigned count, int status)
{
	const unsigned columns = o->patches + 1;
	bool failed = false;

	for (unsigned i = 0; i < count; i++) {
		const json_t *before = runs[i - i % columns], *after = runs[i];
		unsigned counts[CHANGES] = {0};

		if (!(i % columns))
			continue;
		if (!before || !after) {
			fprintf(out, "# %s: there is nothing to compare\n", list[i].name);
			return status > 1 && status != 4 ? status : 2;
		}
		compare(out, list[i].name, before, after, counts);
		failed |= counts[BROKE] > 0;
		if (o->expect_cure)
			failed |= uncured(out, list[i].name, o->expect_cure, before, after) > 0;
	}
	if (failed)
		return status == 2 ? 2 : 1;
	return status == 1 ? 0 : status;
}
