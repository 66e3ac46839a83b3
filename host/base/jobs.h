/* SPDX-License-Identifier: BSD-2-Clause */
/* Several child processes at once, each with what it prints by lines. */
#ifndef HOST_BASE_JOBS_H
#define HOST_BASE_JOBS_H

#include "host/base/util.h"

#include <sys/types.h>

#define JOB_NOT_RUN (-1000)

enum job_stream { JOB_OUT, JOB_ERR, JOB_STREAMS };

struct job {
	int (*main)(void *arg); /* in the child: its exit status */
	void *arg;
	int status; /* of its end; -N: ended by signal N; JOB_NOT_RUN */

	/* Its own. */
	pid_t pid; /* 0: it has none, or that is reaped */
	int ends;  /* readable when it ends; -1: it has */
	int fd[JOB_STREAMS];
	struct buf line[JOB_STREAMS]; /* that has not ended yet */
};

/* Who hears of them. */
struct jobs_watcher {
	bool out, err; /* which streams come here by line(); the others stay ours */
	void (*line)(void *arg, unsigned job, enum job_stream stream, const char *line);
	void (*ended)(void *arg, unsigned job); /* it has, and all its lines came; or NULL */
	void (*tick)(void *arg);		/* at least once a second; or NULL */
	void *arg;
};

/*
 * Runs @count jobs, up to @at_once at once, in their order. @w may be NULL. A signal that
 * signals_pending() tells of goes on to those that run, as SIGTERM, and no more are started. 0 when
 * all that were started have ended; -1 with @e filled if one cannot be started.
 */
int jobs_run(struct job *jobs, unsigned count, unsigned at_once, const struct jobs_watcher *w,
	     struct err *e);

#endif
