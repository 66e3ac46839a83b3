// SPDX-License-Identifier: BSD-2-Clause
// Takes in the serial port: the log, and what its events change in the flight.
#include "host/flight/flight_state.h"

#include <string.h>

#define SERIAL_TAIL 65536 /* bytes kept for the last lines of a HANG */

#define QUIET_LIMIT_MS 60000

int64_t flight_quiet_ns(const struct flight *f)
{
	const unsigned khz = f->config->tsc_khz;
	const uint64_t ms = f->quiet && khz ? f->quiet / khz + 1 : 0;

	return (int64_t)(ms < QUIET_LIMIT_MS ? ms : QUIET_LIMIT_MS) * NS_PER_MS;
}

int64_t flight_next_nudge(const struct flight *f)
{
	return now_ns() + flight_quiet_ns(f) + (f->config->nudge_ns << f->cured);
}

static void page_event(struct flight *f, const struct event *event)
{
	const char *name = event_get(event, "name");
	uint64_t gpa, pages;

	if (name && event_u64(event, "gpa", &gpa) && event_u64(event, "pages", &pages))
		page_names_add(&f->names, name, gpa, pages);
}

/* Only what the event names changes; what cannot be read counts as not said. */
static void expect(struct flight *f, const struct event *event)
{
	const struct {
		const char *key;
		uint64_t *value;
	} keys[] = {{"vector", &f->vector},
		    {"notification", &f->notification},
		    {"descriptor", &f->pi_desc},
		    {"page", &f->page},
		    {"quiet", &f->quiet}};

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		if (event_get(event, keys[i].key) && !event_u64(event, keys[i].key, keys[i].value))
			*keys[i].value = 0;
}

/* At the end of a hop. */
static void take_digest(struct flight *f, const struct event *event)
{
	const unsigned n = f->result->log.hops_done;
	struct hop_record *hop = n && n <= f->result->hops ? &f->result->hop[n - 1] : NULL;
	uint64_t rounds = 0;

	if (!event_u64(event, "digest", &f->digest))
		f->digest = 0;
	if (hop && event_u64(event, "rounds", &rounds)) {
		hop->digest = f->digest;
		hop->rounds = rounds;
	}
}

/*
 * The hop is flown again, as the guest says: because the host said so, or because an NMI of ours
 * met L2 before anything was found lost. What it was about may have been cured by that, so it does
 * not count as taken.
 */
static void on_missed(struct flight *f, const struct event *event)
{
	struct hop_record *hop = flight_record(f, f->result->log.ready_hop);

	if (!event_get(event, "nudged"))
		return;
	f->cured++;
	f->result->cured++;
	if (!hop || !hop->taken)
		return;
	hop->taken = false;
	f->result->taken--;
	f->result->l2_active -= saved_l2_active(&hop->state);
}

void flight_on_line(void *arg, const struct line *line)
{
	struct flight *f = arg;
	const char *name;

	guest_log_line(&f->result->log, line);
	if (line->kind != LINE_EVENT || f->again)
		return;
	flight_timeline_event(f, &line->event);
	name = line->event.name;
	if (!strcmp(name, "page"))
		page_event(f, &line->event);
	if (!strcmp(name, "expect"))
		expect(f, &line->event);
	if (!strcmp(name, "ready")) {
		if (!f->result->ready_ns)
			f->result->ready_ns = now_ns() - f->start_ns;
		f->ready = true;
		f->waiting = event_get(&line->event, "wait") != NULL;
		f->nudge_ns = 0;
	} else if (!strcmp(name, "missed")) {
		f->nudge_ns = 0;
		on_missed(f, &line->event);
	} else if (!strcmp(name, "hop")) {
		f->nudge_ns = 0;
		f->cured = 0;
		take_digest(f, &line->event);
	} else if (f->nudge_ns) {
		f->nudge_ns = flight_next_nudge(f);
	}
	/* A nudge is our doing; a failed check can repeat for ever, as a VM that boots again. */
	if (strcmp(name, "nudged") && strcmp(name, "fail") && !f->result->log.damage)
		f->progress_ns = now_ns();
}

void flight_serial(void *arg, const char *bytes, size_t len)
{
	struct flight *f = arg;

	if (f->held) {
		buf_append(f->held, bytes, len);
		return;
	}
	f->serial_bytes += len;
	if (f->serial_bytes <= SERIAL_CAP && !f->log_failed)
		f->log_failed =
			fwrite(bytes, 1, len, f->serial_log) != len || fflush(f->serial_log);
	if (f->tail.len > SERIAL_TAIL) {
		f->tail.len -= SERIAL_TAIL / 2;
		memmove(f->tail.p, f->tail.p + SERIAL_TAIL / 2, f->tail.len);
	}
	buf_append(&f->tail, bytes, len);
	if (f->serial_bytes <= SERIAL_CAP)
		buf_append(&f->whole, bytes, len);
	assembler_feed(&f->assembler, bytes, len);
}
