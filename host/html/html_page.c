// SPDX-License-Identifier: BSD-2-Clause
// The HTML report as one file: nothing in it leads elsewhere, and all of it can be read without
// scripts (the one there is adds a filter), most of it also without styles.
#include "host/html/html_page.h"
#include "host/html/html_escape.h"
#include "host/vmm/method.h"
#include "host/base/cleanup.h"

#include <string.h>
#include <midflight_version.h>

/* The style sheet and the script, as they stand in their files, with a NUL behind each. */
extern const char report_html_css[], report_html_js[];
__asm__("	.pushsection .rodata\n"
	"	.globl	report_html_css, report_html_js\n"
	"report_html_css:\n"
	"	.incbin	\"host/html/html_page.css\"\n"
	"	.byte	0\n"
	"report_html_js:\n"
	"	.incbin	\"host/html/html_page.js\"\n"
	"	.byte	0\n"
	"	.popsection\n");

/* Of html_page.js: a browser runs this script and no other. */
#define SCRIPT_HASH "pBi+HintJrV2k5gL/CwxKum0jZZYlbT1Qv2xKT9waEc="

/* For who has this page alone. */
#define KNOWN_DOCS                                                                             \
	"<code>known-failures.md</code>, which is in <code>docs</code> of Midflight's source " \
	"tree, "                                                                               \
	"installed in <code>share/doc/midflight/docs</code>"

/* ---- what was run ------------------------------------------------------------------------- */

/* A member of result.json, or of its object @in, as text. */
struct fact {
	const char *in, *key, *title;
};

static const struct fact facts[] = {
#define FACT(in, key, title) {in, key, title},
#include "host/html/html_facts.def"
};

static bool is_empty(const json_t *v)
{
	return !v || json_is_null(v) || (json_is_string(v) && !json_string_length(v));
}

