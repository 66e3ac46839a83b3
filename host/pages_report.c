// SPDX-License-Identifier: BSD-2-Clause
// What was fetched when: a table and totals for people, JSON for programs, and in both the answer
// to the question in which phase of the restore this KVM needs the vmcs12 pages.
#include "host/pages.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum kind { VMCS12, EPT, L2, OTHER, KINDS };
static const char *const kind_keys[KINDS] = {"vmcs12", "ept", "l2", "other"};
static const char *const kind_titles[KINDS] = {"vmcs12", "EPT", "L2", "other"};

static enum kind kind_of(const struct fetch *f)
{
	if (page_name_is_vmcs12(f->name))
		return VMCS12;
	if (!strncmp(f->name, "EPT table", 9))
		return EPT;
	return strncmp(f->name, "L2 ", 3) ? OTHER : L2;
}

/* One phase's pages, each counted where it was asked for first. */
struct total {
	const char *phase;
	unsigned pages[KINDS], all;
	bool asked_vmcs12; /* maybe not for the first time */
};

struct totals {
	struct total *phase; /* in order */
	unsigned phases;
	struct total sum;
	unsigned requests, never; /* all requests; pages that never came */
};

static int by_page(const void *a, const void *b)
{
	const struct fetch *x = *(const struct fetch *const *)a;
	const struct fetch *y = *(const struct fetch *const *)b;

	if (x->gpa != y->gpa)
		return x->gpa < y->gpa ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static struct total *phase_total(struct totals *t, const char *phase)
{
	for (unsigned i = t->phases; i--;)
		if (!strcmp(t->phase[i].phase, phase))
			return &t->phase[i];
	t->phase = xrealloc(t->phase, (t->phases + 1) * sizeof(*t->phase));
	t->phase[t->phases] = (struct total){.phase = phase};
	return &t->phase[t->phases++];
}

static void count_page(struct totals *t, const struct fetch *f)
{
	struct total *total = phase_total(t, f->phase);
	enum kind kind = kind_of(f);

	total->pages[kind]++;
	total->all++;
	t->sum.pages[kind]++;
	t->sum.all++;
}

/* The caller frees t->phase. */
static void add_up(struct totals *t, const struct fetch *list, unsigned count)
{
	const struct fetch **sorted = xcalloc(count ? count : 1, sizeof(const struct fetch *));
	bool lost = false;

	memset(t, 0, sizeof(*t));
	t->requests = count;
	for (unsigned i = 0; i < count; i++) {
		struct total *total = phase_total(t, list[i].phase);

		total->asked_vmcs12 |= kind_of(&list[i]) == VMCS12;
		sorted[i] = &list[i];
	}
	qsort(sorted, count, sizeof(const struct fetch *), by_page);
	for (unsigned i = 0; i < count; i++) {
		if (!i || sorted[i]->gpa != sorted[i - 1]->gpa) {
			count_page(t, sorted[i]);
			lost = false;
		}
		if (sorted[i]->waited_ns < 0 && !lost) {
			lost = true;
			t->never++;
		}
	}
	free(sorted);
}

/* ---- findings ----------------------------------------------------------------------------- */

static bool is_finding(const struct fetch *f)
{
	return f->too_early || f->lost;
}

/* Several threads at one page in one phase are one finding. */
static bool is_repeated(const struct fetch *list, unsigned i)
{
	for (unsigned k = 0; k < i; k++)
		if (is_finding(&list[k]) && list[k].gpa == list[i].gpa &&
		    list[k].lost == list[i].lost && !strcmp(list[k].phase, list[i].phase))
			return true;
	return false;
}

static void finding(const struct fetch *f, struct buf *text)
{
	buf_printf(text, "%s needs page '%s' (gpa 0x%" PRIx64 "): %s", f->phase, f->name, f->gpa,
		   f->lost ? "it never came"
			   : "asked for before the phase from which pages are served");
}

/* ---- the answer --------------------------------------------------------------------------- */

static void answer(const struct totals *t, const char *kernel, struct buf *text)
{
	bool any = false;

	buf_printf(text, "this KVM");
	if (kernel && *kernel)
		buf_printf(text, " (%s)", kernel);
	for (unsigned i = 0; i < t->phases; i++) {
		if (!t->phase[i].asked_vmcs12)
			continue;
		buf_printf(text, "%s%s",
			   any ? ", " : " fetches the vmcs12 pages in: ", t->phase[i].phase);
		any = true;
	}
	if (!any)
		buf_printf(text, " fetches no vmcs12 page");
}

/* ---- for people --------------------------------------------------------------------------- */

struct widths {
	int phase, name;
};

static int wider(int width, const char *text)
{
	return (int)strlen(text) > width ? (int)strlen(text) : width;
}

static const char *marks(const struct fetch *f)
{
	if (f->too_early)
		return f->lost ? "  too early, lost" : "  too early";
	return f->lost ? "  lost" : "";
}

static void row(const struct fetch *f, const struct widths *w, struct buf *text)
{
	char gpa[24], waited[24] = "never";

	snprintf(gpa, sizeof(gpa), "0x%" PRIx64, f->gpa);
	if (f->waited_ns >= 0)
		snprintf(waited, sizeof(waited), "%lld", (long long)(f->waited_ns / NS_PER_US));
	buf_printf(text, "%5u  %-*s  %-*s  %12s  %-6s  %-6s  %10s%s\n", f->order, w->phase,
		   f->phase, w->name, f->name, gpa, f->vcpu ? "vCPU" : "other",
		   f->write ? "write" : "read", waited, marks(f));
}

static void table(const struct fetch *list, unsigned count, const struct widths *w,
		  struct buf *text)
{
	buf_printf(text, "%5s  %-*s  %-*s  %12s  %-6s  %-6s  %10s  %s\n", "order", w->phase,
		   "phase", w->name, "page", "gpa", "thread", "access", "waited us", "mark");
	for (unsigned i = 0; i < count; i++)
		row(&list[i], w, text);
}

static void total_row(const struct total *t, const struct widths *w, struct buf *text)
{
	buf_printf(text, "%-*s", w->phase, t->phase);
	for (int kind = 0; kind < KINDS; kind++)
		buf_printf(text, "  %6u", t->pages[kind]);
	buf_printf(text, "  %6u\n", t->all);
}

static void totals_table(const struct totals *t, const struct widths *w, struct buf *text)
{
	buf_printf(text, "%-*s", w->phase, "pages first asked for in");
	for (int kind = 0; kind < KINDS; kind++)
		buf_printf(text, "  %6s", kind_titles[kind]);
	buf_printf(text, "  %6s\n", "all");
	for (unsigned i = 0; i < t->phases; i++)
		total_row(&t->phase[i], w, text);
	total_row(&t->sum, w, text);
	if (t->never)
		buf_printf(text, "of these %u never came\n", t->never);
}

void pages_report(const struct fetch *list, unsigned count, const char *kernel, struct buf *text)
{
	struct widths w = {wider(0, "pages first asked for in"), wider(0, "page")};
	struct totals t;

	add_up(&t, list, count);
	t.sum.phase = "in all";
	for (unsigned i = 0; i < count; i++) {
		w.phase = wider(w.phase, list[i].phase);
		w.name = wider(w.name, list[i].name);
	}
	if (count) {
		table(list, count, &w, text);
		buf_printf(text, "\n");
		totals_table(&t, &w, text);
		buf_printf(text, "\n");
	} else {
		buf_printf(text, "no page was asked for\n");
	}
	for (unsigned i = 0; i < count; i++) {
		if (!is_finding(&list[i]) || is_repeated(list, i))
			continue;
		finding(&list[i], text);
		buf_printf(text, "\n");
	}
	answer(&t, kernel, text);
	buf_printf(text, "\n");
	free(t.phase);
}

/* ---- for programs ------------------------------------------------------------------------- */

/* Takes @value; a failed allocation ends the runner like any other. */
static json_t *got(json_t *value)
{
	if (!value) {
		fputs("midflight: cannot build the report of pages\n", stderr);
		exit(2);
	}
	return value;
}

static void set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, got(value)))
		got(NULL);
}

