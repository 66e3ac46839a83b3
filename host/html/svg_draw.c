// SPDX-License-Identifier: BSD-2-Clause
// Draws a timeline: which bar goes where, and all of it as SVG.
#include "host/html/html_escape.h"
#include "host/html/svg_parts.h"
#include "host/base/cleanup.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* In the picture's own unit, a pixel of a screen that shows it in full size. */
#define NAMES	   86.0 /* the names of the lanes: a picture of its own, which does not scroll */
#define WIDTH	   1160.0
#define LEFT	   92.0
#define RIGHT	   1150.0
#define TOP	   42.0 /* marks and axis */
#define ROW	   16.0 /* of a lane, from near */
#define BAR	   13.0
#define FAR_ROW	   9.0 /* from far */
#define FAR_BAR	   6.0
#define LANE_GAP   5.0
#define CHAR	   6.2 /* width of one of a label, in any fixed-width font of 10 pixels */
#define WORD_MAX   20
#define MARK	   110.0 /* width of a mark's name, at most */
#define LEAST	   1.5	 /* width of a bar */
#define ROWS_MAX   14	 /* of a lane */
#define ROWS_LABEL 9	 /* those in which labels may want a row of their own */

/* One bar of a chart: an event, or several that would cover each other. */
struct bar {
	const struct event *first;
	size_t count; /* events, one behind the other in the lane */
	double x0, x1;
	double left, right; /* with its label */
	unsigned row;
	enum { NO_LABEL, INSIDE, BEHIND, BEFORE } label;
	bool like; /* all have the same text */
};

struct row {
	double *edge; /* pairs: left, right */
	size_t edges;
};

/* A part of the time, drawn from LEFT to RIGHT. */
struct chart {
	const struct timeline *t;
	double from, to;
	bool far;
	double y; /* of the lane that is being drawn */
	struct buf *svg, *names;
};

static double x_of(const struct chart *c, double us)
{
	return LEFT +
	       (fmin(fmax(us, c->from), c->to) - c->from) / (c->to - c->from) * (RIGHT - LEFT);
}

/* Whether @e is drawn over the end of @b, and can share a bar with it. */
static bool joins(const struct chart *c, const struct bar *b, const struct event *e)
{
	const struct event *last = b->first + b->count - 1;
	const double gap = x_of(c, e->from) - b->x1, width = x_of(c, e->to) - x_of(c, e->from);
	const bool small = width < 2 && b->x1 - b->x0 <= (c->far ? RIGHT : 4);

	if (e->kind != last->kind)
		return false;
	if (!strcmp(e->text, last->text) && b->like)
		return gap < (c->far ? 0.5 : 4);
	return small && gap < (c->far ? 0.5 : 0.2) && c->far;
}

/* The bars of @lane. The caller frees it. */
static struct bar *find_bars(const struct chart *c, const struct lane *lane, size_t *count)
{
	struct bar *bars = xcalloc(lane->events, sizeof(*bars)), *b = NULL;

	*count = 0;
	for (size_t i = 0; i < lane->events; i++) {
		const struct event *e = &lane->event[i];

		if (e->to < c->from || e->from > c->to)
			continue;
		if (b && b->first + b->count == e && joins(c, b, e)) {
			b->like &= !strcmp(e->text, b->first->text);
			b->count++;
			b->x1 = fmax(b->x1, fmax(x_of(c, e->to), b->x0 + LEAST));
			continue;
		}
		b = &bars[(*count)++];
		*b = (struct bar){.first = e, .count = 1, .like = true};
		b->x0 = x_of(c, e->from);
		b->x1 = fmax(x_of(c, e->to), b->x0 + LEAST);
	}
	return bars;
}

static bool is_instant(const struct bar *b)
{
	return b->count == 1 && b->first->from == b->first->to;
}

/* What is written of an event: a page's name alone, the rest is for its title. The caller frees. */
static char *label_of(const struct event *e)
{
	const bool page = e->kind == TIMELINE_PAGE || e->kind == TIMELINE_NETWORK;

	return xasprintf("%.*s", (int)strcspn(e->text, page ? "," : ""), e->text);
}

