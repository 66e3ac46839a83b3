// SPDX-License-Identifier: BSD-2-Clause
// What was fetched when: a table and totals for people, JSON for programs, and in both the answer
// to the question in which phase of the restore this KVM needs the vmcs12 pages. What the guest
// itself touches is no need of KVM's.
#include "host/base/cleanup.h"
#include "host/base/json.h"
#include "host/pages/pages.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ROWS 40 /* of the table for people */

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

/* By KVM itself, or by nobody knows whom. */
static bool is_kvms(const struct fetch *f)
{
	enum page_asker asker = page_asker(f->via);

	return kind_of(f) == VMCS12 && (asker == ASKER_KVM || asker == ASKER_UNKNOWN);
}

static const char *guest_of(const struct fetch *f)
{
	const enum page_asker asker = kind_of(f) == VMCS12 ? page_asker(f->via) : ASKER_OTHER;

	return asker == ASKER_L1      ? "L1"
	       : asker == ASKER_L2    ? "L2"
	       : asker == ASKER_GUEST ? "the guest"
				      : NULL;
}

/* One phase's pages, each counted where it was asked for first. */
struct total {
	const char *phase;
	unsigned pages[KINDS], all;
	bool kvms; /* KVM itself asked for a vmcs12 page, maybe not for the first time */
};

struct totals {
	struct total *phase; /* in order */
	unsigned phases;
	struct total sum;
	unsigned requests, never; /* all requests; pages that never came */
	unsigned unread;	  /* requests whose asker is unknown */
	bool unread_vmcs12;
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
	auto_free const struct fetch **sorted = xcalloc(count, sizeof(const struct fetch *));
	bool lost = false;

