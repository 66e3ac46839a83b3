/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was run in the lab as a whole. The same job from the same state of the lab is the same run,
 * to the instruction; a flight of it alone is not, as L0 comes to it in another state.
 */
#ifndef HOST_LAB_LAB_JOB_H
#define HOST_LAB_LAB_JOB_H

#include "host/cli/options.h"

#include <jansson.h>

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
