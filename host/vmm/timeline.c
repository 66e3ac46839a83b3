// SPDX-License-Identifier: BSD-2-Clause
// The recorder of timelines: the hop that is flown, and the one before until what is only known
// afterwards has been added to it.
#include "host/vmm/timeline.h"
#include "host/base/cleanup.h"
#include "host/base/json.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const char *const lane_names[LANES] = {
	[LANE_RUNNER] = "runner", [LANE_VCPU] = "vCPU 0",	    [LANE_VCPU1] = "vCPU 1",
	[LANE_PAGES] = "pages",	  [LANE_NETWORK] = "network",	    [LANE_QMP] = "QMP",
	[LANE_GUEST] = "L1/L2",	  [LANE_INTERRUPTS] = "interrupts",
};

static const char *const kind_names[TIMELINE_KINDS] = {
#define T(id, name, fill, stroke, text) name,
#include "host/vmm/timeline_kinds.def"
#undef T
};

struct event {
	int64_t from_ns, to_ns;
	enum timeline_kind kind;
	unsigned times;	  /* that it came; 0: it stands alone whatever comes */
	int64_t short_ns; /* as for timeline_often(), if it does not */
	unsigned order;
	char text[TIMELINE_TEXT_MAX];
};

struct lane {
	struct event *event;
	unsigned count, room;
};

struct hop {
	unsigned number; /* 0: none */
	int64_t begin_ns;
	struct lane lane[LANES];
	unsigned dropped;
};

struct timeline {
	pthread_mutex_t lock; /* for all that follows */
	struct hop now, over;
	char phase[TIMELINE_TEXT_MAX]; /* of the runner; "": none yet */
	int64_t phase_ns;	       /* since when */
};

struct timeline *timeline_create(void)
{
	struct timeline *t = xcalloc(1, sizeof(*t));

	pthread_mutex_init(&t->lock, NULL);
	return t;
}

static void forget(struct hop *h)
{
	for (unsigned i = 0; i < LANES; i++)
		free(h->lane[i].event);
	memset(h, 0, sizeof(*h));
}

