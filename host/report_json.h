/* SPDX-License-Identifier: BSD-2-Clause */
/* result.json: schema `midflight-result`, version 1. */
#ifndef HOST_REPORT_JSON_H
#define HOST_REPORT_JSON_H

#include "host/report.h"

/* A new list of results. */
void *report_json_begin(void);
/* Adds one, with what is printed of it. */
void report_json_result(void *list, const struct report_entry *entry,
			const struct report_line *line);
/* Sets in @top, a JSON object, what follows from the counts; the list of results is handed over. */
void report_json_counts(void *top, struct report *r);
/* Writes @dir/result.json and frees the list. 0, or -1 with @e filled. */
int report_json_end(struct report *r, const char *dir, struct err *e);

#endif
