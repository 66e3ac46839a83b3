/* SPDX-License-Identifier: BSD-2-Clause */
/* result.json: schema `midflight-result`, version 1. */
#ifndef HOST_REPORT_JSON_H
#define HOST_REPORT_JSON_H

#include "host/report.h"

/* A new list of results. */
void *report_json_begin(void);
/* Adds one. */
void report_json_result(void *list, const struct report_entry *entry);
/* Writes @dir/result.json and frees the list. 0, or -1 with @e filled. */
int report_json_end(struct report *r, const char *dir, struct err *e);

#endif
