// SPDX-License-Identifier: BSD-2-Clause
// One command in several labs at once: each is a shard, in a process of its own.
#include "host/run/labs.h"
#include "host/base/cleanup.h"
#include "host/lab/lab.h"
#include "host/report/run_dir.h"

#include <stdlib.h>

struct lab_shard {
	const struct setup *setup;
	const struct left *left;
	struct options o;
	const char *dir;
};

/* In a process of its own. */
static int fly_shard(void *arg)
{
	const struct lab_shard *lab = arg;
	const struct left *left = lab->left;
	struct err e = {0};
	int status = lab_run(&lab->o, NULL, lab->setup->image, lab->dir, NULL, &e);

	if (status >= 0)
		status = lab_left(status, lab->dir, left->file, left->schema, left->version, &e);
	return status < 0 ? give_up(e.text) : status;
}

/* A line that a lab prints; its results come again, with those of all. */
static void take_line(void *arg, unsigned number, enum job_stream stream, const char *line)
{
	auto_free char *prefix = xasprintf("# lab %u: ", number + 1);

	(void)arg;
	if (stream == JOB_ERR)
		print_lines(stderr, "", line);
	else if (*line == '#')
		print_lines(stdout, prefix, line + 1 + (line[1] == ' '));
	fflush(stdout);
}

int labs_fly(struct labs *l, const struct options *o, const struct setup *setup,
	     const struct left *left, unsigned count, struct err *e)
{
	const struct shard whole = o->shard.n ? o->shard : (struct shard){1, 1};
	const struct jobs_watcher watcher = {.out = true, .err = true, .line = take_line};

	*l = (struct labs){.count = count,
			   .dir = xcalloc(count, sizeof(*l->dir)),
			   .job = xcalloc(count, sizeof(*l->job)),
			   .shard = xcalloc(count, sizeof(*l->shard))};
	if (run_dir_labs(setup->log, l->dir, count, e))
		return -1;
	for (unsigned i = 0; i < count; i++) {
		l->shard[i] = (struct lab_shard){setup, left, *o, l->dir[i]};
		l->shard[i].o.shard = (struct shard){whole.k + i * whole.n, whole.n * count};
		l->shard[i].o.jobs = 0;
		l->job[i] = (struct job){.main = fly_shard, .arg = &l->shard[i]};
	}
	return jobs_run(l->job, count, count, &watcher, e);
}

void labs_free(struct labs *l)
{
	for (unsigned i = 0; l->dir && i < l->count; i++)
		free(l->dir[i]);
	free(l->dir);
	free(l->job);
	free(l->shard);
	*l = (struct labs){0};
}

static bool in_order(const struct job *job)
{
	return job->status == 0 || job->status == 1 || job->status == 4;
}

int labs_worst(const struct labs *l)
{
	int worst = 4;

	for (unsigned i = 0; i < l->count; i++) {
		if (!in_order(&l->job[i]))
			return 2;
		worst = l->job[i].status == 1 || worst == 1 ? 1 : l->job[i].status && worst ? 4 : 0;
	}
	return worst;
}

void labs_tell_cut(const struct labs *l)
{
	for (unsigned i = 0; i < l->count; i++)
		if (!in_order(&l->job[i]))
			printf("# lab %u came to no end: of it there is what it had left by then\n",
			       i + 1);
}
