// SPDX-License-Identifier: BSD-2-Clause
// One result in the HTML report: what was found, how to repeat it, and its hops.
#include "host/html/html_escape.h"
#include "host/html/html_page.h"
#include "host/base/below.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>

#define FAILURE_MAX  (256u << 10) /* bytes of failure.txt */
#define JSON_MAX     (32u << 20)  /* of a timeline or page report */
#define ROWS_MAX     40		  /* of a table of checks */
#define HOPS_SHOWN   5
#define KNOWN_OPEN   10 /* more known failures than that are closed: a line of each is enough */
#define FAILED_SHOWN 3	/* of them, hops that failed, beside the first and the last */

static bool is_bad(const struct report_result *r)
{
	return r->outcome != OUT_PASSED && r->outcome != OUT_SKIPPED;
}

static const json_t *list_of(const struct report_result *r, const char *key)
{
	return json_object_get(r->json, key);
}

/* Says in its place what is wrong with a file. */
static void problem(struct report_page *p, const char *path, const struct err *e, struct buf *html)
{
	p->problems++;
	html_printf(html, "<p class=\"wrong\">%.200s: %s</p>", path, e->text);
}

/* ---- checks ------------------------------------------------------------------------------- */

/* The value of @key in a line of KEY=VALUE, "" if it is not there; @len its length. */
static const char *value_of(const char *line, const char *key, size_t *len)
{
	const size_t key_len = strlen(key);

	for (const char *word = line; *word;) {
		size_t n = strcspn(word, " =\""), end = n;

		if (word[n] == '=' && word[n + 1] == '"') {
			for (end = n + 2; word[end] && word[end] != '"'; end++)
				end += word[end] == '\\' && word[end + 1];
			end += word[end] == '"';
		} else {
			end += strcspn(word + n, " ");
		}
		if (word[n] == '=' && n == key_len && !strncmp(word, key, n)) {
			*len = end - n - 1;
			return word + n + 1;
		}
		word += end + (word[end] != '\0' && word[end] == ' ');
	}
	*len = 0;
	return "";
}

static void value_cell(const char *evidence, const char *key, struct buf *html)
{
	size_t len;
	const char *value = value_of(evidence, key, &len);

	if (len > 1 && *value == '"' && value[len - 1] == '"') {
		value++;
		len -= 2;
	}
	html_printf(html, "<td class=\"m %s\">%.*s</td>", key, (int)(len < 100 ? len : 100), value);
}

/* @evidence, without what has @columns of its own. */
static void other_cell(const char *evidence, struct buf *html, bool columns)
{
	size_t expected_len, found_len;
	const char *expected = value_of(evidence, "expected", &expected_len);
	const char *found = value_of(evidence, "found", &found_len);
	auto_buf struct buf rest = {0};

	for (const char *c = evidence; *c;) {
		if (columns && expected_len && c == expected - strlen("expected="))
			c = expected + expected_len;
		else if (columns && found_len && c == found - strlen("found="))
			c = found + found_len;
		else
			buf_append(&rest, c++, 1);
	}
	html_printf(html, "<td class=\"m\">%.300s</td>",
		    buf_text(&rest) + strspn(buf_text(&rest), " "));
}

/* Whether any check says what it expected. */
static bool any_expected(const json_t *fails)
{
	const json_t *fail;
	size_t i, len;

	json_array_foreach(fails, i, fail) {
		value_of(json_text_of(fail, "evidence"), "expected", &len);
		if (len)
			return true;
	}
	return false;
}

static void checks(const struct report_result *r, struct buf *html)
{
	const bool columns = any_expected(list_of(r, "fails"));
	const json_t *list = list_of(r, "fails"), *fail;
	const double all = json_member_number(r->json, "fail_events", 0) +
			   json_member_number(r->json, "error_events", 0);
	size_t i;

	if (!json_array_size(list))
		return;
	buf_printf(html,
		   "<div class=\"sc\" tabindex=\"0\"><table class=\"t checks\"><thead><tr><th "
		   "class=\"n\">hop"
		   "</th><th>check</th>%s<th>evidence</th></tr></thead><tbody>",
		   columns ? "<th>expected</th><th>found</th>" : "");
	json_array_foreach(list, i, fail) {
		const char *check = json_member(fail, "check"), *error = json_member(fail, "error");
		const char *evidence = json_text_of(fail, "evidence");

		if (i == ROWS_MAX)
			break;
		html_printf(html, "<tr><td class=\"n\">%.0f</td><td class=\"ck\">%s%.200s</td>",
			    json_member_number(fail, "hop", 0), check ? "" : "error: ",
			    check   ? check
			    : error ? error
				    : "?");
		if (columns) {
			value_cell(evidence, "expected", html);
			value_cell(evidence, "found", html);
		}
		other_cell(evidence, html, columns);
		buf_printf(html, "</tr>\n");
	}
	buf_printf(html, "</tbody></table></div>");
	if (all > (double)i)
		buf_printf(html, "<p class=\"cap\">and %.0f more in serial.log</p>",
			   all - (double)i);
}

