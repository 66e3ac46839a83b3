/* SPDX-License-Identifier: BSD-2-Clause */
/* A timeline as it is drawn: for svg.c, svg_read.c and svg_draw.c alone. */
#ifndef HOST_HTML_SVG_PARTS_H
#define HOST_HTML_SVG_PARTS_H

#include "host/vmm/timeline.h"

#include <jansson.h>

#define LANES_MAX 16

#define LABEL_MAX 46 /* characters */

struct event {
	double from, to; /* microseconds */
	enum timeline_kind kind;
	const char *text;
};

struct lane {
	const char *name;
	struct event *event; /* by `from` */
	size_t events;
};

struct timeline {
	struct lane lane[LANES_MAX];
	unsigned lanes;
	double begin, end;		   /* of all events */
	const struct event *restore, *run; /* it and its first KVM_RUN; NULL: not there */
	double dropped;
};

/* Each event @e of @t, lane by lane. */
#define svg_each_event(t, e)                                                       \
	for (const struct lane *in = (t)->lane; in < (t)->lane + (t)->lanes; in++) \
		for (const struct event *e = in->event; e < in->event + in->events; e++)

struct svg_kind {
	const char *name, *fill, *stroke, *text;
};
extern const struct svg_kind svg_kinds[TIMELINE_KINDS];

/*
 * Reads @j, which must be of hop @hop of @result. 0, or -1 with @e filled; the events of the lanes
 * are the caller's to free in either case.
 */
int svg_read(const json_t *j, struct timeline *t, const char *result, unsigned hop, struct err *e);

bool svg_begins(const char *text, const char *with);

/* Whether @text is about a page of vmcs12, which it then names first. */
bool svg_is_vmcs12_page(const char *text);

/* Makes of *@least, which may be NULL, the earlier one of both. */
void svg_earliest(const struct event **least, const struct event *e);

/* The length of the first word of @e: `restore`, `KVM_RUN`. */
int svg_first_word(const struct event *e);

/* How many digits of @us, which are microseconds, to show as milliseconds: for %.*f. */
int svg_digits(double us);
#define SVG_MS(us) svg_digits(us), (us) / 1000

/* Appends the picture of a part of the time, called @name. */
void svg_near(const struct timeline *t, double from, double to, const char *name, struct buf *html);

/* The whole hop; @from and @to are what svg_near() shows of it. */
void svg_far(const struct timeline *t, double from, double to, const char *name, struct buf *html);

#endif