static void append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, got(value)))
		got(NULL);
}

/* Names come from the guest and need not be UTF-8, which JSON wants. */
static json_t *json_text(const char *s)
{
	json_t *string = json_string(s);
	char *copy;

	if (string)
		return string;
	copy = xstrdup(s);
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	string = json_string(copy);
	free(copy);
	return got(string);
}

static json_t *json_hex(uint64_t value)
{
	char s[24];

	snprintf(s, sizeof(s), "0x%" PRIx64, value);
	return json_string(s);
}

static json_t *json_us(int64_t ns)
{
	return ns < 0 ? json_null() : json_integer(ns / NS_PER_US);
}

static json_t *fetch_json(const struct fetch *f)
{
	json_t *o = got(json_object());

	set(o, "order", json_integer(f->order));
	set(o, "phase", json_text(f->phase));
	set(o, "page", json_text(f->name));
	set(o, "kind", json_string(kind_keys[kind_of(f)]));
	set(o, "gpa", json_hex(f->gpa));
	set(o, "thread", json_string(f->vcpu ? "vcpu" : "other"));
	set(o, "tid", f->tid ? json_integer(f->tid) : json_null());
	set(o, "write", json_boolean(f->write));
	set(o, "too_early", json_boolean(f->too_early));
	set(o, "lost", json_boolean(f->lost));
	set(o, "asked_us", json_us(f->asked_ns));
	set(o, "waited_us", json_us(f->waited_ns));
	return o;
}