static void oracles(const struct report_result *r, struct buf *html)
{
	const json_t *list = list_of(r, "oracles"), *one;
	size_t i;

	if (!json_array_size(list))
		return;
	buf_printf(
		html,
		"<div class=\"sc\" tabindex=\"0\"><table class=\"t checks\"><thead><tr><th>oracle"
		"</th><th>field</th><th>what it found</th></tr></thead><tbody>");
	json_array_foreach(list, i, one) {
		static const char *const keys[] = {"oracle", "field", "text"};

		if (i == ROWS_MAX)
			break;
		buf_printf(html, "<tr>");
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
			const char *text = json_member(one, keys[k]);

			html_printf(html, k ? "<td class=\"m\">%.400s</td>" : "<td>%.400s</td>",
				    text ? text : "?");
		}
		buf_printf(html, "</tr>\n");
	}
	buf_printf(html, "</tbody></table></div>");
	if (json_array_size(list) > i)
		buf_printf(html, "<p class=\"cap\">and %zu more in result.json</p>",
			   json_array_size(list) - i);
}

static void findings(const struct report_result *r, struct buf *html)
{
	const json_t *list = list_of(r, "findings"), *one;
	const char *refused = json_member(r->json, "refused");
	size_t i;

	if ((!json_array_size(list) && !refused) || r->outcome == OUT_SKIPPED)
		return;
	buf_printf(html, "<ul class=\"fi\">");
	if (refused)
		html_printf(html, "<li>KVM refused the restore: %.1000s</li>", refused);
	json_array_foreach(list, i, one) {
		if (i == ROWS_MAX)
			break;
		html_printf(html, "<li>%.1000s</li>", json_string_value(one));
	}
	buf_printf(html, "</ul>");
}

/* ---- words and commands ------------------------------------------------------------------- */

static void known(const struct report_result *r, struct buf *html)
{
	const char *id = json_member(r->json, "known"), *text = json_member(r->json, "known_text");

	if (r->outcome != OUT_KNOWN)
		return;
	html_printf(html,
		    "<p>Known KVM bug: %.400s%s <a href=\"#how\">More</a>: "
		    "<code>known-failures.md#%.100s</code></p>",
		    text ? text : "", text ? "." : "", id);
}

static void block(const char *title, const char *text, size_t len, bool open, struct buf *html)
{
	html_printf(html, "<details class=\"bl\"%s><summary>%s</summary><pre>%.*s</pre></details>",
		    open ? " open" : "", title, (int)len, text);
}

/* The block of text to paste; without one, what was printed. */
static void failure(struct report_page *p, const struct report_result *r, struct buf *html)
{
	const char *path = json_member(r->json, "failure");
	const char *printed = json_text_of(r->json, "diagnostics");
	const char *stderr_text = json_text_of(r->json, "vmm_stderr");
	auto_buf struct buf text = {0};
	struct err e = {0};

	if (!path) {
		if (*printed)
			block(is_bad(r) ? "What was printed" : "Cost of the moves", printed,
			      strlen(printed), true, html);
	} else if (report_html_file(&p->run[r->run], path, FAILURE_MAX, &text, &e)) {
		problem(p, path, &e, html);
	} else {
		block("The failure, to be pasted", buf_text(&text), text.len,
		      r->outcome != OUT_KNOWN, html);
	}
	if (is_bad(r) && *stderr_text)
		block("What the VMM wrote on stderr", stderr_text, strlen(stderr_text), false,
		      html);
}

static void command(const char *what, const char *line, struct buf *html)
{
	html_printf(html, "<div class=\"cm\"><span>%s</span><pre>%.4000s</pre></div>", what, line);
}