static size_t label_length(const struct bar *b)
{
	auto_free char *label = label_of(b->first);
	size_t len = html_length(label);

	if (len > LABEL_MAX)
		len = LABEL_MAX + 3;
	if (b->count > 1)
		len += (size_t)snprintf(NULL, 0, " x%zu", b->count);
	return len;
}

static bool is_free(const struct row *r, double left, double right)
{
	for (size_t i = 0; i < r->edges; i += 2)
		if (left < r->edge[i + 1] && right > r->edge[i])
			return false;
	return true;
}

static void take(struct row *r, double left, double right)
{
	r->edge = xrealloc(r->edge, (r->edges + 2) * sizeof(*r->edge));
	r->edge[r->edges++] = left;
	r->edge[r->edges++] = right;
}

static bool try_rows(struct row *rows, unsigned count, struct bar *b, double left, double right)
{
	for (unsigned i = 0; i < count; i++) {
		if (!is_free(&rows[i], left - 3, right + 3))
			continue;
		take(&rows[i], left, right);
		b->row = i;
		return true;
	}
	return false;
}

/* A row for @b and, where there is room, its label. */
static void place(struct row *rows, struct bar *b)
{
	const double half = is_instant(b) ? 4 : 0, text = (double)label_length(b) * CHAR + 4;
	const double x0 = b->x0 - half, x1 = b->x1 + half;

	b->left = x0;
	b->right = x1;
	if (text + 2 <= b->x1 - b->x0) {
		b->label = INSIDE;
		if (try_rows(rows, ROWS_MAX, b, x0, x1))
			return;
	}
	b->label = BEHIND;
	b->right = x1 + text;
	if (b->right <= WIDTH && try_rows(rows, ROWS_LABEL, b, x0, b->right))
		return;
	b->label = BEFORE;
	b->right = x1;
	b->left = x0 - text;
	if (b->left >= LEFT && try_rows(rows, ROWS_LABEL, b, b->left, x1))
		return;
	b->label = NO_LABEL;
	b->left = x0;
	if (!try_rows(rows, ROWS_MAX, b, x0, x1))
		b->row = ROWS_MAX - 1; /* over others: their text is in the title */
}

/* What is looked for first gets its label first: 0 before 1. */
static int importance(const struct event *e)
{
	if (e->kind == TIMELINE_PAGE || e->kind == TIMELINE_NETWORK)
		return svg_is_vmcs12_page(e->text) ? 0 : 2;
	if (e->kind == TIMELINE_PHASE || strstr(e->text, "NESTED_STATE"))
		return 0;
	return e->kind == TIMELINE_GUEST || e->kind == TIMELINE_INTERRUPT || e->kind == TIMELINE_RUN
		       ? 1
		       : 3;
}

static int by_importance(const void *a, const void *b)
{
	const struct bar *x = *(const struct bar *const *)a, *y = *(const struct bar *const *)b;
	const int i = importance(x->first), k = importance(y->first);

	if (i != k)
		return i - k;
	if (i == 3 && x->x1 - x->x0 != y->x1 - y->x0)
		return x->x1 - x->x0 > y->x1 - y->x0 ? -1 : 1;
	return (x > y) - (x < y);
}

/* Finds each bar's place; the number of rows. */
static unsigned place_bars(struct bar *bars, size_t count)
{
	auto_free const struct bar **order = xcalloc(count, sizeof(const struct bar *));
	struct row rows[ROWS_MAX] = {0};
	unsigned used = 1;

	for (size_t i = 0; i < count; i++)
		order[i] = &bars[i];
	qsort(order, count, sizeof(const struct bar *), by_importance);
	for (size_t i = 0; i < count; i++) {
		struct bar *b = &bars[order[i] - bars];

		place(rows, b);
		if (b->row >= used)
			used = b->row + 1;
	}
	for (unsigned i = 0; i < ROWS_MAX; i++)
		free(rows[i].edge);
	return used;
}

/* One digit behind the point for %.*f, if it needs one. */
static int digits(double v)
{
	return fmod(nearbyint(v * 10), 10) != 0;
}
#define NUMBER(v) digits(v), nearbyint((v)*10) / 10

/* A place from far, in percent of the picture's width: it has that of the page. */
static double percent(double width)
{
	return width * 100 / (WIDTH - NAMES);
}

int svg_digits(double us)
{
	const double ms = fabs(us / 1000);

	return ms >= 100 ? 0 : ms >= 10 ? 1 : ms >= 1 ? 2 : 3;
}

