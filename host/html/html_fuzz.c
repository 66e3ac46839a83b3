// SPDX-License-Identifier: BSD-2-Clause
// The HTML report of campaigns of `midflight fuzz`: numbers, and each finding with its program and
// both traces. Nothing that is read is trusted; what is damaged is told of in its place.
#include "host/base/cleanup.h"
#include "host/html/html_escape.h"
#include "host/html/html_page.h"
#include "host/report/fuzz_json.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <midflight_version.h>

#define FUZZ_MAX    (64u << 20) /* bytes of fuzz.json */
#define PROGRAM_MAX 65536
#define TRACES_MAX  (1u << 20)
#define BUDGET	    (8u << 20)
#define SHOWN_MAX   500 /* findings of one campaign */

/* ---- reading -------------------------------------------------------------------------------- */

bool fuzz_html_is(const char *path)
{
	auto_free char *fuzz = xasprintf("%s/" FUZZ_FILE, path);
	auto_free char *result = xasprintf("%s/result.json", path);

	return !access(fuzz, F_OK) && access(result, F_OK);
}

static int load(struct fuzz_page *p, const char *path, struct err *e)
{
	const json_t *finding;
	struct report_run *run;
	struct err why = {0};
	size_t i;

	p->run = xrealloc(p->run, (p->runs + 1) * sizeof(*p->run));
	run = &p->run[p->runs++];
	*run = (struct report_run){.path = xstrdup(path),
				   .dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	if (run->dir < 0)
		return err_errno(e, path);
	run->top = report_html_json(run, FUZZ_FILE, FUZZ_MAX, &why);
	if (!run->top || fuzz_json_check(run->top, &why))
		return err_set(e, "%s/" FUZZ_FILE ": %s", path, why.text);
	json_array_foreach(json_object_get(run->top, "findings"), i, finding) {
		p->findings++;
		p->known += json_member(finding, "known") != NULL;
	}
	return 0;
}

int fuzz_html_load(struct fuzz_page *p, char *const *dirs, unsigned count, struct err *e)
{
	*p = (struct fuzz_page){.budget = BUDGET};
	for (unsigned i = 0; i < count; i++)
		if (load(p, dirs[i], e))
			return -1;
	return 0;
}

void fuzz_html_free(struct fuzz_page *p)
{
	for (unsigned i = 0; i < p->runs; i++) {
		close_fd(&p->run[i].dir);
		json_decref(p->run[i].top);
		free(p->run[i].path);
	}
	free(p->run);
	*p = (struct fuzz_page){0};
}

/* File @name of the finding in @dir. False: the page says why it is not there. */
static bool read_part(struct fuzz_page *p, const struct report_run *run, const char *dir,
		      const char *name, size_t max, struct buf *bytes, struct buf *html)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	struct err e = {0};

	if (!report_html_file(run, path, max, bytes, &e))
		return true;
	p->problems++;
	html_printf(html, "<p class=\"wrong\">%.200s: %.300s</p>", path, e.text);
	return false;
}

/* ---- traces --------------------------------------------------------------------------------- */

/* The lines of @text, those that begin with `!` marked; with @marked, these alone. */
static void trace_lines(const struct buf *text, bool marked, struct buf *html)
{
	const char *at = buf_text(text), *end = at + text->len;

	buf_printf(html, "<pre class=\"tr\" tabindex=\"0\">");
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const size_t len = newline ? (size_t)(newline - at) : (size_t)(end - at);
		const bool differs = len && *at == '!';

		if (differs)
			buf_printf(html, "<mark>");
		if (differs || !marked || !strncmp(at, "  word ", len < 7 ? len + 1 : 7)) {
			html_bytes(html, at, len);
			buf_printf(html, "%s\n", differs ? "</mark>" : "");
		}
		at += len + 1;
	}
	buf_printf(html, "</pre>");
}

static void traces(struct fuzz_page *p, const struct report_run *run, const char *dir,
		   struct buf *html)
{
	auto_buf struct buf text = {0};

	if (!read_part(p, run, dir, "traces.txt", TRACES_MAX, &text, html))
		return;
	if (text.len > p->budget) {
		buf_printf(html,
			   "<p class=\"cap\">Its traces are left out: the page would grow too "
			   "large. They are in traces.txt.</p>");
		return;
	}
	p->budget -= text.len;
	if (strstr(buf_text(&text), "\n! ")) {
		buf_printf(html, "<h4>Words of the traces that differ</h4>");
		trace_lines(&text, true, html);
	} else {
		buf_printf(html, "<p class=\"cap\">No word differs: an oracle found it, or there "
				 "is no trace with the snapshot, and both columns show the one "
				 "without.</p>");
	}
	buf_printf(html, "<details class=\"bl\"><summary>Both traces side by side</summary>");
	trace_lines(&text, false, html);
	buf_printf(html, "</details>");
}