/* The first word of shell command @line, with its quotes. */
static size_t program_length(const char *line)
{
	bool quoted = false;
	size_t i;

	for (i = 0; line[i] && (quoted || line[i] != ' '); i++) {
		if (line[i] == '\'')
			quoted = !quoted;
		else if (!quoted && line[i] == '\\' && line[i + 1])
			i++;
	}
	return i;
}

/* A path in the run's directory, as the user can give it to a command. */
static void path_command(struct report_page *p, const struct report_result *r, const char *key,
			 const char *what, const char *words, struct buf *html)
{
	const char *path = json_member(r->json, key);
	auto_buf struct buf line = {0};
	auto_free char *full = xasprintf("%s/%s", p->run[r->run].path, path ? path : "");
	struct err e = {0};

	if (!path)
		return;
	if (!path_is_below(path)) {
		err_set(&e, "the path is refused: it does not lead plainly below the run's "
			    "directory");
		problem(p, path, &e, html);
		return;
	}
	buf_printf(&line, "%s", words);
	buf_shell_quote(&line, full);
	command(what, buf_text(&line), html);
}

static void commands(struct report_page *p, const struct report_result *r, struct buf *html)
{
	const char *repro = json_member(r->json, "repro");
	auto_free char *replay =
		repro && *repro ? xasprintf("%.*s replay ", (int)program_length(repro), repro)
				: xstrdup("midflight replay ");

	if (repro)
		command("again:", repro, html);
	if (!is_bad(r))
		return;
	path_command(p, r, "replay", "replay:", replay, html);
	path_command(p, r, "dir", "log:", "", html);
}

/* ---- hops --------------------------------------------------------------------------------- */

static bool hop_failed(const struct report_result *r, json_int_t hop)
{
	const json_t *fail;
	size_t i;

	json_array_foreach(list_of(r, "fails"), i, fail)
		if (json_member_integer(fail, "hop") == hop)
			return true;
	return false;
}

static json_int_t hop_number(const struct report_result *r, size_t i)
{
	return json_member_integer(json_array_get(list_of(r, "hops"), i), "hop");
}

/* The hops that are shown: all of a few, else the first, some that failed, the last. @number of
 * them. */
static size_t choose_hops(const struct report_result *r, size_t number[HOPS_SHOWN])
{
	const size_t count = json_array_size(list_of(r, "hops"));
	size_t chosen = 0, failed = 0;

	for (size_t i = 0; i < count; i++) {
		const bool edge = !i || i == count - 1;
		const bool bad = !edge && failed < FAILED_SHOWN && hop_failed(r, hop_number(r, i));

		if (count <= HOPS_SHOWN || edge || bad)
			number[chosen++] = i;
		failed += bad;
	}
	return chosen;
}

static void fact(const json_t *hop, const char *key, const char *what, const char *unit,
		 struct buf *html)
{
	const double v = json_member_number(hop, key, -1);

	if (v > 0)
		buf_printf(html, " · %s %.*f%s", what, strcmp(unit, " ms") || v >= 100 ? 0 : 1, v,
			   unit);
}

static void hop_summary(const struct report_result *r, const json_t *hop, json_int_t number,
			struct buf *html)
{
	const json_t *active = json_object_get(hop, "l2_active");
	const char *method = json_member(hop, "method");

	buf_printf(html, "<summary><b>Hop %lld</b>", (long long)number);
	if (hop_failed(r, number))
		buf_printf(html, " <span class=\"bad\">%s failed</span>",
			   outcomes[OUT_FAILED].sign);
	if (method && strcmp(method, json_member(r->json, "method")))
		html_printf(html, " · %.40s", method);
	if (json_is_true(active))
		buf_printf(html, " · L2 active");
	fact(hop, "missed", "missed before", "", html);
	fact(hop, "stop_ms", "stop", " ms", html);
	fact(hop, "save_ms", "save", " ms", html);
	fact(hop, "restore_ms", "restore", " ms", html);
	fact(hop, "downtime_ms", "downtime", " ms", html);
	fact(hop, "rounds", "rounds", "", html);
	fact(hop, "page_requests", "page requests", "", html);
	buf_printf(html, "</summary>");
}