/* What the mouse is told. */
static void bar_title(struct buf *svg, const struct bar *b)
{
	const struct event *last = b->first + b->count - 1;
	double to = b->first->to;

	for (const struct event *e = b->first; e <= last; e++)
		to = fmax(to, e->to);
	html_printf(svg, "<title>%.400s", b->first->text);
	if (b->count > 1 && !b->like)
		html_printf(svg, " ... %.400s", last->text);
	if (b->count > 1)
		buf_printf(svg, " x%zu", b->count);
	buf_printf(svg, ": %.*f", SVG_MS(b->first->from));
	if (to > b->first->from)
		buf_printf(svg, " to %.*f ms (%.*f ms)</title>", SVG_MS(to),
			   SVG_MS(to - b->first->from));
	else
		buf_printf(svg, " ms</title>");
}

static void draw_bar(const struct chart *c, const struct bar *b)
{
	const double y = c->y + b->row * ROW;
	struct buf *svg = c->svg;

	if (c->far) {
		buf_printf(svg, "<rect x=\"%.2f%%\" y=\"%.*f\" width=\"%.2f%%\" height=\"%.0f\"/>",
			   percent(b->x0 - NAMES), NUMBER(c->y), percent(b->x1 - b->x0), FAR_BAR);
		return;
	}
	if (is_instant(b))
		buf_printf(svg, "<g><path d=\"M%.*f %.*fl4 4.5l-4 4.5l-4-4.5z\">", NUMBER(b->x0),
			   NUMBER(y + 2));
	else
		buf_printf(svg, "<g><rect x=\"%.*f\" y=\"%.*f\" width=\"%.*f\" height=\"%.0f\">",
			   NUMBER(b->x0), NUMBER(y), NUMBER(b->x1 - b->x0), BAR);
	bar_title(svg, b);
	buf_printf(svg, "%s</g>", is_instant(b) ? "</path>" : "</rect>");
}

static void draw_label(const struct chart *c, const struct bar *b)
{
	auto_free char *label = label_of(b->first);
	double x = b->x0 + 3;

	if (b->label == NO_LABEL)
		return;
	if (b->label == BEHIND)
		x = b->x1 + (is_instant(b) ? 6 : 3);
	else if (b->label == BEFORE)
		x = b->x0 - (is_instant(b) ? 6 : 3);
	buf_printf(c->svg, "<text x=\"%.*f\" y=\"%.*f\"%s>", NUMBER(x),
		   NUMBER(c->y + b->row * ROW + 10),
		   b->label == BEFORE	? " text-anchor=\"end\""
		   : b->label == INSIDE ? " class=\"in\""
					: "");
	html_clipped(c->svg, label, LABEL_MAX);
	if (b->count > 1)
		buf_printf(c->svg, " x%zu", b->count);
	buf_printf(c->svg, "</text>");
}

/* Draws @lane and goes on below it. */
static void draw_lane(struct chart *c, const struct lane *lane)
{
	size_t count;
	auto_free struct bar *bars = find_bars(c, lane, &count);
	const unsigned rows = c->far ? 1 : place_bars(bars, count);
	const double height = c->far ? FAR_ROW : rows * ROW + LANE_GAP;

	if (!c->far) {
		struct buf *const both[] = {c->svg, c->names};

		for (size_t i = 0; i < ARRAY_SIZE(both); i++)
			buf_printf(both[i],
				   "<path class=\"gr\" stroke=\"#d8dde3\" d=\"M0 %.1fH%.0f\"/>",
				   c->y - 3.5, RIGHT);
		buf_printf(c->names, "<text class=\"ln\" x=\"0\" y=\"%.1f\">", c->y + 10);
	} else {
		buf_printf(c->names, "<text class=\"fn\" font-size=\"8\" x=\"0\" y=\"%.1f\">",
			   c->y + 6.5);
	}
	html_printf(c->names, "%.14s</text>", lane->name);
	for (int kind = 0; kind < TIMELINE_KINDS; kind++) {
		bool any = false;

		for (size_t i = 0; i < count; i++) {
			if ((int)bars[i].first->kind != kind)
				continue;
			if (!any)
				buf_printf(c->svg, "<g class=\"k%d\" fill=\"%s\" stroke=\"%s\">",
					   kind, svg_kinds[kind].fill, svg_kinds[kind].stroke);
			any = true;
			draw_bar(c, &bars[i]);
		}
		if (any)
			buf_printf(c->svg, "</g>");
	}
	buf_printf(c->svg, "<g class=\"lb\" font-family=\"monospace\" font-size=\"10\">");
	for (size_t i = 0; i < count && !c->far; i++)
		draw_label(c, &bars[i]);
	buf_printf(c->svg, "</g>");
	c->y += height;
}

