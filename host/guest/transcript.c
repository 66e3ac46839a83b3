// SPDX-License-Identifier: BSD-2-Clause
// The lines of a guest, and what differs between two boots of it. Lines that are lost, doubled or
// different are few: the comparison looks for the next place, near by, where both agree again.
#include "host/guest/transcript.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>

#define NEAR	   200 /* lines within which both must agree again */
#define AGREED	   2   /* lines in a row that are no chance */
#define REGEX_TEXT 200

static void end_line(struct transcript *t, unsigned freezes)
{
	char *text = xstrdup(buf_text(&t->partial));

	make_printable(text);
	if (t->lines == t->room) {
		t->room = t->room ? 2 * t->room : 256;
		t->line = xrealloc(t->line, t->room * sizeof(*t->line));
	}
	t->line[t->lines++] = (struct transcript_line){text, freezes};
	t->partial.len = 0;
	if (t->partial.p)
		t->partial.p[0] = '\0';
}

void transcript_add(struct transcript *t, const char *bytes, size_t len, unsigned freezes)
{
	t->bytes += len;
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n')
			end_line(t, freezes);
		else if (bytes[i] != '\r' && t->partial.len < TRANSCRIPT_LINE_MAX)
			buf_append(&t->partial, bytes[i] ? &bytes[i] : "?", 1);
	}
}

void transcript_end(struct transcript *t, unsigned freezes)
{
	if (t->partial.len)
		end_line(t, freezes);
}

void transcript_free(struct transcript *t)
{
	for (size_t i = 0; i < t->lines; i++)
		free(t->line[i].text);
	free(t->line);
	buf_free(&t->partial);
	memset(t, 0, sizeof(*t));
}

const struct transcript_line *transcript_find(const struct transcript *t, const regex_t *pattern)
{
	for (size_t i = 0; i < t->lines; i++)
		if (!regexec(pattern, t->line[i].text, 0, NULL, 0))
			return &t->line[i];
	return NULL;
}

int patterns_add(struct patterns *p, const char *text, struct err *e)
{
	char why[REGEX_TEXT];
	int ret;

	p->list = xrealloc(p->list, (p->count + 1) * sizeof(*p->list));
	ret = regcomp(&p->list[p->count], text, REG_EXTENDED | REG_NEWLINE);
	if (ret) {
		regerror(ret, &p->list[p->count], why, sizeof(why));
		return err_set(e, "'%s' is no regular expression: %s", text, why);
	}
	p->count++;
	return 0;
}

void patterns_free(struct patterns *p)
{
	for (unsigned i = 0; i < p->count; i++)
		regfree(&p->list[i]);
	free(p->list);
	memset(p, 0, sizeof(*p));
}

/* ---- comparing ------------------------------------------------------------------------------ */

/* @text without what @ignored matches. The caller frees it. */
static char *cut(const char *text, const struct patterns *ignored)
{
	char *copy = xstrdup(text);

	for (unsigned i = 0; i < ignored->count; i++) {
		char *at = copy;
		regmatch_t m;

		while (*at && !regexec(&ignored->list[i], at, 1, &m, at == copy ? 0 : REG_NOTBOL)) {
			if (m.rm_so == m.rm_eo) /* of nothing there is nothing to cut */
				break;
			memmove(at + m.rm_so, at + m.rm_eo, strlen(at + m.rm_eo) + 1);
			at += m.rm_so;
		}
	}
	return copy;
}

struct side {
	const struct transcript_line **line;
	char **text; /* what of each line is compared */
	size_t lines, at;
};

/* A line of which nothing is left is none. */
static void side_begin(struct side *s, const struct transcript *t, const struct patterns *ignored)
{
	*s = (struct side){.line = xcalloc(t->lines + 1, sizeof(*s->line)),
			   .text = xcalloc(t->lines + 1, sizeof(char *))};
	for (size_t i = 0; i < t->lines; i++) {
		char *text = cut(t->line[i].text, ignored);

		if (!*text && *t->line[i].text) {
			free(text);
			continue;
		}
		s->line[s->lines] = &t->line[i];
		s->text[s->lines++] = text;
	}
}

static void side_end(struct side *s)
{
	for (size_t i = 0; i < s->lines; i++)
		free(s->text[i]);
	free(s->text);
	free(s->line);
}

/* Whether both agree from @a lines further in @x and @b in @y on. */
static bool agree(const struct side *x, size_t a, const struct side *y, size_t b)
{
	for (unsigned n = 0; n < AGREED; n++) {
		const bool x_ends = x->at + a + n == x->lines, y_ends = y->at + b + n == y->lines;

		if (x_ends || y_ends)
			return x_ends && y_ends;
		if (strcmp(x->text[x->at + a + n], y->text[y->at + b + n]))
			return false;
	}
	return true;
}

/* How many lines of each are skipped until they agree again; all that is left if they never do. */
static void skip_to_agreement(const struct side *x, size_t *a, const struct side *y, size_t *b)
{
	const size_t left_x = x->lines - x->at, left_y = y->lines - y->at;

	for (size_t sum = 1; sum <= 2 * NEAR; sum++)
		for (*a = sum > left_y ? sum - left_y : 0; *a <= sum && *a <= left_x; ++*a) {
			*b = sum - *a;
			if (agree(x, *a, y, *b))
				return;
		}
	*a = left_x;
	*b = left_y;
}

static const char *what_differs(const struct side *run, bool expected, bool found)
{
	if (expected && found)
		return "another line";
	if (expected)
		return "a line is missing";
	if (run->at && !strcmp(run->text[run->at], run->text[run->at - 1]))
		return "a line is doubled";
	return "a line too many";
}

static const struct transcript_line *last_test(const struct side *s, const regex_t *test)
{
	for (size_t i = s->at; test && i--;)
		if (!regexec(test, s->line[i]->text, 0, NULL, 0))
			return s->line[i];
	return NULL;
}

unsigned transcript_compare(const struct transcript *control, const struct transcript *run,
			    const struct patterns *ignored, const regex_t *test,
			    void (*tell)(void *arg, const struct transcript_difference *d),
			    void *arg)
{
	struct side x, y;
	unsigned places = 0;

	side_begin(&x, control, ignored);
	side_begin(&y, run, ignored);
	while (x.at < x.lines || y.at < y.lines) {
		size_t a, b;

		if (x.at < x.lines && y.at < y.lines && !strcmp(x.text[x.at], y.text[y.at])) {
			x.at++;
			y.at++;
			continue;
		}
		skip_to_agreement(&x, &a, &y, &b);
		/* Line by line, so that each that is lost or changed is one difference. */
		for (; a || b; a -= a != 0, b -= b != 0) {
			const struct transcript_line *found = b ? y.line[y.at] : NULL;
			const struct transcript_difference d = {
				.what = what_differs(&y, a, b),
				.expected = a ? x.line[x.at] : NULL,
				.found = found,
				.test = last_test(&x, test),
				.freezes = found  ? found->freezes
					   : y.at ? y.line[y.at - 1]->freezes
						  : 0,
			};

			places++;
			tell(arg, &d);
			x.at += a != 0;
			y.at += b != 0;
		}
	}
	side_end(&x);
	side_end(&y);
	return places;
}