static void value_text(const json_t *v, struct buf *html)
{
	if (is_empty(v))
		buf_printf(html, "–");
	else if (json_is_string(v))
		html_clipped(html, json_string_value(v), 300);
	else if (json_is_integer(v))
		buf_printf(html, "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		buf_printf(html, "%s", json_is_true(v) ? "yes" : "no");
	else
		buf_printf(html, "?");
}

static const json_t *fact_of(const struct report_run *run, const char *in, const char *key)
{
	return json_object_get(in ? json_object_get(run->top, in) : run->top, key);
}

/* A row of a table of runs. None if no run says anything; @key need not be ours. */
static void fact_row(const struct report_page *p, const char *in, const char *sub, const char *key,
		     const char *title, struct buf *html)
{
	const json_t *first = NULL;
	bool any = false, same = true;

	for (unsigned i = 0; i < p->runs; i++) {
		const json_t *v = sub ? json_object_get(fact_of(&p->run[i], in, sub), key)
				      : fact_of(&p->run[i], in, key);

		any |= !is_empty(v) && !json_is_false(v);
		if (!i)
			first = v;
		same &= v == first || json_equal(v, first);
	}
	if (!any)
		return;
	html_printf(html, same ? "<tr><th>%.60s</th>" : "<tr class=\"d\"><th>%.60s</th>", title);
	for (unsigned i = 0; i < (same ? 1 : p->runs); i++) {
		if (same)
			buf_printf(html, "<td colspan=\"%u\">", p->runs);
		else
			buf_printf(html, "<td>");
		value_text(sub ? json_object_get(fact_of(&p->run[i], in, sub), key)
			       : fact_of(&p->run[i], in, key),
			   html);
		buf_printf(html, "</td>");
	}
	buf_printf(html, "</tr>\n");
}

static void runs_head(const struct report_page *p, struct buf *html)
{
	buf_printf(html, "<div class=\"sc\" tabindex=\"0\"><table class=\"t facts\"><thead><tr>"
			 "<th></th>");
	for (unsigned i = 0; i < p->runs; i++)
		html_printf(html, "<th>%s</th>", p->run[i].label);
	buf_printf(html, "</tr></thead><tbody>");
}

static void counts_row(const struct report_page *p, struct buf *html)
{
	buf_printf(html, "<tr><th>results</th>");
	for (unsigned i = 0; i < p->runs; i++) {
		unsigned count[OUTCOMES] = {0};
		const char *comma = "";

		for (unsigned r = 0; r < p->results; r++)
			count[p->result[r].outcome] += p->result[r].run == i;
		buf_printf(html, "<td>");
		for (int o = 0; o < OUTCOMES; o++) {
			if (!count[o])
				continue;
			buf_printf(html, "%s%u %s", comma, count[o],
				   outcome_words((enum outcome)o, count[o]));
			comma = ", ";
		}
		buf_printf(html, "</td>");
	}
	buf_printf(html, "</tr><tr><th>directory</th>");
	for (unsigned i = 0; i < p->runs; i++)
		html_printf(html, "<td class=\"m\">%.300s</td>", p->run[i].path);
	buf_printf(html, "</tr>");
}

/* A table of what the runs' environments say in object @sub, whatever its keys. */
static void environment_table(const struct report_page *p, const char *sub, const char *title,
			      struct buf *html)
{
	json_auto_t *keys = json_object();
	const char *key;
	json_t *value;

	for (unsigned i = 0; i < p->runs; i++)
		json_object_foreach(
			json_object_get(json_object_get(p->run[i].top, "environment"), sub), key,
			value)
			if (!is_empty(value))
				json_object_set(keys, key, value);
	if (!json_object_size(keys))
		return;
	buf_printf(html, "<details class=\"bl\"><summary>%s (%zu)</summary>", title,
		   json_object_size(keys));
	runs_head(p, html);
	json_object_foreach(keys, key, value) {
		fact_row(p, "environment", sub, key, key, html);
	}
	buf_printf(html, "</tbody></table></div></details>");
}

static void runs(const struct report_page *p, struct buf *html)
{
	runs_head(p, html);
	counts_row(p, html);
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		fact_row(p, facts[i].in, NULL, facts[i].key, facts[i].title, html);
	buf_printf(html, "</tbody></table></div>");
	environment_table(p, "vmx", "VMX capability MSRs that KVM offers", html);
	environment_table(p, "kvm_parameters", "Parameters of KVM", html);
	environment_table(p, "modules", "Build IDs of KVM's modules", html);
}

/* ---- head --------------------------------------------------------------------------------- */

static bool is_interrupted(const struct report_page *p)
{
	for (unsigned i = 0; i < p->runs; i++)
		if (json_member_true(p->run[i].top, "interrupted"))
			return true;
	return false;
}

/* Known bugs in runs with --strict, which have failed. */
static unsigned strict_known(const struct report_page *p)
{
	unsigned count = 0;

	for (unsigned i = 0; i < p->results; i++)
		count += p->result[i].outcome == OUT_KNOWN &&
			 json_member_true(p->run[p->result[i].run].top, "strict");
	return count;
}

static void headline(const struct report_page *p, struct buf *html)
{
	const unsigned *n = p->count;

	if (n[OUT_FAILED])
		buf_printf(html, "✗ %u of %u results failed", n[OUT_FAILED], p->results);
	else if (n[OUT_ERROR])
		buf_printf(html, "! %u of %u results are errors of Midflight or L1", n[OUT_ERROR],
			   p->results);
	else if (strict_known(p))
		buf_printf(html, "✗ %u of %u results failed by known KVM bugs, with --strict",
			   strict_known(p), p->results);
	else if (is_interrupted(p))
		buf_printf(html, "! Interrupted: results are missing; %u passed", n[OUT_PASSED]);
	else if (p->problems)
		buf_printf(html, "! Nothing new failed, but files are damaged or missing: %u",
			   p->problems);
	else if (n[OUT_KNOWN])
		buf_printf(html,
			   "✓ Nothing new failed; known KVM bugs were met in %u of %u results",
			   n[OUT_KNOWN], p->results);
	else if (n[OUT_PASSED])
		buf_printf(html, "✓ All that ran passed: %u of %u results", n[OUT_PASSED],
			   p->results);
	else
		buf_printf(html, "– Everything was skipped");
}

static void totals(const struct report_page *p, struct buf *html)
{
	buf_printf(html, "<ul class=\"sum\">");
	for (int o = 0; o < OUTCOMES; o++)
		buf_printf(html, "<li class=\"%s\"><b>%u</b> %s %s</li>",
			   p->count[o] ? outcomes[o].class : "zero", p->count[o], outcomes[o].sign,
			   outcome_words((enum outcome)o, p->count[o]));
	buf_printf(html, "</ul>");
}

static void wrong(const struct report_page *p, struct buf *html)
{
	for (unsigned i = 0; i < p->runs; i++)
		if (json_member_true(p->run[i].top, "interrupted"))
			html_printf(html,
				    "<p class=\"wrong\">The run in %s was interrupted: results are "
				    "missing.</p>",
				    p->run[i].path);
	if (p->wrong.len)
		buf_printf(html, "<ul class=\"wrong\">%s</ul>", p->wrong.p);
	if (p->problems)
		buf_printf(html,
			   "<p class=\"wrong\">Files that this page was made from are damaged or "
			   "missing: %u. What and why stands in the place of each.</p>",
			   p->problems);
}

/* A link to @r, behind @shown others. */
static void link_to(const struct report_page *p, const struct report_result *r, unsigned shown,
		    struct buf *html)
{
	html_printf(html, "%s<a href=\"#r%u-%u\">%.80s", shown ? ", " : "", r->run, r->number,
		    r->name);
	if (p->runs > 1)
		html_printf(html, " (%s)", p->run[r->run].label);
	buf_printf(html, "</a>");
}

/* The known bugs that were met: which, where. */
static void bugs(const struct report_page *p, struct buf *html)
{
	json_auto_t *seen = json_object();

	buf_printf(html, "<div class=\"sc\" tabindex=\"0\"><table class=\"t bugs\"><thead><tr><th>"
			 "known KVM bug</th><th>its name</th><th>met in</th></tr>"
			 "</thead><tbody>");
	for (unsigned i = 0; i < p->results; i++) {
		const json_t *json = p->result[i].json;
		const char *id = json_member(json, "known"),
			   *text = json_member(json, "known_text");
		unsigned shown = 0, count = 0;

		if (p->result[i].outcome != OUT_KNOWN || json_object_get(seen, id))
			continue;
		json_object_set_new(seen, id, json_true());
		html_printf(html,
			    "<tr><td><span class=\"sg known\">%s known</span> %.300s</td>"
			    "<td><code>%.100s</code></td><td>",
			    outcomes[OUT_KNOWN].sign, text ? text : id, id);
		for (unsigned k = i; k < p->results; k++) {
			const struct report_result *r = &p->result[k];

			if (r->outcome != OUT_KNOWN || strcmp(id, json_member(r->json, "known")) ||
			    ++count > 12)
				continue;
			link_to(p, r, shown++, html);
		}
		if (count > 12)
			buf_printf(html, " and %u more", count - 12);
		buf_printf(html, "</td></tr>\n");
	}
	buf_printf(html,
		   "</tbody></table></div><p class=\"cap\">What KVM does there, and how it was "
		   "found out: by these names in " KNOWN_DOCS ".</p>");
}

/* What failed, by name, in front of everything. */
static void failures(const struct report_page *p, enum outcome outcome, struct buf *html)
{
	unsigned shown = 0;

	if (!p->count[outcome])
		return;
	buf_printf(html, "<p><span class=\"sg %s\">%s %s</span> ", outcomes[outcome].class,
		   outcomes[outcome].sign, outcome_words(outcome, p->count[outcome]));
	for (unsigned i = 0; i < p->results && shown < 40; i++) {
		const struct report_result *r = &p->result[i];

		if (r->outcome != outcome)
			continue;
		link_to(p, r, shown++, html);
	}
	if (p->count[outcome] > shown)
		buf_printf(html, " and %u more", p->count[outcome] - shown);
	buf_printf(html, "</p>");
}

/* Each value once that the runs have for @f. */
static void distinct(const struct report_page *p, const struct fact *f, struct buf *html)
{
	const char *comma = "";

	for (unsigned i = 0; i < p->runs; i++) {
		const json_t *v = fact_of(&p->run[i], f->in, f->key);
		unsigned k = 0;

		while (k < i && !json_equal(v, fact_of(&p->run[k], f->in, f->key)))
			k++;
		if (k < i || is_empty(v))
			continue;
		if (!*comma)
			buf_printf(html, "<li>%s <b>", f->title);
		buf_printf(html, "%s", comma);
		value_text(v, html);
		comma = ", ";
	}
	if (*comma)
		buf_printf(html, "</b></li> ");
}

/* In short; the table of all that was run stands at the end. */
static void what(const struct report_page *p, struct buf *html)
{
	static const struct fact shown[] = {
#define SHORT(in, key, title) {in, key, title},
#include "host/html/html_facts.def"
	};

	buf_printf(html, "<ul class=\"what\">");
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
		distinct(p, &shown[i], html);
	buf_printf(html, "</ul>");
}

static void header(const struct report_page *p, struct buf *html)
{
	buf_printf(html, "<header><h1>Midflight report</h1><p class=\"verdict\">");
	headline(p, html);
	buf_printf(html, "</p>");
	totals(p, html);
	what(p, html);
	wrong(p, html);
	buf_printf(html, "<nav><a href=\"#matrix\">Matrix</a>");
	for (int o = 0; o < OUTCOMES; o++)
		if (p->count[o])
			buf_printf(html, " <a href=\"#%s\">%s</a>", outcomes[o].class,
				   outcomes[o].title);
	buf_printf(html, " <a href=\"#runs\">What was run</a> <a href=\"#how\">How to read it</a>"
			 "</nav></header>");
	failures(p, OUT_FAILED, html);
	failures(p, OUT_ERROR, html);
	if (p->count[OUT_KNOWN])
		bugs(p, html);
}

/* ---- the page ----------------------------------------------------------------------------- */

/* The method that another's text begins with (`as file, but ...`), or METHODS. */
static enum method referred(enum method m)
{
	const char *text = method_info(m)->text;
	char name[40];

	if (strncmp(text, "as ", 3))
		return METHODS;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(text + 3, ",; "), text + 3);
	return method_find(name);
}