static void hop_files(struct report_page *p, const struct report_result *r, const json_t *hop,
		      json_int_t number, struct buf *html)
{
	const struct report_run *run = &p->run[r->run];
	const char *timeline = json_member(hop, "timeline"), *pages = json_member(hop, "pages");
	struct err e = {0};

	if (timeline) {
		json_auto_t *json = report_html_json(run, timeline, JSON_MAX, &e);

		if (!json || timeline_svg(json, r->name, (unsigned)number, html, &e))
			problem(p, timeline, &e, html);
	}
	if (pages) {
		json_auto_t *json = report_html_json(run, pages, JSON_MAX, &e);

		buf_printf(html, "<h4>Pages asked for</h4>");
		if (!json || report_html_pages(json, html, &e))
			problem(p, pages, &e, html);
	}
	if (!timeline && !pages)
		buf_printf(html, "<p class=\"cap\">No timeline of this hop was written.</p>");
}

static void one_hop(struct report_page *p, const struct report_result *r, const json_t *hop,
		    bool open, struct buf *html)
{
	const json_int_t number = json_member_integer(hop, "hop");
	const size_t before = html->len;
	size_t added;

	buf_printf(html, "<details class=\"hop\"%s>", open ? " open" : "");
	hop_summary(r, hop, number, html);
	if (p->budget || is_bad(r))
		hop_files(p, r, hop, number, html);
	else
		buf_printf(html, "<p class=\"cap\">Left out, as the page is long already: a report "
				 "of fewer runs has it.</p>");
	buf_printf(html, "</details>");
	added = html->len - before;
	p->budget = p->budget > added ? p->budget - added : 0;
}

static void hops(struct report_page *p, const struct report_result *r, struct buf *html)
{
	const json_t *list = list_of(r, "hops");
	size_t shown[HOPS_SHOWN], count = choose_hops(r, shown), open = 0;

	for (size_t i = count; i--;)
		if (hop_failed(r, hop_number(r, shown[i])))
			open = i;
	for (size_t i = 0; i < count; i++)
		one_hop(p, r, json_array_get(list, shown[i]), i == open, html);
	if (json_array_size(list) > count)
		buf_printf(html,
			   "<p class=\"cap\">%zu of %zu hops are shown: the first, those that "
			   "failed (up to %d) and the last; %zu are left out.</p>",
			   count, json_array_size(list), FAILED_SHOWN,
			   json_array_size(list) - count);
}

/* ---- the result --------------------------------------------------------------------------- */

static void head_line(const struct report_page *p, const struct report_result *r, struct buf *html)
{
	const struct outcome_info *info = &outcomes[r->outcome];
	const char *title = json_text_of(r->json, "title"), *notes = json_text_of(r->json, "notes");
	const char *reason = json_member(r->json, "reason"), *id = json_member(r->json, "known");

	if (r->outcome == OUT_SKIPPED && reason)
		notes = reason;
	html_printf(html, "<span class=\"sg %s\">%s %s</span> <b class=\"nm\">%.120s</b>",
		    info->class, info->sign,
		    r->outcome == OUT_KNOWN ? "known" : json_member(r->json, "word"), r->name);
	if (p->runs > 1)
		html_printf(html, "<span class=\"rl\">%s</span>", p->run[r->run].label);
	if (*title)
		html_printf(html, " <span class=\"ti\">%.200s</span>", title);
	if (r->outcome == OUT_KNOWN)
		html_printf(html, "<span class=\"nt\">%.80s</span>", id);
	if (*notes)
		html_printf(html, " <span class=\"nt\">%.300s</span>", notes);
}

void report_html_result(struct report_page *p, const struct report_result *r, struct buf *html)
{
	const char *class = outcomes[r->outcome].class;
	bool open;

	if (!is_bad(r) && !json_array_size(list_of(r, "hops"))) {
		buf_printf(html, "<div class=\"res pl %s\" id=\"r%u-%u\">", class, r->run,
			   r->number);
		head_line(p, r, html);
		buf_printf(html, "</div>\n");
		return;
	}
	open = is_bad(r) && (r->outcome != OUT_KNOWN || p->count[OUT_KNOWN] <= KNOWN_OPEN);
	buf_printf(html, "<details class=\"res %s\"%s><summary>", class, open ? " open" : "");
	head_line(p, r, html);
	/* The anchor lies inside, so that a browser that follows a link to it opens it. */
	buf_printf(html, "</summary><div class=\"in\" id=\"r%u-%u\">", r->run, r->number);
	known(r, html);
	findings(r, html);
	checks(r, html);
	oracles(r, html);
	commands(p, r, html);
	hops(p, r, html);
	failure(p, r, html);
	buf_printf(html, "</div></details>\n");
}
