// SPDX-License-Identifier: BSD-2-Clause
// How a campaign went on: states, kept programs and findings by the number of programs flown.
#include "host/base/cleanup.h"
#include "host/html/html_escape.h"
#include "host/html/html_page.h"
#include "host/report/fuzz_json.h"

#define WIDTH	 720
#define HEIGHT	 230
#define LEFT	 56 /* of the plot itself, in the picture */
#define RIGHT	 12
#define TOP	 12
#define BOTTOM	 34
#define TICKS	 4
#define ROWS_MAX 400 /* of the table */

static const struct series {
	unsigned word; /* of a point */
	const char *class, *stroke, *title;
} series[] = {{1, "gs", "#0a5290", "states"},
	      {2, "gp", "#004d38", "programs kept"},
	      {3, "gf", "#b3261e", "findings"}};

static double word_of(const json_t *point, size_t word)
{
	return (double)json_integer_value(json_array_get(point, word));
}

/* The largest @word of all points, 1 at least. */
static double most(const json_t *parts, size_t word)
{
	const json_t *part, *point;
	double max = 1;
	size_t i, n;

	json_array_foreach(parts, i, part) {
		json_array_foreach(json_object_get(part, "points"), n, point) {
			if (word_of(point, word) > max)
				max = word_of(point, word);
		}
	}
	return max;
}

/* The least of 1, 2, 5, 10, 20, 25, 50, 100, ... of which TICKS reach @max. */
static double step_of(double max)
{
	static const double factors[] = {1, 2, 2.5, 5};

	for (double ten = 1;; ten *= 10)
		for (size_t i = 0; i < ARRAY_SIZE(factors); i++)
			if (ten * factors[i] * TICKS >= max && (ten > 1 || factors[i] != 2.5))
				return ten * factors[i];
}

static double x_of(double value, double max)
{
	return LEFT + value / max * (WIDTH - LEFT - RIGHT);
}

static double y_of(double value, double max)
{
	return HEIGHT - BOTTOM - value / max * (HEIGHT - TOP - BOTTOM);
}

static void axes(double x_max, double y_max, struct buf *html)
{
	for (unsigned i = 0; i <= TICKS; i++) {
		const double x = x_max * i / TICKS, y = y_max * i / TICKS;

		html_printf(html,
			    "<line class=\"gr\" stroke=\"#e3e7ec\" x1=\"%u\" x2=\"%u\" y1=\"%.1f\" "
			    "y2=\"%.1f\"/>",
			    LEFT, WIDTH - RIGHT, y_of(y, y_max), y_of(y, y_max));
		html_printf(html,
			    "<text class=\"ax\" x=\"%u\" y=\"%.1f\" text-anchor=\"end\">%.0f</text>"
			    "<text class=\"ax\" x=\"%.1f\" y=\"%u\" text-anchor=\"%s\">%.0f</text>",
			    LEFT - 6, y_of(y, y_max) + 4, y, x_of(x, x_max), HEIGHT - BOTTOM + 16,
			    i == TICKS ? "end" : "middle", x);
	}
	html_printf(
		html,
		"<text class=\"ax\" x=\"%u\" y=\"%u\" text-anchor=\"end\">programs flown</text>",
		WIDTH - RIGHT, HEIGHT - 3);
}

static void line(const json_t *part, const struct series *s, double x_max, double y_max,
		 struct buf *html)
{
	const json_t *point;
	size_t i;

	html_printf(html, "<path class=\"%s\" stroke=\"%s\" fill=\"none\" d=\"M%.1f %.1f", s->class,
		    s->stroke, x_of(0, x_max), y_of(0, y_max));
	json_array_foreach(json_object_get(part, "points"), i, point) {
		html_printf(html, "L%.1f %.1f", x_of(word_of(point, 0), x_max),
			    y_of(word_of(point, s->word), y_max));
	}
	buf_printf(html, "\"/>");
}

static void picture(const json_t *parts, struct buf *html)
{
	const double x_max = TICKS * step_of(most(parts, 0));
	double y_max = 1;
	const json_t *part;
	size_t i;

	for (size_t s = 0; s < ARRAY_SIZE(series); s++)
		if (most(parts, series[s].word) > y_max)
			y_max = most(parts, series[s].word);
	y_max = TICKS * step_of(y_max);
	html_printf(
		html,
		"<div class=\"tl ch\"><svg width=\"%u\" height=\"%u\" viewBox=\"0 0 %u %u\" "
		"font-size=\"11\" role=\"img\" aria-label=\"States, programs kept and findings by "
		"programs flown\">",
		WIDTH, HEIGHT, WIDTH, HEIGHT);
	axes(x_max, y_max, html);
	json_array_foreach(parts, i, part) {
		for (size_t s = 0; s < ARRAY_SIZE(series); s++)
			line(part, &series[s], x_max, y_max, html);
	}
	buf_printf(html, "</svg></div><ul class=\"lg\">");
	for (size_t s = 0; s < ARRAY_SIZE(series); s++)
		html_printf(html,
			    "<li><svg width=\"22\" height=\"8\"><path class=\"%s\" stroke=\"%s\" "
			    "stroke-width=\"2\" d=\"M0 4H22\"/></svg> %s</li>",
			    series[s].class, series[s].stroke, series[s].title);
	buf_printf(html, "</ul>");
	if (json_array_size(parts) > 1)
		html_printf(
			html,
			"<p class=\"cap\">Of each of the %zu parts, which may have met the same "
			"states.</p>",
			json_array_size(parts));
}

void fuzz_html_series(const json_t *top, struct buf *html)
{
	const json_t *parts = json_object_get(top, "parts"), *part, *point;
	unsigned rows = 0;
	size_t i, n;

	picture(parts, html);
	buf_printf(html,
		   "<details class=\"bl\"><summary>The same in numbers</summary><div "
		   "class=\"sc\" tabindex=\"0\"><table class=\"t\"><thead><tr><th>part</th>"
		   "<th class=\"n\">programs</th><th class=\"n\">states</th>"
		   "<th class=\"n\">kept</th><th class=\"n\">findings</th></tr></thead><tbody>");
	json_array_foreach(parts, i, part) {
		auto_buf struct buf name = {0};

		fuzz_json_part(part, &name);
		json_array_foreach(json_object_get(part, "points"), n, point) {
			if (rows++ >= ROWS_MAX)
				continue;
			html_printf(
				html,
				"<tr><td>%s</td><td class=\"n\">%.0f</td><td class=\"n\">%.0f"
				"</td><td class=\"n\">%.0f</td><td class=\"n\">%.0f</td></tr>\n",
				n ? "" : name.p, word_of(point, 0), word_of(point, 1),
				word_of(point, 2), word_of(point, 3));
		}
	}
	buf_printf(html, "</tbody></table></div>");
	if (rows > ROWS_MAX)
		html_printf(html, "<p class=\"cap\">%u more rows are left out.</p>",
			    rows - ROWS_MAX);
	buf_printf(html, "</details>");
}
