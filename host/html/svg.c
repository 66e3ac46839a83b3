// SPDX-License-Identifier: BSD-2-Clause
// The timeline of one hop as inline SVG. Colours stand in attributes, not in a style, so that the
// picture is whole where a web server forbids inline styles; the page's style sheet may change
// them.
#include "host/html/html_page.h"
#include "host/html/svg_parts.h"
#include "host/html/html_escape.h"
#include "host/base/cleanup.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * What is worth being seen from near: from the restore's begin to its last ioctl, the first
 * KVM_RUN's begin and the pages of vmcs12 that were asked for until then or soon after it.
 */
static void near_range(const struct timeline *t, double *from, double *to)
{
	double begin, end, soon, pad;

	*from = t->begin;
	*to = t->end;
	if (!t->restore)
		return;
	begin = t->restore->from;
	end = t->run ? t->run->from : t->restore->to;
	soon = begin + 4 * (end - begin);
	svg_each_event(t, e) {
		if (e->from < begin || e->from > soon)
			continue;
		if ((e->kind == TIMELINE_IOCTL && (!t->run || e->from <= t->run->from)) ||
		    svg_is_vmcs12_page(e->text))
			end = fmax(end, e->to);
	}
	pad = (end - begin) * 0.12;
	*from = fmax(t->begin, begin - pad / 3);
	*to = fmin(t->end, end + pad * 2);
	if (*to - *from > 0.6 * (t->end - t->begin) || *to <= *from) {
		*from = t->begin;
		*to = t->end;
	}
}

/* The first check that failed, or NULL. */
static const struct event *find_fail(const struct timeline *t)
{
	const struct event *fail = NULL;

	svg_each_event(t, e) {
		if (e->kind == TIMELINE_GUEST && svg_begins(e->text, "fail"))
			svg_earliest(&fail, e);
	}
	return fail;
}

/* From what led to @fail, shortly before it, to the hop's end. */
static void fail_range(const struct timeline *t, const struct event *fail, double *from, double *to)
{
	const double shortly = (t->end - t->begin) * 0.05;

	*from = fail->from;
	*to = t->end;
	svg_each_event(t, e) {
		if ((e->kind == TIMELINE_GUEST || e->kind == TIMELINE_INTERRUPT) &&
		    e->from > fail->from - shortly)
			*from = fmin(*from, e->from);
	}
	*from = fmax(t->begin, *from - (t->end - *from) * 0.1);
}

static void moment(struct buf *html, const struct event *e, const char *what)
{
	const bool page = svg_is_vmcs12_page(e->text);

	html_printf(html, "%.*s%s", page ? (int)strcspn(e->text, ",") : svg_first_word(e), e->text,
		    what);
	buf_printf(html, " <b>%.*f ms</b> · ", SVG_MS(e->from));
}

/* The moments in words: for paper, small screens, and who cannot see the picture. */
static void moments(const struct timeline *t, struct buf *html)
{
	const struct event *state = NULL, *page = NULL, *fail = find_fail(t);

	svg_each_event(t, e) {
		if (t->restore && e->from < t->restore->from)
			continue;
		if (svg_begins(e->text, "KVM_SET_NESTED_STATE"))
			svg_earliest(&state, e);
		if (svg_is_vmcs12_page(e->text))
			svg_earliest(&page, e);
	}
	buf_printf(html, "<p class=\"mo\">");
	if (t->restore)
		moment(html, t->restore, " begins at");
	if (state)
		moment(html, state, " at");
	if (t->run)
		moment(html, t->run, " 1 at");
	if (page) {
		buf_printf(html, "first page of vmcs12 asked for: ");
		moment(html, page, " at");
	}
	if (fail) {
		buf_printf(html, "<span class=\"bad\">");
		html_clipped(html, fail->text, LABEL_MAX);
		buf_printf(html, "</span> at <b>%.*f ms</b> · ", SVG_MS(fail->from));
	}
	buf_printf(html, "end <b>%.*f ms</b>", SVG_MS(t->end));
	if (t->dropped > 0)
		buf_printf(html,
			   " · <b class=\"bad\">%.0f events are missing</b>: there was no room",
			   t->dropped);
	buf_printf(html, "</p>");
}

static void draw(const struct timeline *t, const char *result, unsigned hop, struct buf *html)
{
	const struct event *fail = find_fail(t);
	auto_free char *name = xasprintf("Timeline of %s, hop %u", result, hop);
	double from, to, fail_from = 0, fail_to;

	moments(t, html);
	if (t->end <= t->begin) {
		buf_printf(html, "<p>The timeline has no events.</p>");
		return;
	}
	near_range(t, &from, &to);
	if (from > t->begin || to < t->end) {
		buf_printf(html, "<p class=\"cap\">The whole hop; what is framed is shown larger "
				 "below</p>");
		svg_far(t, from, to, name, html);
	}
	svg_near(t, from, to, name, html);
	if (fail && fail->from > to) {
		fail_range(t, fail, &fail_from, &fail_to);
		buf_printf(html, "<p class=\"cap\">The hop's end, where the check failed</p>");
		svg_near(t, fail_from, fail_to, name, html);
	}
}

int timeline_svg(const json_t *timeline, const char *result, unsigned hop, struct buf *html,
		 struct err *e)
{
	struct timeline t = {0};
	const int ret = svg_read(timeline, &t, result, hop, e);

	if (!ret)
		draw(&t, result, hop, html);
	for (unsigned i = 0; i < LANES_MAX; i++)
		free(t.lane[i].event);
	return ret;
}

void timeline_legend(struct buf *html)
{
	buf_printf(html, "<ul class=\"lg\">");
	for (int k = 0; k < TIMELINE_KINDS; k++)
		buf_printf(html,
			   "<li><svg width=\"18\" height=\"12\" aria-hidden=\"true\">"
			   "<rect class=\"k%d\" x=\"1\" y=\"1\" width=\"16\" height=\"10\" "
			   "fill=\"%s\" stroke=\"%s\"/></svg> %s</li>",
			   k, svg_kinds[k].fill, svg_kinds[k].stroke, svg_kinds[k].text);
	buf_printf(html,
		   "<li><svg width=\"18\" height=\"12\" aria-hidden=\"true\"><path d=\"M9 1.5l4 "
		   "4.5l-4 4.5l-4-4.5z\" fill=\"none\" stroke=\"currentColor\"/></svg> an "
		   "instant</li><li><svg width=\"18\" height=\"12\" aria-hidden=\"true\"><path "
		   "class=\"mk\" d=\"M9 0V12\" stroke=\"#b3261e\" stroke-dasharray=\"4 3\"/></svg> "
		   "restore begins; KVM_RUN 1</li></ul>");
}
