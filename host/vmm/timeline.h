/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happened in each hop, and when: events in lanes, one lane for each thread or party. Any
 * thread may tell of an event; nothing happens where there is no recorder (NULL). Times are
 * now_ns()'s. A hop's file, DIR/timeline-HOP.json:
 *
 *   {"schema": "midflight-timeline", "version": 1, "result": "halted", "hop": 3, "driver": "kvm",
 *    "dropped": 0, "lanes": [{"name": "runner", "events": [{"from_us": 0.0, "to_us": 12.5,
 *    "kind": "phase", "text": "stop"}, ...]}, ...]}
 *
 * Times count from the hop's beginning. Lanes without events are left out; events stand in order of
 * from_us. What began before the hop begins at 0; dropped: events that there was no room for.
 */
#ifndef HOST_VMM_TIMELINE_H
#define HOST_VMM_TIMELINE_H

#include "host/base/util.h"

#define TIMELINE_SCHEMA	 "midflight-timeline"
#define TIMELINE_VERSION 1

#define TIMELINE_LANE_MAX 500 /* events of a lane in one hop; more are only counted */
#define TIMELINE_TEXT_MAX 120 /* bytes of an event's text, with its NUL */

/* In the order of the file. */
enum timeline_lane {
	LANE_RUNNER,
	LANE_VCPU, /* + its number */
	LANE_VCPU1,
	LANE_PAGES,
	LANE_NETWORK,
	LANE_QMP,
	LANE_GUEST,
	LANE_INTERRUPTS,
	LANES
};

enum timeline_kind {
#define T(id, name, fill, stroke, text) TIMELINE_##id,
#include "host/vmm/timeline_kinds.def"
#undef T
	TIMELINE_KINDS
};

struct timeline;

/* Records nothing yet. */
struct timeline *timeline_create(void);
void timeline_free(struct timeline *t);

/*
 * Hop @hop, from 1, begins now: events that end from here on are its own. The hop before is then
 * over (timeline_over()); if that was the same one, another try of it, it is forgotten instead.
 */
void timeline_begin(struct timeline *t, unsigned hop);
/* The last hop is over: nothing more is recorded. */
void timeline_end(struct timeline *t);

/* Something that took from @from_ns to @to_ns; an instant if these are the same. */
void timeline_span(struct timeline *t, unsigned lane, enum timeline_kind kind, int64_t from_ns,
		   int64_t to_ns, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* Something that happened now. */
void timeline_instant(struct timeline *t, unsigned lane, enum timeline_kind kind, const char *fmt,
		      ...) __attribute__((format(printf, 4, 5)));
/*
 * What comes again and again: one that took no longer than @short_ns, begins no later than that
 * after the event before it in its lane and has the same text, as long as that was told by this
 * function and was short as well, becomes one event with it: "KVM_RUN x57 (serial port)".
 */
void timeline_often(struct timeline *t, unsigned lane, enum timeline_kind kind, int64_t from_ns,
		    int64_t to_ns, int64_t short_ns, const char *fmt, ...)
	__attribute__((format(printf, 7, 8)));
/* From now on the runner is at @phase (copied), up to the next one; the hops' borders cut it. */
void timeline_phase(struct timeline *t, const char *phase);

/*
 * The hop that is over, 0: none. It can be added to as timeline_span() does, until timeline_take()
 * gives it as its file's text, which the caller frees, and forgets it.
 */
unsigned timeline_over(struct timeline *t);
void timeline_add(struct timeline *t, unsigned lane, enum timeline_kind kind, int64_t from_ns,
		  int64_t to_ns, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
char *timeline_take(struct timeline *t, const char *result, const char *driver);

#endif