void timeline_free(struct timeline *t)
{
	if (!t)
		return;
	forget(&t->now);
	forget(&t->over);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* Locked. Nothing, if @h is none. */
static void add(struct hop *h, unsigned lane, const struct event *e)
{
	struct lane *l = &h->lane[lane];

	if (!h->number)
		return;
	if (l->count == TIMELINE_LANE_MAX) {
		h->dropped++;
		return;
	}
	if (l->count == l->room) {
		l->room = l->room ? 2 * l->room : 16;
		l->event = xrealloc(l->event, l->room * sizeof(*l->event));
	}
	l->event[l->count] = *e;
	l->event[l->count].order = l->count;
	l->count++;
}

/* Locked. Of two hops it belongs to the one in which it ends. */
static struct hop *hop_of(struct timeline *t, const struct event *e)
{
	return e->to_ns >= t->now.begin_ns ? &t->now : &t->over;
}

/* Locked. Whether @e became one event with the last of its lane. */
static bool merged(struct timeline *t, unsigned lane, const struct event *e)
{
	struct lane *l = &hop_of(t, e)->lane[lane];
	struct event *last = l->count ? &l->event[l->count - 1] : NULL;

	if (!last || !last->times || e->from_ns - last->to_ns > e->short_ns ||
	    strcmp(last->text, e->text))
		return false;
	last->to_ns = e->to_ns;
	last->times++;
	return true;
}

/* Adds @e to the hop that is over, or else to its own. */
static void record(struct timeline *t, bool over, unsigned lane, struct event *e, const char *fmt,
		   va_list ap)
{
	if (!t)
		return;
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	hold_lock(&t->lock);
	if (!e->times || !merged(t, lane, e))
		add(over ? &t->over : hop_of(t, e), lane, e);
}

void timeline_span(struct timeline *t, unsigned lane, enum timeline_kind kind, int64_t from_ns,
		   int64_t to_ns, const char *fmt, ...)
{
	struct event e = {.from_ns = from_ns, .to_ns = to_ns, .kind = kind};
	va_list ap;

	va_start(ap, fmt);
	record(t, false, lane, &e, fmt, ap);
	va_end(ap);
}

void timeline_instant(struct timeline *t, unsigned lane, enum timeline_kind kind, const char *fmt,
		      ...)
{
	const int64_t now = t ? now_ns() : 0;
	struct event e = {.from_ns = now, .to_ns = now, .kind = kind};
	va_list ap;

	va_start(ap, fmt);
	record(t, false, lane, &e, fmt, ap);
	va_end(ap);
}

void timeline_often(struct timeline *t, unsigned lane, enum timeline_kind kind, int64_t from_ns,
		    int64_t to_ns, int64_t short_ns, const char *fmt, ...)
{
	struct event e = {.from_ns = from_ns,
			  .to_ns = to_ns,
			  .kind = kind,
			  .times = to_ns - from_ns <= short_ns,
			  .short_ns = short_ns};
	va_list ap;

	va_start(ap, fmt);
	record(t, false, lane, &e, fmt, ap);
	va_end(ap);
}

/* Locked. What the runner was at up to @now. */
static void cut_phase(struct timeline *t, int64_t now)
{
	struct event e = {.from_ns = t->phase_ns, .to_ns = now, .kind = TIMELINE_PHASE};

	if (*t->phase) {
		memcpy(e.text, t->phase, sizeof(e.text));
		add(&t->now, LANE_RUNNER, &e);
	}
	t->phase_ns = now;
}

void timeline_phase(struct timeline *t, const char *phase)
{
	if (!t)
		return;
	hold_lock(&t->lock);
	if (strcmp(phase, t->phase)) {
		cut_phase(t, now_ns());
		snprintf(t->phase, sizeof(t->phase), "%s", phase);
	}
}

void timeline_begin(struct timeline *t, unsigned hop)
{
	int64_t now;

	if (!t)
		return;
	hold_lock(&t->lock);
	now = now_ns();
	cut_phase(t, now);
	if (t->now.number && t->now.number != hop) {
		forget(&t->over);
		t->over = t->now;
		memset(&t->now, 0, sizeof(t->now));
	} else {
		forget(&t->now);
	}
	t->now.number = hop;
	t->now.begin_ns = now;
}

void timeline_end(struct timeline *t)
{
	timeline_begin(t, 0);
}

unsigned timeline_over(struct timeline *t)
{
	if (!t)
		return 0;
	hold_lock(&t->lock);
	return t->over.number;
}

void timeline_add(struct timeline *t, unsigned lane, enum timeline_kind kind, int64_t from_ns,
		  int64_t to_ns, const char *fmt, ...)
{
	struct event e = {.from_ns = from_ns, .to_ns = to_ns, .kind = kind};
	va_list ap;

	va_start(ap, fmt);
	record(t, true, lane, &e, fmt, ap);
	va_end(ap);
}

/* ---- the file ----------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->from_ns != y->from_ns)
		return x->from_ns < y->from_ns ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

/* In microseconds to a tenth. What began before the hop is cut to it. */
static json_t *json_time(const struct hop *h, int64_t ns)
{
	int64_t tenths = (ns - h->begin_ns + 50) / 100;

	return json_real(ns <= h->begin_ns ? 0 : (double)tenths / 10);
}

/* The number of times stands behind the first word. */
static json_t *json_words(const struct event *e)
{
	size_t word = strcspn(e->text, " ");
	auto_free char *text =
		xasprintf("%.*s x%u%s", (int)word, e->text, e->times, e->text + word);

	return json_text(e->times < 2 ? e->text : text);
}

static json_t *json_lane(const struct hop *h, unsigned lane)
{
	const struct lane *l = &h->lane[lane];
	json_t *events = json_got(json_array());

	qsort(l->event, l->count, sizeof(*l->event), by_time);
	for (unsigned i = 0; i < l->count; i++) {
		const struct event *e = &l->event[i];

		json_append(events,
			    json_pack("{s:o, s:o, s:s, s:o}", "from_us", json_time(h, e->from_ns),
				      "to_us", json_time(h, e->to_ns), "kind", kind_names[e->kind],
				      "text", json_words(e)));
	}
	return json_pack("{s:s, s:o}", "name", lane_names[lane], "events", events);
}

char *timeline_take(struct timeline *t, const char *result, const char *driver)
{
	json_auto_t *o = json_got(json_object());
	json_t *lanes = json_got(json_array());
	struct hop h;
	char *text;

	pthread_mutex_lock(&t->lock);
	h = t->over;
	memset(&t->over, 0, sizeof(t->over));
	pthread_mutex_unlock(&t->lock);
	json_set(o, "schema", json_string(TIMELINE_SCHEMA));
	json_set(o, "version", json_integer(TIMELINE_VERSION));
	json_set(o, "result", json_text(result));
	json_set(o, "hop", json_integer(h.number));
	json_set(o, "driver", json_text(driver));
	json_set(o, "dropped", json_integer(h.dropped));
	for (unsigned i = 0; i < LANES; i++)
		if (h.lane[i].count)
			json_append(lanes, json_lane(&h, i));
	json_set(o, "lanes", lanes);
	/* 15 digits, or tenths would show what a double makes of them. */
	text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(15));
	forget(&h);
	if (!text)
		json_got(NULL);
	return text;
}
