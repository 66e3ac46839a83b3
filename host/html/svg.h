/* SPDX-License-Identifier: BSD-2-Clause */
/* The timeline of one hop as a picture: inline SVG without scripts, styles or references. */
#ifndef HOST_HTML_SVG_H
#define HOST_HTML_SVG_H

#include "host/base/util.h"

#include <jansson.h>

/*
 * Appends to @html the picture of @timeline (what host/vmm/timeline.c writes; not trusted), which
 * must be of hop @hop of @result: its moments in words, the restore from near, the whole hop from
 * far. 0, or -1 with @e filled and nothing appended.
 */
int timeline_svg(const json_t *timeline, const char *result, unsigned hop, struct buf *html,
		 struct err *e);

/* Appends the legend of all kinds of events, once per page. */
void timeline_legend(struct buf *html);

#endif
