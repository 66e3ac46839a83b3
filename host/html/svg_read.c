// SPDX-License-Identifier: BSD-2-Clause
// Reads the timeline of one hop, which is not trusted.
#include "host/base/json.h"
#include "host/l1/page_names.h"
#include "host/html/svg_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 2000 /* of a lane; the recorder keeps fewer */
#define US_MAX	   1e12 /* eleven days */

const struct svg_kind svg_kinds[TIMELINE_KINDS] = {
#define T(id, name, fill, stroke, text) {name, fill, stroke, text},
#include "host/vmm/timeline_kinds.def"
#undef T
};

static int by_begin(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->to < y->to) - (x->to > y->to); /* the one around the others first */
}

static int find_kind(const char *name)
{
	for (int k = 0; name && k < TIMELINE_KINDS; k++)
		if (!strcmp(svg_kinds[k].name, name))
			return k;
	return -1;
}

static int read_event(const json_t *j, struct event *event, struct err *e)
{
	const json_t *from = json_object_get(j, "from_us"), *to = json_object_get(j, "to_us");
	const int kind = find_kind(json_member(j, "kind"));

	event->text = json_member(j, "text");
	if (!json_is_number(from) || !json_is_number(to) || !event->text)
		return err_set(e, "has no times or no text");
	if (kind < 0)
		return err_set(e, "is of no kind that there is");
	event->kind = (enum timeline_kind)kind;
	event->from = json_number_value(from);
	event->to = json_number_value(to);
	if (fabs(event->from) > US_MAX || fabs(event->to) > US_MAX || event->to < event->from)
		return err_set(e, "goes from %g to %g us", event->from, event->to);
	return 0;
}

static int read_lane(const json_t *j, struct lane *lane, unsigned number, struct err *e)
{
	const json_t *events = json_object_get(j, "events"), *event;
	struct err why = {0};
	size_t i;

	lane->name = json_member(j, "name");
	if (!lane->name || !json_is_array(events) || json_array_size(events) > EVENTS_MAX)
		return err_set(e, "lane %u has no name, no events or too many", number);
	lane->event = xcalloc(json_array_size(events), sizeof(*lane->event));
	json_array_foreach(events, i, event) {
		if (read_event(event, &lane->event[i], &why))
			return err_set(e, "lane %u: event %zu %s", number, i + 1, why.text);
		lane->events++;
	}
	qsort(lane->event, lane->events, sizeof(*lane->event), by_begin);
	return 0;
}

bool svg_begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

bool svg_is_vmcs12_page(const char *text)
{
	char name[64];
	size_t len = strcspn(text, "(:,");

	while (len && text[len - 1] == ' ')
		len--;
	snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : 0), text);
	return page_name_is_vmcs12(name);
}

/* The phase in which the VM comes to life again. */
static bool is_restore(const struct event *e)
{
	static const char *const phases[] = {"restore", "migration", "loadvm"};
	bool is = false;

	for (size_t i = 0; i < ARRAY_SIZE(phases); i++)
		is |= svg_begins(e->text, phases[i]);
	return is && e->kind == TIMELINE_PHASE;
}

void svg_earliest(const struct event **least, const struct event *e)
{
	if (!*least || e->from < (*least)->from)
		*least = e;
}

/* The first restore, and the first KVM_RUN from then on. */
static void find_moments(struct timeline *t)
{
	svg_each_event(t, e) {
		t->begin = fmin(t->begin, e->from);
		t->end = fmax(t->end, e->to);
		if (is_restore(e))
			svg_earliest(&t->restore, e);
	}
	svg_each_event(t, e) {
		if (t->restore && e->kind == TIMELINE_RUN && e->from >= t->restore->from)
			svg_earliest(&t->run, e);
	}
}

int svg_read(const json_t *j, struct timeline *t, const char *result, unsigned hop, struct err *e)
{
	const json_t *lanes = json_object_get(j, "lanes"), *lane;
	size_t i;

	if (!json_is_schema(j, TIMELINE_SCHEMA, TIMELINE_VERSION))
		return err_set(e, "is no " TIMELINE_SCHEMA " of version %d", TIMELINE_VERSION);
	if (strcmp(json_text_of(j, "result"), result) ||
	    json_member_integer(j, "hop") != (json_int_t)hop)
		return err_set(e, "is not of this result and hop");
	if (!json_is_array(lanes) || json_array_size(lanes) > LANES_MAX)
		return err_set(e, "has no lanes, or more than %d", LANES_MAX);
	json_array_foreach(lanes, i, lane)
		if (read_lane(lane, &t->lane[t->lanes++], (unsigned)i + 1, e))
			return -1;
	t->dropped = json_number_value(json_object_get(j, "dropped"));
	find_moments(t);
	return 0;
}
