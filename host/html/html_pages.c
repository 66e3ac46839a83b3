// SPDX-License-Identifier: BSD-2-Clause
// The page requests of one restore as a table (docs/pages.md), from pages-HOP.json.
#include "host/html/html_escape.h"
#include "host/html/html_page.h"

#include <string.h>

#define ROWS_MAX 60

static int check_fetch(const json_t *f, struct err *e)
{
	static const char *const texts[] = {"phase", "page", "kind", "gpa", "thread"};
	const json_t *waited = json_object_get(f, "waited_us"), *via = json_object_get(f, "via");

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!json_member(f, texts[i]))
			return err_set(e, "a request has no good '%s'", texts[i]);
	if (!json_is_integer(json_object_get(f, "order")) ||
	    !(json_is_null(waited) || json_is_integer(waited)) ||
	    !(json_is_null(via) || json_is_string(via)))
		return err_set(e, "a request has no good 'order', 'waited_us' or 'via'");
	return 0;
}

/* As host/pages/pages_report.c folds them. */
static bool is_like(const json_t *a, const json_t *b)
{
	static const char *const keys[] = {"phase", "page",	 "thread", "via",
					   "write", "too_early", "lost"};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!json_equal(json_object_get(a, keys[i]), json_object_get(b, keys[i])))
			return false;
	return true;
}

/* @count requests like @first, in a row. */
static void row(const json_t *list, size_t first, size_t count, struct buf *html)
{
	const json_t *f = json_array_get(list, first);
	const char *via = json_member(f, "via"), *kind = json_member(f, "kind");
	double waited = 0;

	for (size_t i = first; i < first + count; i++) {
		const double w = json_member_number(json_array_get(list, i), "waited_us", -1);

		waited = w < 0 || waited < 0 ? -1 : w > waited ? w : waited;
	}
	buf_printf(html, "<tr%s><td class=\"n\">%.0f</td>",
		   !strcmp(kind, "vmcs12") ? " class=\"v\"" : "",
		   json_member_number(f, "order", 0));
	html_printf(html, "<td>%.100s</td><td class=\"pg\">%.80s", json_member(f, "phase"),
		    json_member(f, "page"));
	if (count > 1)
		buf_printf(html, " &times;%zu", count);
	html_printf(html,
		    "</td><td class=\"m\">%.24s</td><td>%.20s</td><td class=\"m\">%.80s</td>"
		    "<td>%s</td>",
		    json_member(f, "gpa"), json_member(f, "thread"), via ? via : "?",
		    json_member_true(f, "write") ? "write" : "read");
	if (waited < 0)
		buf_printf(html, "<td class=\"n bad\">never</td>");
	else
		buf_printf(html, "<td class=\"n\">%.0f</td>", waited);
	buf_printf(html, "<td class=\"bad\">%s%s%s</td></tr>\n",
		   json_member_true(f, "too_early") ? "too early" : "",
		   json_member_true(f, "too_early") && json_member_true(f, "lost") ? ", " : "",
		   json_member_true(f, "lost") ? "lost" : "");
}

static void rows(const json_t *list, struct buf *html)
{
	const size_t count = json_array_size(list);
	unsigned shown = 0, left = 0;

	for (size_t i = 0, n; i < count; i += n) {
		for (n = 1;
		     i + n < count && is_like(json_array_get(list, i), json_array_get(list, i + n));
		     n++)
			;
		if (shown < ROWS_MAX) {
			row(list, i, n, html);
			shown++;
		} else {
			left++;
		}
	}
	if (left)
		buf_printf(html, "<tr><td colspan=\"9\">%u more rows are left out</td></tr>", left);
}

int report_html_pages(const json_t *pages, struct buf *html, struct err *e)
{
	const json_t *list = json_object_get(pages, "fetches"), *one, *findings;
	const char *answer = json_member(pages, "answer");
	size_t i;

	findings = json_object_get(pages, "findings");
	if (!json_is_array(list) || !answer || !json_is_array(findings))
		return err_set(e, "it has no 'fetches', 'findings' or 'answer'");
	json_array_foreach(list, i, one)
		if (check_fetch(one, e))
			return -1;
	html_printf(html, "<p class=\"cap\">%.1000s</p>", answer);
	json_array_foreach(findings, i, one) {
		if (i == 20 || !json_member(one, "text"))
			break;
		html_printf(html, "<p class=\"bad\">%.400s</p>", json_member(one, "text"));
	}
	if (!json_array_size(list))
		return 0;
	buf_printf(html, "<div class=\"sc\" tabindex=\"0\"><table class=\"t pages\"><thead><tr>"
			 "<th class=\"n\">order</th><th>phase</th><th>page</th><th>gpa</th>"
			 "<th>thread</th><th>by</th><th>access</th><th class=\"n\">waited &micro;s"
			 "</th><th>mark</th></tr></thead><tbody>");
	rows(list, html);
	buf_printf(html, "</tbody></table></div>");
	return 0;
}
