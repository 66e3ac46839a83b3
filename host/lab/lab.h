/* SPDX-License-Identifier: BSD-2-Clause */
/* The emulated machine with VMX, for hosts whose KVM has none. */
#ifndef HOST_LAB_LAB_H
#define HOST_LAB_LAB_H

#include "host/base/jobs.h"
#include "host/cli/options.h"

#include <jansson.h>
#include <stdlib.h>

struct lab_job;

/*
 * Replaces this process by the lab, which runs the same command inside. @image and @log are paths
 * here. Returns only on failure, with @e filled.
 */
int lab_exec(const struct options *o, const char *image, const char *log, struct err *e);

#define LAB_ENV "MIDFLIGHT_LAB" /* set inside the lab */

/* What stands behind a time: inside the lab it is of the emulated CPU. */
static inline const char *lab_time(void)
{
	return getenv(LAB_ENV) ? " of emulated time" : "";
}

#define LAB_LOG	     "LOG" /* what commands whose bytes repeat call their log directory there */
#define LAB_SNAPSHOT "saved.snapshot" /* what `save` writes in the lab; it comes out in the log */

/*
 * The same in a child, with what @w asks for to @w, which may be NULL; with @job, of which
 * lab_job_is_ours() says that it can be, that is repeated in the L0 that @o asks for, and lab.sh
 * refuses if that is another one. A signal that signals_pending() tells of ends the lab in order,
 * and then this returns. Its exit status, or -1 with @e filled.
 */
int lab_run(const struct options *o, const struct lab_job *job, const char *image, const char *log,
	    const struct jobs_watcher *w, struct err *e);

/*
 * Builds what is missing of the lab that @o asks for, which says itself what it cannot: lab.sh's
 * exit status, or -1 with @e filled.
 */
int lab_build(const struct options *o, struct err *e);

/*
 * Of a lab that ended with @status as one that came to its end (0, 1, 4): that it has left @file in
 * @log, whole and of @schema and @version. @status, or -1 with @e filled.
 */
int lab_left(int status, const char *log, const char *file, const char *schema, int version,
	     struct err *e);

/*
 * The words after `lab.sh` for @o, or for @job if that is not NULL, as a list that ends in NULL;
 * for the unit test.
 */
char **lab_args(const struct options *o, const struct lab_job *job, const char *script,
		const char *self, const char *image, const char *log);

/* Seconds that the lab may take in all. */
unsigned lab_seconds(const struct options *o);

/*
 * If this is in the lab and directory @log what comes out of it: has @first and then @last, names
 * in @log, come out now, while the lab runs (lab/keep). 0, or -1: they did not.
 */
int keep_files(const char *log, const char *first, const char *last);

/* ---- what was run in the lab as a whole (lab_job.c) ----------------------------------------- */

#define JOB_WORDS_MAX 400

/* A job of replay.json that was checked; all texts are part of the JSON. */
struct lab_job {
	const char *words[JOB_WORDS_MAX + 1]; /* the whole command line in L0, then NULL */
	const char *midflight, *image;	      /* hashes of the two files */
	const char *state;		      /* of the lab, as lab.sh calls it */
	const char *run; /* run directory of the result, in that of the job, or "." */
};

/*
 * The job that this process is: {"words", "midflight", "image", "state", "run"}; null outside of
 * the lab, and for commands that take a file. @run as above.
 */
json_t *lab_job_json(const struct options *o, const char *run);

/* Whether @text, which is not trusted, is printable ASCII, and not endless. */
bool lab_job_plain(const char *text);

/* Checks @json, which is not trusted. 0, or -1 with @e filled. */
int lab_job_check(struct lab_job *job, const json_t *json, struct err *e);

/*
 * Whether this program, at @self, and @image are the job's, by name and contents. 0, or -1 with @e
 * filled.
 */
int lab_job_is_ours(const struct lab_job *job, const char *self, const char *image, struct err *e);

#endif