/* 1, 2 or 5 times a power of ten, so that there are about ten steps. */
static double step_of(double range)
{
	const double power = pow(10, floor(log10(range / 10)));
	const double r = range / 10 / power;

	return power * (r <= 1 ? 1 : r <= 2 ? 2 : r <= 5 ? 5 : 10);
}

/*
 * A line of the axis, and its number up to where that stands. From far an @odd one may be left out
 * by the style sheet.
 */
static void draw_tick(const struct chart *c, double x, double top, double bottom, bool odd)
{
	if (c->far) {
		const double at = percent(x - NAMES);

		buf_printf(c->svg,
			   "<line class=\"gr\" stroke=\"#e3e7ec\" x1=\"%.2f%%\" y1=\"%.1f\" "
			   "x2=\"%.2f%%\" y2=\"%.1f\"/><text class=\"ax%s\" x=\"%.2f%%",
			   at, top, at, bottom, odd ? " o" : "", at);
	} else {
		buf_printf(c->svg,
			   "<path class=\"gr\" stroke=\"#e3e7ec\" d=\"M%.1f %.1fV%.1f\"/>"
			   "<text class=\"ax\" x=\"%.1f",
			   x, top, bottom, x);
	}
}

static void draw_axis(const struct chart *c, double top, double bottom)
{
	const double step = step_of((c->to - c->from) / 1000);
	const int digits = step >= 1 ? 0 : (int)ceil(-log10(step) - 1e-9);
	const double first = ceil(c->from / 1000 / step - 1e-9);
	const double count = floor(c->to / 1000 / step + 1e-9) - first;

	for (double i = 0; i <= count && i < 50; i++) {
		const double ms = (first + i) * step, x = x_of(c, ms * 1000);

		draw_tick(c, x, top, bottom, fmod(i, 2) == 1);
		buf_printf(c->svg, "\" y=\"%.1f\" text-anchor=\"%s\">%.*f%s</text>", top - 4,
			   x < LEFT + 12    ? "start"
			   : x > RIGHT - 20 ? "end"
					    : "middle",
			   digits, ms == 0 ? 0 : ms, i == 0 ? " ms" : "");
	}
}

int svg_first_word(const struct event *e)
{
	const size_t len = strcspn(e->text, " ");

	return len < WORD_MAX ? (int)len : WORD_MAX;
}

static bool is_in(const struct chart *c, const struct event *e)
{
	return e && e->from >= c->from && e->from <= c->to;
}

/*
 * A line through all lanes where @e begins, named above the axis, from @text on or left of it, by
 * its first word and @what.
 */
static void draw_mark(const struct chart *c, const struct event *e, const char *what, double text,
		      bool left, double bottom)
{
	const double x = x_of(c, e->from);

	html_printf(c->svg,
		    "<path class=\"mk\" stroke=\"#b3261e\" stroke-dasharray=\"4 3\" fill=\"none\" "
		    "d=\"M%.1f 14V%.1f\"/><text class=\"mk\" fill=\"#b3261e\" font-weight=\"bold\" "
		    "x=\"%.1f\" y=\"11\" text-anchor=\"%s\">%.*s%s</text>",
		    x, bottom, text, left ? "end" : "start", svg_first_word(e), e->text, what);
}

/* That of the restore and that of KVM_RUN 1; their names do not meet. */
static void draw_marks(const struct chart *c, double bottom)
{
	const struct event *restore = is_in(c, c->t->restore) ? c->t->restore : NULL;
	const struct event *run = is_in(c, c->t->run) ? c->t->run : NULL;
	const double x = restore ? x_of(c, restore->from) : 0, next = run ? x_of(c, run->from) : 0;
	const bool close = restore && run && next - x < MARK;
	const bool left = x > RIGHT - MARK || (close && x > LEFT + MARK);

	if (restore)
		draw_mark(c, restore, " begins", x, left, bottom);
	if (run)
		draw_mark(c, run, " 1", close && !left ? x + MARK : next, next > RIGHT - 70,
			  bottom);
}

