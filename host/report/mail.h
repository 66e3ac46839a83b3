/* SPDX-License-Identifier: BSD-2-Clause */
/* A mail to the list of KVM about one result of a run: `midflight report --mail`. */
#ifndef HOST_REPORT_MAIL_H
#define HOST_REPORT_MAIL_H

#include "host/base/util.h"

#include <jansson.h>

/* The result that is told of. */
struct mail_result {
	json_t *top;	      /* result.json, checked */
	const json_t *result; /* of it */
	int run;	      /* the run's directory */
	bool in_lab;	      /* it was flown on an emulated CPU */
};

/*
 * Finds the result that @path means: its directory in a run's (a run leaves one for each result
 * that has a snapshot; the name alone will do), its replay.json, or, if nothing else failed, the
 * run's directory or result.json. What passed or was skipped is refused. 0, or -1 with @e filled.
 */
int mail_load(struct mail_result *m, const char *path, struct err *e);
void mail_free(struct mail_result *m);

/*
 * Appends the mail: lines of at most MAIL_COLUMNS of ASCII. @fixes: the directory that has
 * Midflight's, NULL: they are named and not quoted. 0, or -1 with @e filled.
 */
int mail_write(const struct mail_result *m, const char *fixes, struct buf *mail, struct err *e);

#endif
