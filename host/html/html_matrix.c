// SPDX-License-Identifier: BSD-2-Clause
// The matrix of the HTML report: scenario x method x run.
#include "host/base/cleanup.h"
#include "host/html/html_escape.h"
#include "host/vmm/method.h"
#include "host/html/html_page.h"

#include <stdlib.h>
#include <string.h>

/* Names along one side of the table, in the order of the results. */
struct axis {
	const char **name;
	unsigned count;
};

#define CELLS_MAX 500000 /* far above what runs have: a page with more is of no use */

struct matrix {
	struct axis row, column;
	const struct report_result **cell; /* [row][run][column] */
	unsigned runs;
	bool turned; /* methods are the rows */
};

static unsigned axis_find(struct axis *a, const char *name)
{
	/* From the end: the results of one scenario stand together. */
	for (unsigned i = a->count; i--;)
		if (!strcmp(a->name[i], name))
			return i;
	a->name = xrealloc(a->name, (a->count + 1) * sizeof(*a->name));
	a->name[a->count] = name;
	return a->count++;
}

static const struct report_result **cell(const struct matrix *m, unsigned row, unsigned run,
					 unsigned column)
{
	return &m->cell[((size_t)row * m->runs + run) * m->column.count + column];
}

/*
 * Fills @m with what @p has. Few scenarios and many methods are turned: tables grow downwards.
 * False: it would have too many cells, and has none.
 */
static bool fill(struct matrix *m, const struct report_page *p)
{
	struct axis rows = {0}, columns = {0};

	for (unsigned i = 0; i < p->results; i++) {
		axis_find(&rows, p->result[i].row);
		axis_find(&columns, p->result[i].column);
	}
	m->runs = p->runs;
	m->turned = columns.count > 6 && columns.count > rows.count;
	m->row = m->turned ? columns : rows;
	m->column = m->turned ? rows : columns;
	m->cell = NULL;
	if ((size_t)rows.count * columns.count > CELLS_MAX / p->runs)
		return false;
	m->cell = xcalloc((size_t)rows.count * columns.count * p->runs,
			  sizeof(const struct report_result *));
	for (unsigned i = 0; i < p->results; i++) {
		const struct report_result *r = &p->result[i];
		const char *row = m->turned ? r->column : r->row;
		const char *column = m->turned ? r->row : r->column;
		const struct report_result **c =
			cell(m, axis_find(&m->row, row), r->run, axis_find(&m->column, column));

		if (!*c || r->outcome < (*c)->outcome)
			*c = r;
	}
	return true;
}

/* Whether @run has anything in @column. */
static bool is_used(const struct matrix *m, unsigned run, unsigned column)
{
	for (unsigned row = 0; row < m->row.count; row++)
		if (*cell(m, row, run, column))
			return true;
	return false;
}

/* What the method that names a row or column does: for the mouse, as an attribute. */
static void axis_title(const char *name, bool is_method, struct buf *html)
{
	const enum method method = is_method ? method_find(name) : METHODS;

	if (method < METHODS)
		html_printf(html, " title=\"%s\"", method_info(method)->text);
	else if (is_method && !strcmp(name, REPORT_CONTROL))
		buf_printf(html, " title=\"the same without a move: what fails here too is not the "
				 "move's\"");
}

/* Whether @run's label is no more than a number: runs of the same kernel with other modules or
 * values. */
static bool is_numbered(const struct report_page *p, unsigned run)
{
	auto_free char *number = xasprintf(" (%u)", run + 1);
	const size_t len = strlen(p->run[run].label), end = strlen(number);

	return len > end && !strcmp(p->run[run].label + len - end, number);
}

static void head(const struct matrix *m, const struct report_page *p, struct buf *html)
{
	buf_printf(html, "<thead><tr><th rowspan=\"2\" class=\"rn\">%s</th>",
		   m->turned ? "method" : "scenario");
	for (unsigned run = 0; run < m->runs; run++) {
		unsigned used = 0;

		for (unsigned c = 0; c < m->column.count; c++)
			used += is_used(m, run, c);
		html_printf(html, "<th colspan=\"%u\" class=\"g%u\" title=\"%s, %s\">%s", used,
			    run & 1, p->run[run].label_title, p->run[run].path, p->run[run].label);
		if (is_numbered(p, run)) /* what is unlike is what its directory is called by */
			html_printf(html, "<br>%.60s", basename(p->run[run].path));
		buf_printf(html, "</th>");
	}
	buf_printf(html, "</tr><tr>");
	for (unsigned run = 0; run < m->runs; run++)
		for (unsigned c = 0; c < m->column.count; c++) {
			if (!is_used(m, run, c))
				continue;
			buf_printf(html, "<th class=\"c g%u\"", run & 1);
			axis_title(m->column.name[c], !m->turned, html);
			html_printf(html, "><span>%.60s</span></th>", m->column.name[c]);
		}
	buf_printf(html, "</tr></thead>");
}