static bool any_in(const struct chart *c, const struct lane *lane)
{
	for (size_t i = 0; i < lane->events; i++)
		if (lane->event[i].to >= c->from && lane->event[i].from <= c->to)
			return true;
	return false;
}

/*
 * The picture of @c, @height high: the names of its lanes, and what happened. A table, so that they
 * stand side by side where there are no styles too.
 */
static void draw_both(const struct chart *c, double height, const char *name, struct buf *html)
{
	const char *const attributes = c->far ? "font-size=\"10\" stroke-width=\"0.6\""
					      : "font-size=\"11\" stroke-width=\"1\"";

	buf_printf(html,
		   "<div class=\"tl%s\"%s><table role=\"presentation\" cellspacing=\"0\" "
		   "cellpadding=\"0\"%s><tr><td class=\"ls\" width=\"%.0f\"><svg viewBox=\"0 0 "
		   "%.0f %.0f\" width=\"%.0f\" height=\"%.0f\" aria-hidden=\"true\" "
		   "font-family=\"sans-serif\" %s fill=\"#1f2933\">",
		   c->far ? " far" : "", c->far ? "" : " tabindex=\"0\"",
		   c->far ? " width=\"100%\"" : "", NAMES, NAMES, height, NAMES, height,
		   attributes);
	buf_append(html, buf_text(c->names), c->names->len);
	buf_printf(html, "</svg></td><td><svg ");
	if (c->far)
		buf_printf(html, "width=\"100%%\"");
	else
		buf_printf(html, "viewBox=\"%.0f 0 %.0f %.0f\" width=\"%.0f\"", NAMES,
			   WIDTH - NAMES, height, WIDTH - NAMES);
	buf_printf(html,
		   " height=\"%.0f\" role=\"img\" font-family=\"sans-serif\" %s fill=\"#1f2933\">",
		   height, attributes);
	html_printf(html, "<title>%s</title>", name);
	buf_append(html, buf_text(c->svg), c->svg->len);
	buf_printf(html, "</svg></td></tr></table></div>");
}

void svg_near(const struct timeline *t, double from, double to, const char *name, struct buf *html)
{
	auto_buf struct buf lanes = {0}, axis = {0}, names = {0};
	struct chart c = {.t = t, .from = from, .to = to, .y = TOP, .svg = &lanes, .names = &names};

	for (unsigned i = 0; i < t->lanes; i++)
		if (any_in(&c, &t->lane[i]))
			draw_lane(&c, &t->lane[i]);
	c.svg = &axis;
	draw_axis(&c, TOP - 8, c.y - LANE_GAP);
	draw_marks(&c, c.y - LANE_GAP);
	buf_append(&axis, buf_text(&lanes), lanes.len);
	buf_printf(html,
		   "<p class=\"cap sw\">Scroll it sideways: it is wider than the screen.</p>");
	draw_both(&c, c.y, name, html);
}

void svg_far(const struct timeline *t, double from, double to, const char *name, struct buf *html)
{
	auto_buf struct buf lanes = {0}, axis = {0}, names = {0};
	struct chart c = {.t = t,
			  .from = t->begin,
			  .to = t->end,
			  .far = true,
			  .y = 20,
			  .svg = &lanes,
			  .names = &names};

	for (unsigned i = 0; i < t->lanes; i++)
		draw_lane(&c, &t->lane[i]);
	c.svg = &axis;
	draw_axis(&c, 16, c.y);
	buf_printf(&axis,
		   "<rect class=\"zm\" fill=\"#fde9e7\" stroke=\"#b3261e\" x=\"%.2f%%\" y=\"15\" "
		   "width=\"%.2f%%\" height=\"%.1f\"/>",
		   percent(x_of(&c, from) - NAMES), percent(fmax(x_of(&c, to) - x_of(&c, from), 2)),
		   c.y - 15);
	buf_append(&axis, buf_text(&lanes), lanes.len);
	draw_both(&c, c.y + 2, name, html);
}