static json_t *total_json(const struct total *t)
{
	json_t *o = got(json_object());

	if (t->phase)
		set(o, "phase", json_text(t->phase));
	for (int kind = 0; kind < KINDS; kind++)
		set(o, kind_keys[kind], json_integer(t->pages[kind]));
	set(o, "pages", json_integer(t->all));
	return o;
}

static json_t *finding_json(const struct fetch *f)
{
	json_t *o = got(json_object());
	struct buf text = {0};

	finding(f, &text);
	set(o, "phase", json_text(f->phase));
	set(o, "page", json_text(f->name));
	set(o, "gpa", json_hex(f->gpa));
	set(o, "mark", json_string(f->lost ? "lost" : "too_early"));
	set(o, "text", json_text(buf_text(&text)));
	buf_free(&text);
	return o;
}

json_t *pages_report_json(const struct fetch *list, unsigned count, const char *kernel)
{
	json_t *o = got(json_object()), *fetches = got(json_array()), *findings = got(json_array());
	json_t *phases = got(json_array()), *vmcs12 = got(json_array()), *sum;
	struct buf text = {0};
	struct totals t;

	add_up(&t, list, count);
	for (unsigned i = 0; i < count; i++) {
		append(fetches, fetch_json(&list[i]));
		if (is_finding(&list[i]) && !is_repeated(list, i))
			append(findings, finding_json(&list[i]));
	}
	for (unsigned i = 0; i < t.phases; i++) {
		append(phases, total_json(&t.phase[i]));
		if (t.phase[i].asked_vmcs12)
			append(vmcs12, json_text(t.phase[i].phase));
	}
	sum = total_json(&t.sum);
	set(sum, "requests", json_integer(t.requests));
	set(sum, "never_came", json_integer(t.never));
	answer(&t, kernel, &text);
	set(o, "kernel", kernel ? json_text(kernel) : json_null());
	set(o, "fetches", fetches);
	set(o, "phases", phases);
	set(o, "total", sum);
	set(o, "findings", findings);
	set(o, "vmcs12_phases", vmcs12);
	set(o, "answer", json_text(buf_text(&text)));
	buf_free(&text);
	free(t.phase);
	return o;
}