static void one_cell(const struct report_page *p, const struct report_result *r, unsigned run,
		     struct buf *html)
{
	const struct outcome_info *info = &outcomes[r->outcome];
	const char *notes =
		json_text_of(r->json, *json_text_of(r->json, "reason") ? "reason" : "notes");

	html_printf(
		html,
		"<td class=\"%s g%u\" bgcolor=\"%s\"><a href=\"#r%u-%u\" title=\"%.120s, %s: %s",
		info->class, run & 1, info->fill, r->run, r->number, r->name, p->run[run].label,
		json_member(r->json, "word"));
	if (r->outcome == OUT_KNOWN)
		html_printf(html, ", known: %.80s", json_member(r->json, "known"));
	if (*notes)
		html_printf(html, ": %.200s", notes);
	buf_printf(html, "\"><font color=\"%s\">%s</font></a></td>", info->ink, info->sign);
}

static void one_row(const struct matrix *m, const struct report_page *p, unsigned row,
		    struct buf *html)
{
	bool good = true;

	for (unsigned i = 0; i < m->runs * m->column.count; i++) {
		const struct report_result *r =
			m->cell[(size_t)row * m->runs * m->column.count + i];

		good &= !r || r->outcome == OUT_PASSED || r->outcome == OUT_SKIPPED;
	}
	buf_printf(html, "<tr%s><th class=\"rn\"", good ? " class=\"good\"" : "");
	axis_title(m->row.name[row], m->turned, html);
	html_printf(html, ">%.80s</th>", m->row.name[row]);
	for (unsigned run = 0; run < m->runs; run++)
		for (unsigned c = 0; c < m->column.count; c++)
			if (*cell(m, row, run, c))
				one_cell(p, *cell(m, row, run, c), run, html);
			else if (is_used(m, run, c))
				buf_printf(html, "<td class=\"e g%u\"></td>", run & 1);
	buf_printf(html, "</tr>\n");
}

static void counted(struct buf *html, unsigned count, const char *what)
{
	buf_printf(html, "%u %s%s", count, what, count == 1 ? "" : "s");
}

/* How many, and of what; the control is no method. */
static void axis_counted(const struct axis *a, bool methods, struct buf *html)
{
	unsigned controls = 0;

	for (unsigned i = 0; i < a->count && methods; i++)
		controls += !strcmp(a->name[i], REPORT_CONTROL);
	counted(html, a->count - controls, methods ? "method" : "scenario");
	if (controls)
		buf_printf(html, " and the control");
}

static void table(const struct matrix *m, const struct report_page *p, struct buf *html)
{
	buf_printf(html, "<div class=\"sc mx\" tabindex=\"0\"><table class=\"matrix\" "
			 "cellspacing=\"2\" cellpadding=\"3\">");
	head(m, p, html);
	buf_printf(html, "<tbody>");
	for (unsigned row = 0; row < m->row.count; row++)
		one_row(m, p, row, html);
	buf_printf(html, "</tbody></table></div>");
}

void report_html_matrix(const struct report_page *p, struct buf *html)
{
	struct matrix m;
	const bool fits = fill(&m, p);

	buf_printf(html, "<p>");
	axis_counted(&m.row, m.turned, html);
	buf_printf(html, " &times; ");
	axis_counted(&m.column, !m.turned, html);
	buf_printf(html, ", ");
	counted(html, m.runs, "run");
	buf_printf(html, ". Each cell leads to its result.</p><p class=\"key\">");
	for (int o = 0; o < OUTCOMES; o++)
		buf_printf(html, "<span><span class=\"sg %s\">%s</span> %s</span> &nbsp; ",
			   outcomes[o].class, outcomes[o].sign, outcomes[o].words);
	buf_printf(html, "</p>");
	if (fits)
		table(&m, p, html);
	else
		buf_printf(html, "<p class=\"wrong\">The table would be too large, and is left "
				 "out.</p>");
	free(m.row.name);
	free(m.column.name);
	free(m.cell);
}
