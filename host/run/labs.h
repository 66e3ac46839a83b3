/* SPDX-License-Identifier: BSD-2-Clause */
/* One command in several labs at once: each flies a shard of it and leaves its file in a directory
 * of its own. */
#ifndef HOST_RUN_LABS_H
#define HOST_RUN_LABS_H

#include "host/base/jobs.h"
#include "host/run/setup.h"

struct labs {
	unsigned count;
	char **dir; /* what each has left */
	struct job *job;
	struct lab_shard *shard;
};

/*
 * Flies @o, with its --shard dealt once more, in @count labs up to their ends. Their comments come
 * to stdout, with the lab's number. 0, or -1 with @e filled.
 */
int labs_fly(struct labs *l, const struct options *o, const struct setup *setup,
	     const struct left *left, unsigned count, struct err *e);
void labs_free(struct labs *l);

/* The exit status of all: 2 if one did not end in order, else 1 if one failed; 4 if nothing flew.
 */
int labs_worst(const struct labs *l);

/* Says which did not end in order. */
void labs_tell_cut(const struct labs *l);

#endif
