// SPDX-License-Identifier: BSD-2-Clause
// Lines of source: those of all functions put together, and judged by coverage_lines.def.
#include "host/lab/coverage.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static const struct lines_row {
	const char *release, *file, *function, *lines, *reason;
} rows[] = {
#define LINES(release, file, function, lines, reason) {release, file, function, lines, reason},
#include "host/lab/coverage_lines.def"
#undef LINES
};

/* "6.12.117" is that of 6.12.117+deb13-cloud-amd64, not of 6.12.1170; "" is that of all. */
static bool is_release(const char *release, const char *kernel)
{
	const size_t len = strlen(release);

	return !len || (!strncmp(kernel, release, len) &&
			!strchr("0123456789.", kernel[len] ? kernel[len] : '+'));
}

/* Whether @line is in @lines, as in "7 9-12"; "" has all. */
static bool has_line(const char *lines, unsigned line)
{
	char word[32];

	if (!*lines)
		return true;
	while (word_next(&lines, ' ', word, sizeof(word))) {
		unsigned first, last;
		const int n = sscanf(word, "%u-%u", &first, &last);

		if (n > 0 && line >= first && line <= (n > 1 ? last : first))
			return true;
	}
	return false;
}

static const char *reason_of(const char *kernel, const char *function,
			     const struct coverage_line *line)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (is_release(rows[i].release, kernel) && !strcmp(rows[i].file, line->file) &&
		    !fnmatch(rows[i].function, function, 0) && has_line(rows[i].lines, line->line))
			return rows[i].reason;
	return NULL;
}

static int by_place(const void *a, const void *b)
{
	const struct coverage_source_line *l = a, *m = b;
	const int order = strcmp(l->file, m->file);

	return order ? order : (l->line > m->line) - (l->line < m->line);
}

/* Puts those of the same place together: it ran if one of them did, and what is told of that
 * counts. */
static size_t fold(struct coverage_source_line *list, size_t count)
{
	size_t to = 0;

	if (count)
		qsort(list, count, sizeof(*list), by_place);
	for (size_t i = 1; i < count; i++) {
		struct coverage_source_line *one = &list[to];

		if (by_place(one, &list[i])) {
			list[++to] = list[i];
			continue;
		}
		if (one->ran == list[i].ran ? !one->reason : list[i].ran)
			one->reason = list[i].reason;
		one->ran |= list[i].ran;
		if (list[i].size > one->size) {
			one->size = list[i].size;
			one->function = list[i].function;
		}
	}
	return count ? to + 1 : 0;
}

struct coverage_source_line *coverage_source(const struct coverage_functions *f, const char *kernel,
					     const char *module, size_t *count)
{
	struct coverage_source_line *list = NULL;
	size_t n = 0;

	for (size_t i = 0; i < f->count; i++) {
		const struct coverage_function *one = &f->function[i];

		if (strcmp(one->module, module) || !one->lines)
			continue;
		list = xrealloc(list, (n + one->lines) * sizeof(*list));
		for (size_t l = 0; l < one->lines; l++)
			list[n++] = (struct coverage_source_line){
				.file = one->line[l].file,
				.function = one->name,
				.line = one->line[l].line,
				.size = one->line[l].size,
				.ran = one->line[l].ran > 0,
				.reason = reason_of(kernel, one->name, &one->line[l])};
	}
	*count = fold(list, n);
	return list;
}
