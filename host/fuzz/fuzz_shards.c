// SPDX-License-Identifier: BSD-2-Clause
// One campaign in several labs at once: each is a shard, in a process of its own.
#include "host/base/cleanup.h"
#include "host/base/signals.h"
#include "host/fuzz/campaign.h"
#include "host/lab/coverage.h"
#include "host/lab/lab.h"
#include "host/report/run_dir.h"
#include "host/report/schemas.h"

#include <stdlib.h>

struct shard_lab {
	const struct setup *setup;
	struct options o;
	const char *dir;
};

/* In a process of its own. */
static int fly_shard(void *arg)
{
	const struct shard_lab *lab = arg;
	struct err e = {0};
	int status = lab_run(&lab->o, NULL, lab->setup->image, lab->dir, NULL, &e);

	if (status >= 0)
		status = lab_left(status, lab->dir, FUZZ_FILE, FUZZ_SCHEMA, FUZZ_VERSION, &e);
	return status < 0 ? give_up(e.text) : status;
}

/* A line that a lab prints; its findings come again, with those of all. */
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

static bool in_order(const struct job *job)
{
	return job->status == 0 || job->status == 1 || job->status == 4;
}

/* The worst of all labs': one that did not end in order, failed, passed, nothing flew. */
static int worst_of(const struct job *job, unsigned count)
{
	int worst = 4;

	for (unsigned i = 0; i < count; i++) {
		if (!in_order(&job[i]))
			return 2;
		worst = job[i].status == 1 || worst == 1 ? 1 : job[i].status && worst ? 4 : 0;
	}
	return worst;
}

/* Makes of what the labs have left what one would have. */
static int join(const struct setup *setup, char *const *dirs, const struct job *job, unsigned count,
		struct err *e)
{
	auto_by(joined_free) struct joined j = {0};
	int status = worst_of(job, count);

	if (fuzz_join(&j, dirs, count, true, e) || fuzz_join_write(&j, dirs, setup->log, e) ||
	    coverage_join(setup->log, dirs, count, e))
		return give_up(e->text);
	for (unsigned i = 0; i < count; i++)
		run_dir_clean_programs(dirs[i]);
	if (run_dir_join(setup->log, dirs, count, j.top, NULL, e))
		status = give_up(e->text);
	for (unsigned i = 0; i < count; i++)
		if (!in_order(&job[i]))
			printf("# lab %u came to no end: of it there is what it had left by then\n",
			       i + 1);
	fuzz_json_findings(j.top, stdout);
	fuzz_json_tell(j.top, stdout);
	return status;
}

int fuzz_shards(const struct options *o, const struct setup *setup, unsigned count)
{
	const struct shard whole = o->shard.n ? o->shard : (struct shard){1, 1};
	const struct jobs_watcher watcher = {.out = true, .err = true, .line = take_line};
	auto_free struct shard_lab *lab = xcalloc(count, sizeof(*lab));
	auto_free struct job *job = xcalloc(count, sizeof(*job));
	auto_free char **dirs = xcalloc(count, sizeof(*dirs));
	struct err e = {0};
	int status = run_dir_labs(setup->log, dirs, count, &e);

	puts("KTAP version 1");
	for (unsigned i = 0; i < count; i++) {
		lab[i] = (struct shard_lab){setup, *o, dirs[i]};
		lab[i].o.shard = (struct shard){whole.k + i * whole.n, whole.n * count};
		lab[i].o.jobs = 0;
		job[i] = (struct job){.main = fly_shard, .arg = &lab[i]};
	}
	if (!status)
		status = jobs_run(job, count, count, &watcher, &e);
	status = status ? give_up(e.text) : join(setup, dirs, job, count, &e);
	for (unsigned i = 0; i < count; i++)
		free(dirs[i]);
	return signals_pending() ? 128 + signals_pending() : status;
}