/* What the methods of these results do: the mouse is not everywhere. */
static void methods(const struct report_page *p, struct buf *html)
{
	bool used[METHODS + 1] = {false};

	for (unsigned i = 0; i < p->results; i++) {
		const char *name = json_member(p->result[i].json, "method");

		for (enum method m = method_find(name); m < METHODS && !used[m]; m = referred(m))
			used[m] = true;
	}
	buf_printf(html, "<ul>");
	for (int m = 0; m < METHODS; m++)
		if (used[m])
			html_printf(html, "<li><b>%s</b>: %s.</li>", method_name((enum method)m),
				    method_info((enum method)m)->text);
	buf_printf(html, "</ul>");
}

static void footer(const struct report_page *p, struct buf *html)
{
	buf_printf(
		html,
		"<section id=\"how\"><h2>How to read it</h2>"
		"<p>L0 is the kernel whose KVM is tested, L1 a hypervisor in a VM, L2 its "
		"guest. In each <b>hop</b> L0 moves the VM once: it saves it at one instant and "
		"restores it; L1 and L2 then say whether anything was lost, doubled or changed. "
		"A <b>control</b> is the same without the move: what fails there too is not the "
		"move's.</p>"
		"<p><b>passed</b>: every check ran and held. <b>failed</b>: a check failed, or "
		"the VM hung or died (FAIL, HANG, CRASH). <b>known</b>: it failed as a known "
		"bug of KVM does, and in no other way; each such bug is explained in " KNOWN_DOCS
		". <b>skipped</b>: the CPU or QEMU lacks something. <b>error</b>: Midflight or "
		"L1 is wrong, not KVM.</p>"
		"<p><b>missed</b>: the VM was stopped while L2 was not where the scenario wants "
		"it, so this stop does not count and another was made. <b>nudged</b>: the VM was "
		"silent for so long that the host sent it an NMI, upon which L1 looked what was "
		"lost.</p>"
		"<p><b>stop</b>, <b>save</b>, <b>restore</b>: the runner's steps, with starting "
		"a new QEMU; <b>downtime</b> and <b>rounds</b> (how often a live migration went "
		"through the memory): as QEMU tells them. So a restore may be longer than the "
		"downtime. <b>page requests</b>: those of a post-copy. In the "
		"lab all times are the emulated machine's.</p>"
		"<p>A <b>method</b> is how the VM is moved.</p>");
	methods(p, html);
	buf_printf(html,
		   "<p>Timelines: one lane for each thread or party, time in milliseconds from the "
		   "hop's beginning. Where a bar is too small for its text, the mouse tells it. A "
		   "page request lasts from asking until the page was there.</p>");
	timeline_legend(html);
	html_printf(html, "</section><footer><p>Written by midflight %s report.</p></footer>",
		    MIDFLIGHT_VERSION);
}