/* ---- findings ------------------------------------------------------------------------------- */

static void finding(struct fuzz_page *p, unsigned campaign, const json_t *f, unsigned number,
		    struct buf *html)
{
	const struct report_run *run = &p->run[campaign];
	const char *known = json_member(f, "known");
	const struct outcome_info *info = &outcomes[known ? OUT_KNOWN : OUT_FAILED];
	const json_int_t hits = json_member_integer(f, "hits"),
			 more = json_member_integer(f, "more");
	auto_free char *dir = xasprintf(FUZZ_FINDING, number);
	auto_free char *file = xasprintf(FUZZ_FINDING ".mf", number);
	auto_buf struct buf program = {0};

	html_printf(html,
		    "<details class=\"res %s\" id=\"r%u-%u\"%s><summary><span class=\"sg %s\">%s "
		    "%s</span> <code class=\"nm\">%s</code> <span class=\"ti\">%.300s</span>"
		    "<span class=\"nt\">%.0f time%s</span>",
		    info->class, campaign, number, known ? "" : " open", info->class, info->sign,
		    known ? "known" : "found", dir, json_text_of(f, "why"), (double)hits,
		    hits == 1 ? "" : "s");
	if (more)
		html_printf(html,
			    "<span class=\"nt\">%.0f more of the kind, not made smaller</span>",
			    (double)more);
	html_printf(html,
		    "</summary><div class=\"in\"><ul class=\"fi\"><li>kind <code>%.100s</code>"
		    "</li><li>frozen at mark %.0f</li>",
		    json_text_of(f, "kind"), (double)json_member_integer(f, "mark"));
	if (known)
		html_printf(html,
			    "<li>the program, the mark and the words of known KVM bug "
			    "<code>%.100s</code></li>",
			    known);
	buf_printf(html, "</ul><h4>Program</h4>");
	if (read_part(p, run, dir, file, PROGRAM_MAX, &program, html)) {
		buf_printf(html, "<pre>");
		html_bytes(html, buf_text(&program), program.len);
		buf_printf(html, "</pre>");
	}
	html_printf(
		html,
		"<div class=\"cm\"><span>again</span><pre>midflight fuzz %.300s/%s/%s</pre></div>",
		run->path, dir, file);
	traces(p, run, dir, html);
	buf_printf(html, "</div></details>\n");
}

static void findings(struct fuzz_page *p, unsigned campaign, struct buf *html)
{
	const json_t *list = json_object_get(p->run[campaign].top, "findings"), *f;
	size_t i;

	json_array_foreach(list, i, f) {
		if (i < SHOWN_MAX)
			finding(p, campaign, f, (unsigned)i + 1, html);
	}
	if (i > SHOWN_MAX)
		html_printf(html, "<p class=\"cap\">%zu more findings are left out.</p>",
			    i - SHOWN_MAX);
	if (!i)
		buf_printf(html, "<p>Nothing was found.</p>");
}

/* ---- the page ------------------------------------------------------------------------------- */

static void row(const char *title, const char *value, struct buf *html)
{
	html_printf(html, "<tr><th>%s</th><td>%.300s</td></tr>\n", title, value);
}

static void count_row(const char *title, const json_t *top, const char *key, struct buf *html)
{
	html_printf(html, "<tr><th>%s</th><td>%.0f</td></tr>\n", title,
		    (double)json_member_integer(top, key));
}

static void parts_row(const json_t *top, struct buf *html)
{
	auto_buf struct buf text = {0};
	const json_t *part;
	size_t i;

	json_array_foreach(json_object_get(top, "parts"), i, part) {
		if (i)
			buf_printf(&text, "; ");
		fuzz_json_part(part, &text);
	}
	row("drawn by", buf_text(&text), html);
}

static void numbers(const struct report_run *run, struct buf *html)
{
	const json_t *top = run->top;

	buf_printf(html, "<div class=\"sc\" tabindex=\"0\"><table class=\"t facts\"><tbody>");
	row("directory", run->path, html);
	row("L0's kernel", json_text_of(top, "kernel"), html);
	row("Midflight", json_text_of(top, "midflight"), html);
	row("order of the restore", json_text_of(top, "order"), html);
	if (json_member_true(top, "enlightened"))
		row("L1", "enlightened", html);
	if (!json_member_true(top, "oracles"))
		row("general oracles", "left out", html);
	if (json_member_true(top, "control"))
		row("control", "nothing was saved and restored: a finding is a false alarm", html);
	if (json_member(top, "break"))
		row("broken on purpose", json_member(top, "break"), html);
	parts_row(top, html);
	count_row("programs flown", top, "flown", html);
	count_row("of these, from a corpus", top, "read", html);
	count_row("alike with and without a snapshot", top, "alike", html);
	count_row("not alike", top, "found", html);
	count_row("not alike without one: dropped", top, "not_exact", html);
	count_row("without an end: dropped", top, "no_end", html);
	count_row("that came to no mark", top, "no_mark", html);
	count_row("states met", top, "states", html);
	count_row("programs kept, in " FUZZ_CORPUS "/", top, "kept", html);
	buf_printf(html, "</tbody></table></div>");
}

