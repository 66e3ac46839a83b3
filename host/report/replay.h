/* SPDX-License-Identifier: BSD-2-Clause */
/* replay.json: schema `midflight-replay`, version 2: how to repeat one result that failed. */
#ifndef HOST_REPORT_REPLAY_H
#define HOST_REPORT_REPLAY_H

#include "host/report/counts.h"
#include "host/lab/lab.h"
#include "host/report/ktap.h"

/* A file that was read and checked; all texts are part of @top. */
struct replay {
	json_t *top;
	const char *result, *scenario;
	const char *midflight, *kernel; /* of the run that failed */
	const char *qemu;		/* its --qemu, NULL: none was given */
	const char *order_steps;	/* what its file for --order said, NULL: there was none */
	const json_t *failed;		/* what replay_failed() said then */
	const char *trace;		/* flight_result.trace */
	bool in_lab;			/* there is a job */
	struct lab_job job;
	char **words; /* options of `run` as `--name=value`, a list that ends in NULL */
	unsigned count;
};

/*
 * What to write for @entry; @result is its object in result.json, @run as job.h says. NULL with @e
 * filled.
 */
json_t *replay_json(const struct options *o, const struct report_entry *entry, const json_t *result,
		    const char *run, struct err *e);

/* Reads @path, which is not trusted. 0, or -1 with @e filled. */
int replay_load(struct replay *r, const char *path, struct err *e);
void replay_free(struct replay *r);

/* What failed in @result, an object of result.json: {"word", "known", "checks": each once}. */
json_t *replay_failed(const json_t *result);

/* Whether it failed then as @result, an object of result.json, does. */
bool replay_same(const json_t *failed, const json_t *result);

/*
 * Says in one line how @result, an object of result.json, compares with what had @failed: `same
 * failure: ...`, `other failure: ...`, `passes now`.
 */
void replay_compare(const json_t *failed, const json_t *result, struct buf *text);

#endif