static void sections(struct report_page *p, struct buf *html)
{
	for (int o = 0; o < OUTCOMES; o++) {
		if (!p->count[o])
			continue;
		buf_printf(html, "<section id=\"%s\"><h2>%s <small>(%u)</small></h2>\n",
			   outcomes[o].class, outcomes[o].title, p->count[o]);
		for (unsigned i = 0; i < p->results; i++)
			if ((int)p->result[i].outcome == o)
				report_html_result(p, &p->result[i], html);
		buf_printf(html, "</section>\n");
	}
}

void report_html_head(const char *title, struct buf *html)
{
	buf_printf(html,
		   "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
		   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		   "style-src 'unsafe-inline'; script-src 'sha256-%s'; base-uri 'none'; "
		   "form-action 'none'\"><title>Midflight: ",
		   SCRIPT_HASH);
	html_printf(html, "%s", title);
	buf_printf(html, "</title>\n<style>\n%s</style></head>\n<body>\n", report_html_css);
}

void report_html(struct report_page *p, struct buf *html)
{
	auto_buf struct buf results = {0}, title = {0};

	sections(p, &results); /* first: it finds what is damaged, which the header says */
	headline(p, &title);
	report_html_head(buf_text(&title), html);
	header(p, html);
	buf_printf(
		html,
		"<section id=\"matrix\"><h2>Matrix</h2><div id=\"filter\" hidden><label>Filter "
		"<input type=\"search\" id=\"ft\" placeholder=\"part of a name\"></label>"
		"<label><input type=\"checkbox\" id=\"fb\"> only what did not pass</label></div>");
	report_html_matrix(p, html);
	buf_printf(html, "</section>\n");
	buf_append(html, buf_text(&results), results.len);
	buf_printf(html, "<section id=\"runs\"><h2>What was run</h2>");
	runs(p, html);
	buf_printf(html, "</section>\n");
	footer(p, html);
	buf_printf(html, "\n<script>%s</script></body></html>\n", report_html_js);
}