static double sum(const struct fuzz_page *p, const char *key)
{
	double all = 0;

	for (unsigned i = 0; i < p->runs; i++)
		all += (double)json_member_integer(p->run[i].top, key);
	return all;
}

static void headline(const struct fuzz_page *p, struct buf *text)
{
	const unsigned unknown = p->findings - p->known;

	if (unknown)
		buf_printf(text, "✗ %u finding%s that %s no known bug, in %.0f programs", unknown,
			   unknown == 1 ? "" : "s", unknown == 1 ? "is" : "are", sum(p, "flown"));
	else if (p->problems)
		buf_printf(text, "! Nothing new was found, but files are damaged or missing: %u",
			   p->problems);
	else if (p->known)
		buf_printf(text, "✓ Nothing new was found in %.0f programs; known KVM bugs were",
			   sum(p, "flown"));
	else if (sum(p, "alike") > 0)
		buf_printf(text, "✓ Nothing was found in %.0f programs", sum(p, "flown"));
	else
		buf_printf(text, "– No program could be judged");
}

static void total(const struct outcome_info *info, double count, const char *words,
		  struct buf *html)
{
	html_printf(html, "<li class=\"%s\"><b>%.0f</b> %s %s</li>",
		    count > 0 ? info->class : "zero", count, info->sign, words);
}

static void header(const struct fuzz_page *p, const char *title, struct buf *html)
{
	html_printf(html,
		    "<header><h1>Midflight report: programs made by chance</h1><p "
		    "class=\"verdict\">%s</p><ul class=\"sum\">",
		    title);
	total(&outcomes[OUT_FAILED], p->findings - p->known, "findings", html);
	total(&outcomes[OUT_KNOWN], p->known, "known bugs", html);
	total(&outcomes[OUT_PASSED], sum(p, "alike"), "alike", html);
	total(&outcomes[OUT_SKIPPED], sum(p, "not_exact") + sum(p, "no_end") + sum(p, "no_mark"),
	      "not judged", html);
	buf_printf(html, "</ul>");
	if (p->problems)
		html_printf(html,
			    "<p class=\"wrong\">Files that this page was made from are damaged "
			    "or missing: %u. What and why stands in the place of each.</p>",
			    p->problems);
	buf_printf(html, "</header>");
}

static void how(struct buf *html)
{
	buf_printf(
		html,
		"<section id=\"how\"><h2>How to read it</h2><p>A program has steps of L1 and of "
		"its "
		"guest L2. It flies twice without a snapshot and once frozen at one of its marks, "
		"saved, and restored into a new VM. What L1 and L2 then tell is the <b>trace</b>; "
		"the "
		"same program must leave the same one. What does not is a <b>finding</b>: made "
		"smaller, and flown again from the beginning. <b>known</b>: the same steps, mark "
		"and "
		"words are those of a known KVM bug. <b>states</b>: what traces had that none "
		"before "
		"had, an exit behind another one or an event in L2; a program that met such a "
		"thing "
		"is <b>kept</b>, and changed later.</p></section>");
	html_printf(html, "<footer><p>Written by midflight %s report.</p></footer>",
		    MIDFLIGHT_VERSION);
}

void fuzz_html(struct fuzz_page *p, struct buf *html)
{
	auto_buf struct buf title = {0}, body = {0};

	for (unsigned i = 0; i < p->runs; i++) {
		html_printf(&body, "<section><h2>%.100s <small>%.300s</small></h2>",
			    json_text_of(p->run[i].top, "kernel"), p->run[i].path);
		fuzz_html_series(p->run[i].top, &body);
		findings(p, i, &body);
		numbers(&p->run[i], &body);
		buf_printf(&body, "</section>\n");
	}
	headline(p, &title); /* behind all that may be damaged */
	report_html_head(buf_text(&title), html);
	header(p, buf_text(&title), html);
	buf_append(html, buf_text(&body), body.len);
	how(html);
	buf_printf(html, "</body></html>\n");
}