	memset(t, 0, sizeof(*t));
	t->requests = count;
	for (unsigned i = 0; i < count; i++) {
		struct total *total = phase_total(t, list[i].phase);

		total->kvms |= is_kvms(&list[i]);
		t->unread += !*list[i].via;
		t->unread_vmcs12 |= !*list[i].via && kind_of(&list[i]) == VMCS12;
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

static void finding(const struct fetch *f, const char *late, struct buf *text)
{
	buf_printf(text, "%s needs page '%s' (gpa 0x%" PRIx64, f->phase, f->name, f->gpa);
	if (*f->via)
		buf_printf(text, ", via %s", f->via);
	buf_printf(text, "): ");
	if (f->lost)
		buf_printf(text, "it never came");
	else if (late && *late)
		buf_printf(text, "asked for before pages are served from %s on", late);
	else
		buf_printf(text, "asked for before the phase from which pages are served");
}

/* ---- the answer --------------------------------------------------------------------------- */

/* A vmcs12 page in @phase that KVM itself (@guest is NULL) or @guest asked for. */
static bool is_of(const struct fetch *f, const char *phase, const char *guest)
{
	const char *who = guest_of(f);

	return (guest ? who && !strcmp(who, guest) : is_kvms(f)) && !strcmp(f->phase, phase);
}

/* These pages, each name once. */
static void page_list(const struct fetch *list, unsigned count, const char *phase,
		      const char *guest, struct buf *text)
{
	const char *comma = "";

	for (unsigned i = 0; i < count; i++) {
		bool again = !is_of(&list[i], phase, guest);

		for (unsigned k = 0; k < i && !again; k++)
			again = !strcmp(list[k].name, list[i].name) &&
				is_of(&list[k], phase, guest);
		if (again)
			continue;
		buf_printf(text, "%s%s", comma, list[i].name);
		comma = ", ";
	}
}

static void answer(const struct totals *t, const struct fetch *list, unsigned count,
		   const char *kernel, struct buf *text)
{
	bool any = false;

	buf_printf(text, "this KVM");
	if (kernel && *kernel)
		buf_printf(text, " (%s)", kernel);
	for (unsigned i = 0; i < t->phases; i++) {
		if (!t->phase[i].kvms)
			continue;
		buf_printf(text, "%s%s (",
			   any ? "; " : " fetches the vmcs12 pages in: ", t->phase[i].phase);
		page_list(list, count, t->phase[i].phase, NULL, text);
		buf_printf(text, ")");
		any = true;
	}
	if (!any)
		buf_printf(text, " fetched no vmcs12 page");
	if (t->unread_vmcs12)
		buf_printf(text, " (the kernel's stacks could not be read: accesses by L1 itself "
				 "are counted too)");
}

static bool touched_in(const struct fetch *list, unsigned count, const char *phase,
		       const char *guest)
{
	for (unsigned i = 0; i < count; i++)
		if (is_of(&list[i], phase, guest))
			return true;
	return false;
}

/* What the guest touched in its own time: a line for each level that did. */
static void touched(const struct totals *t, const struct fetch *list, unsigned count,
		    struct buf *text)
{
	static const char *const guests[] = {"L1", "L2", "the guest"};

	for (size_t g = 0; g < ARRAY_SIZE(guests); g++) {
		bool any = false;

		for (unsigned i = 0; i < t->phases; i++) {
			const char *phase = t->phase[i].phase;

			if (!touched_in(list, count, phase, guests[g]))
				continue;
			if (any)
				buf_printf(text, "; ");
			else
				buf_printf(text, "%s itself touched: ", guests[g]);
			page_list(list, count, phase, guests[g], text);
			buf_printf(text, " in %s", phase);
			any = true;
		}
		if (any)
			buf_printf(text, "\n");
	}
}

/* ---- for people --------------------------------------------------------------------------- */

struct widths {
	int phase, name, via;
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

static const char *via_of(const struct fetch *f)
{
	return *f->via ? f->via : "?";
}

/* Like requests in a row. */
struct run_of {
	const struct fetch *first;
	unsigned count;
	int64_t waited_ns; /* the longest; -1: one of them never came */
};

static bool is_like(const struct fetch *a, const struct fetch *b)
{
	return !strcmp(a->phase, b->phase) && !strcmp(a->name, b->name) && a->vcpu == b->vcpu &&
	       !strcmp(a->via, b->via) && a->write == b->write && a->too_early == b->too_early &&
	       a->lost == b->lost;
}

/* The caller frees *@runs. */
static unsigned fold(const struct fetch *list, unsigned count, struct run_of **runs)
{
	unsigned n = 0;

	*runs = xcalloc(count, sizeof(**runs));
	for (unsigned i = 0; i < count; i++) {
		struct run_of *run = *runs + n;

		if (!i || !is_like(&list[i], &list[i - 1])) {
			*run = (struct run_of){&list[i], 1, list[i].waited_ns};
			n++;
			continue;
		}
		run--;
		run->count++;
		if (list[i].waited_ns < 0)
			run->waited_ns = -1;
		else if (run->waited_ns >= 0 && list[i].waited_ns > run->waited_ns)
			run->waited_ns = list[i].waited_ns;
	}
	return n;
}

static void row(const struct run_of *run, const struct widths *w, struct buf *text)
{
	const struct fetch *f = run->first;
	char gpa[24], times[16] = "", waited[24] = "never";

	snprintf(gpa, sizeof(gpa), "0x%" PRIx64, f->gpa);
	if (run->count > 1)
		snprintf(times, sizeof(times), "x%u", run->count);
	if (run->waited_ns >= 0)
		snprintf(waited, sizeof(waited), "%lld", (long long)(run->waited_ns / NS_PER_US));
	buf_printf(text, "%5u  %-*s  %-*s  %12s  %-4s  %-6s  %-*s  %-6s  %9s%s\n", f->order,
		   w->phase, f->phase, w->name, f->name, gpa, times, f->vcpu ? "vCPU" : "other",
		   w->via, via_of(f), f->write ? "write" : "read", waited, marks(f));
}

/* What the table is for: stays in it however long it gets. */
static bool matters(const struct fetch *f)
{
	return kind_of(f) == VMCS12 || is_finding(f);
}

static void table(const struct fetch *list, unsigned count, const struct widths *w,
		  struct buf *text)
{
	auto_free struct run_of *runs = NULL;
	unsigned matter = 0, shown = 0, others = 0, n = fold(list, count, &runs);

	for (unsigned i = 0; i < n; i++)
		matter += matters(runs[i].first);
	buf_printf(text, "%5s  %-*s  %-*s  %12s  %-4s  %-6s  %-*s  %-6s  %9s  %s\n", "order",
		   w->phase, "phase", w->name, "page", "gpa", "", "thread", w->via, "by", "access",
		   "waited us", "mark");
	for (unsigned i = 0; i < n; i++) {
		bool it_matters = matters(runs[i].first);

		if (shown == MAX_ROWS || (!it_matters && others + matter >= MAX_ROWS))
			continue;
		row(&runs[i], w, text);
		shown++;
		others += !it_matters;
	}
	if (shown < n)
		buf_printf(text, "(%u more rows are left out; the JSON report has all)\n",
			   n - shown);
}

/* What the column `by` can't say. */
static void unread(const struct totals *t, struct buf *text)
{
	if (!t->unread)
		return;
	buf_printf(text, "by: the kernel's stacks could not be read");
	if (t->unread < t->requests)
		buf_printf(text, " for %u of %u requests", t->unread, t->requests);
	else
		buf_printf(text, " (it wants root, or CAP_SYS_ADMIN)");
	buf_printf(text, "\n");
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

void pages_report(const struct fetch *list, unsigned count, const char *kernel, const char *late,
		  struct buf *text)
{
	struct widths w = {wider(0, "pages first asked for in"), wider(0, "page"), wider(0, "by")};
	struct totals t;

	add_up(&t, list, count);
	t.sum.phase = "in all";
	for (unsigned i = 0; i < count; i++) {
		w.phase = wider(w.phase, list[i].phase);
		w.name = wider(w.name, list[i].name);
		w.via = wider(w.via, via_of(&list[i]));
	}
	if (count) {
		table(list, count, &w, text);
		unread(&t, text);
		buf_printf(text, "\n");
		totals_table(&t, &w, text);
		buf_printf(text, "\n");
	} else {
		buf_printf(text, "no page was asked for\n");
	}
	for (unsigned i = 0; i < count; i++) {
		if (!is_finding(&list[i]) || is_repeated(list, i))
			continue;
		finding(&list[i], late, text);
		buf_printf(text, "\n");
	}
	answer(&t, list, count, kernel, text);
	buf_printf(text, "\n");
	touched(&t, list, count, text);
	free(t.phase);
}

/* ---- for programs ------------------------------------------------------------------------- */

static json_t *json_us(int64_t ns)
{
	return ns < 0 ? json_null() : json_integer(ns / NS_PER_US);
}

static json_t *fetch_json(const struct fetch *f)
{
	json_t *o = json_got(json_object());

	json_set(o, "order", json_integer(f->order));
	json_set(o, "phase", json_text(f->phase));
	json_set(o, "page", json_text(f->name));
	json_set(o, "kind", json_string(kind_keys[kind_of(f)]));
	json_set(o, "gpa", json_hex(f->gpa));
	json_set(o, "thread", json_string(f->vcpu ? "vcpu" : "other"));
	json_set(o, "tid", f->tid ? json_integer(f->tid) : json_null());
	json_set(o, "write", json_boolean(f->write));
	json_set(o, "via", *f->via ? json_text(f->via) : json_null());
	json_set(o, "too_early", json_boolean(f->too_early));
	json_set(o, "lost", json_boolean(f->lost));
	json_set(o, "asked_us", json_us(f->asked_ns));
	json_set(o, "waited_us", json_us(f->waited_ns));
	return o;
}

static json_t *total_json(const struct total *t)
{
	json_t *o = json_got(json_object());

	if (t->phase)
		json_set(o, "phase", json_text(t->phase));
	for (int kind = 0; kind < KINDS; kind++)
		json_set(o, kind_keys[kind], json_integer(t->pages[kind]));
	json_set(o, "pages", json_integer(t->all));
	return o;
}

static json_t *finding_json(const struct fetch *f, const char *late)
{
	json_t *o = json_got(json_object());
	auto_buf struct buf text = {0};

	finding(f, late, &text);
	json_set(o, "phase", json_text(f->phase));
	json_set(o, "page", json_text(f->name));
	json_set(o, "gpa", json_hex(f->gpa));
	json_set(o, "via", *f->via ? json_text(f->via) : json_null());
	json_set(o, "mark", json_string(f->lost ? "lost" : "too_early"));
	json_set(o, "text", json_text(buf_text(&text)));
	return o;
}

static json_t *touched_json(const struct fetch *f)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "phase", json_text(f->phase), "page",
			 json_text(f->name), "gpa", json_hex(f->gpa), "via", json_text(f->via));
}

json_t *pages_report_json(const struct fetch *list, unsigned count, const char *kernel,
			  const char *late)
{
	json_t *o = json_got(json_object()), *sum, *fetches = json_got(json_array());
	json_t *findings = json_got(json_array()), *phases = json_got(json_array());
	json_t *vmcs12 = json_got(json_array()), *guests = json_got(json_array());
	auto_buf struct buf text = {0};
	struct totals t;

	add_up(&t, list, count);
	for (unsigned i = 0; i < count; i++) {
		json_append(fetches, fetch_json(&list[i]));
		if (is_finding(&list[i]) && !is_repeated(list, i))
			json_append(findings, finding_json(&list[i], late));
		if (guest_of(&list[i]))
			json_append(guests, touched_json(&list[i]));
	}
	for (unsigned i = 0; i < t.phases; i++) {
		json_append(phases, total_json(&t.phase[i]));
		if (t.phase[i].kvms)
			json_append(vmcs12, json_text(t.phase[i].phase));
	}
	sum = total_json(&t.sum);
	json_set(sum, "requests", json_integer(t.requests));
	json_set(sum, "never_came", json_integer(t.never));
	json_set(sum, "via_unknown", json_integer(t.unread));
	answer(&t, list, count, kernel, &text);
	json_set(o, "kernel", kernel ? json_text(kernel) : json_null());
	json_set(o, "fetches", fetches);
	json_set(o, "phases", phases);
	json_set(o, "total", sum);
	json_set(o, "findings", findings);
	json_set(o, "vmcs12_phases", vmcs12);
	json_set(o, "vmcs12_touched_by_guest", guests);
	json_set(o, "answer", json_text(buf_text(&text)));
	free(t.phase);
	return o;
}
