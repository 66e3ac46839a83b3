// SPDX-License-Identifier: BSD-2-Clause
// What the timelines tell of a flight beside its phases. What the guest says is stamped when the
// runner has read it from the serial port, which is later than the guest said it.
#include "host/flight/flight_state.h"
#include "host/base/cleanup.h"
#include "host/snapshot/proof.h"

#include <string.h>
#include <unistd.h>

static const char *const act_names[ACTS] = {
#define A(id, name, text) #name,
#include "hv/acts.def"
#undef A
};

void flight_phase(struct flight *f, const char *phase)
{
	f->phase = phase;
	timeline_phase(f->timeline, phase);
}

/* Keys that are the same in all events of a hop. */
static bool is_common(const char *key)
{
	return !strcmp(key, "hop") || !strcmp(key, "scenario");
}

void flight_timeline_vectors(struct flight *f, unsigned vcpu, const struct snapshot *part)
{
	auto_buf struct buf text = {0};

	if (f->timeline)
		proof_vectors(part, &text);
	if (text.len)
		timeline_instant(f->timeline, LANE_INTERRUPTS, TIMELINE_INTERRUPT,
				 "in the snapshot%s: %s", vcpu ? " of vCPU 1" : "", text.p);
}

/* L1 says so before `ready`, from which a hop begins, or after it. */
static void expects(struct flight *f, const char *what)
{
	if (f->in_hop)
		timeline_instant(f->timeline, LANE_INTERRUPTS, TIMELINE_INTERRUPT, "L1 expects%s",
				 what);
	else
		snprintf(f->expected, sizeof(f->expected), "%s", what);
}

void flight_timeline_event(struct flight *f, const struct event *event)
{
	const char *failed = event_get(event, "failed");
	auto_buf struct buf keys = {0};

	if (!f->timeline || !strcmp(event->name, "page"))
		return;
	if (!strcmp(event->name, "hop") || !strcmp(event->name, "missed"))
		f->in_hop = false;
	for (unsigned i = 0; i < event->keys; i++)
		if (!is_common(event->pair[i].key))
			buf_printf(&keys, " %s=%s", event->pair[i].key, event->pair[i].value);
	timeline_instant(f->timeline, LANE_GUEST, TIMELINE_GUEST, "%s%s", event->name,
			 buf_text(&keys));
	if (!strcmp(event->name, "expect") && event_get(event, "vector"))
		expects(f, buf_text(&keys));
	else if (!strcmp(event->name, "nudged"))
		timeline_instant(f->timeline, LANE_INTERRUPTS, TIMELINE_INTERRUPT, "NMI taken:%s",
				 buf_text(&keys));
	else if (!strcmp(event->name, "hop") && f->vector && failed)
		timeline_instant(f->timeline, LANE_INTERRUPTS, TIMELINE_INTERRUPT,
				 "L1 has checked what became of 0x%llx, %s failed",
				 (unsigned long long)f->vector, failed);
}

void flight_timeline_act(struct flight *f, const struct act_config *act, int64_t from_ns)
{
	char vector[32] = "";

	if (act->act == ACT_IRQ || act->act == ACT_POST || act->act == ACT_SIPI)
		snprintf(vector, sizeof(vector), " 0x%x", act->vector);
	timeline_span(f->timeline, LANE_INTERRUPTS, TIMELINE_INTERRUPT, from_ns, now_ns(),
		      "host: %s%s", act_names[act->act], vector);
}

void flight_timeline_begin(struct flight *f, const struct hop_record *hop)
{
	if (!f->timeline || !hop)
		return;
	timeline_begin(f->timeline, (unsigned)(hop - f->result->hop) + 1);
	f->in_hop = true;
	if (*f->expected)
		expects(f, f->expected);
	*f->expected = '\0';
}

static void add_page(struct timeline *t, const struct fetch *fetch)
{
	int64_t asked = fetch->zero_ns + fetch->asked_ns;
	int64_t waited = fetch->waited_ns < 0 ? 0 : fetch->waited_ns;

	timeline_add(t, LANE_PAGES, TIMELINE_PAGE, asked, asked + waited, "%s, in %s%s%s%s%s",
		     fetch->name, fetch->phase, *fetch->via ? ", by " : "", fetch->via,
		     fetch->too_early ? ", too early" : "",
		     fetch->waited_ns < 0 ? ", never came" : "");
}

static void add_network(struct timeline *t, const struct hop_record *hop)
{
	const struct move_record *m = &hop->move;
	auto_buf struct buf text = {0};

	if (m->bytes >= 0)
		buf_printf(&text, ", %lld bytes", (long long)m->bytes);
	if (m->rounds >= 0)
		buf_printf(&text, ", rounds: %d", m->rounds);
	if (m->downtime_ns >= 0)
		buf_printf(&text, ", downtime %.1f ms", (double)m->downtime_ns / NS_PER_MS);
	if (m->page_requests >= 0)
		buf_printf(&text, ", pages asked for: %d", m->page_requests);
	if (text.len)
		timeline_add(t, LANE_NETWORK, TIMELINE_NETWORK, hop->taken_ns, hop->taken_ns,
			     "%s%s", method_name(hop->method), text.p);
}

static bool has_failed(const struct flight *f, unsigned n)
{
	const struct guest_log *log = &f->result->log;

	for (unsigned i = 0; i < log->kept; i++)
		if (log->fail[i].hop == n)
			return true;
	return false;
}

/* A flight of many hops does not fill the disk. */
static void remove_old(struct flight *f, unsigned newest)
{
	struct hop_record *hop = &f->result->hop[newest - TIMELINES_KEPT - 1];
	auto_free char *path =
		xasprintf("%s/timeline-%u.json", f->config->vm.dir, newest - TIMELINES_KEPT);

	if (hop->timeline && !has_failed(f, newest - TIMELINES_KEPT))
		hop->timeline = unlink(path) != 0;
}

void flight_timeline_write(struct flight *f)
{
	const char *dir = f->config->vm.dir, *slash = strrchr(dir, '/');
	unsigned n = timeline_over(f->timeline);
	struct hop_record *hop;
	struct err e = {0};
	auto_free char *text = NULL;
	char name[40];

	if (!n)
		return;
	flight_phase(f, "timeline");
	hop = &f->result->hop[n - 1];
	for (unsigned i = 0; i < hop->fetches; i++) {
		const struct fetch *fetch = &hop->fetch[i];
		int64_t asked = fetch->zero_ns + fetch->asked_ns;

		if (f->config->driver->moved) /* the wire does not tell when it was served */
			timeline_add(f->timeline, LANE_NETWORK, TIMELINE_NETWORK, asked, asked,
				     "%s, 0x%llx asked for", fetch->name,
				     (unsigned long long)fetch->gpa);
		else
			add_page(f->timeline, fetch);
	}
	if (f->config->driver->moved && hop->taken)
		add_network(f->timeline, hop);
	text = timeline_take(f->timeline, slash ? slash + 1 : dir, f->config->driver->name);
	snprintf(name, sizeof(name), "timeline-%u.json", n);
	if (write_file(dir, name, text, strlen(text), 0666, &e))
		fprintf(stderr, "midflight: %s\n", e.text);
	else
		hop->timeline = true;
	if (n > TIMELINES_KEPT)
		remove_old(f, n);
}

void flight_timeline_end(struct flight *f)
{
	flight_timeline_write(f);
	timeline_end(f->timeline);
	flight_timeline_write(f);
}
