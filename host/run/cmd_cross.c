// SPDX-License-Identifier: BSD-2-Clause
// `midflight cross`: each scenario saved in one L0 and restored in another, which differ by kernel,
// module, parameter or patch. First each says what it offers; then each flies all scenarios in a VM
// that has no more than all of them offer, and keeps the snapshots; then each flies the second
// halves of the others' flights.
#include "host/base/cleanup.h"
#include "host/base/jobs.h"
#include "host/base/json.h"
#include "host/base/signals.h"
#include "host/cli/plan.h"
#include "host/lab/lab.h"
#include "host/report/result_json.h"
#include "host/run/cross.h"
#include "host/run/patch_columns.h"
#include "host/run/run.h"

#include <stdlib.h>
#include <string.h>

#define KERNELS "6.1,6.12,7.3"	/* unless the user says what differs */
#define L0_RUNS "lab: L0 runs " /* of each lab */

struct cross {
	const struct options *o;
	struct setup setup;
	struct variant list[VARIANTS_MAX];
	struct cross_table table; /* of them all */
	struct buf like;	  /* the files of what they offer */
	struct screen screen;
	struct buf said; /* by the run that is on */
};

/* ---- one run, in a process of its own ------------------------------------------------------- */

struct cross_run {
	const struct cross *c;
	struct options o;
	struct buf command;
	int (*main)(const struct cross *c, struct options *o);
};

static int ask(const struct cross *c, struct options *o)
{
	struct err e = {0};
	const int status = lab_run(o, NULL, c->setup.image, o->log, NULL, &e);

	return status < 0 ? give_up(e.text) : status;
}

static int fly(const struct cross *c, struct options *o)
{
	(void)c;
	return run(o);
}

static int run_main(void *arg)
{
	struct cross_run *r = arg;

	return r->main(r->c, &r->o);
}

/* What a run prints is shown if it comes to nothing. */
static void take_line(void *arg, unsigned job, enum job_stream stream, const char *line)
{
	struct cross *c = arg;
	struct screen_result result;
	auto_free char *text = xstrdup(line);

	(void)job;
	if (stream == JOB_OUT) {
		buf_printf(&c->said, "%s\n", line);
		if (screen_parse(text, &result))
			screen_done(&c->screen);
	} else if (strncmp(line, L0_RUNS, strlen(L0_RUNS)) != 0) {
		screen_clear(&c->screen);
		fprintf(stderr, "%s\n", line);
	}
}

static void tick(void *arg)
{
	struct cross *c = arg;

	screen_tick(&c->screen);
}

static struct cross_run make_run(struct cross *c, unsigned number, const char *dir)
{
	struct cross_run r = {.c = c, .main = fly};

	r.o = variant_options(c->o, &c->list[number], dir, &r.command);
	r.o.command = CMD_RUN;
	r.o.hops_given = r.o.quiet = true;
	r.o.hops = 1;
	return r;
}

/* The exit status of its end, which may be 1. */
static int do_run(struct cross *c, struct cross_run *r)
{
	const struct jobs_watcher watcher = {true, true, take_line, NULL, tick, c};
	struct job job = {.main = run_main, .arg = r};
	struct err e = {0};
	const bool failed = make_dirs(r->o.log, &e) || jobs_run(&job, 1, 1, &watcher, &e);

	buf_free(&r->command);
	screen_clear(&c->screen);
	if (failed)
		return give_up(e.text);
	if (signals_pending() || job.status == JOB_NOT_RUN)
		return 128 + signals_pending();
	if (job.status < 0 || job.status == 2)
		print_lines(stdout, "# ", buf_text(&c->said));
	c->said.len = 0;
	return job.status < 0 ? 2 : job.status;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static int ask_all(struct cross *c)
{
	for (unsigned i = 0; i < c->table.hosts && !c->o->as_offered; i++) {
		auto_free char *dir = xasprintf("%s/offers/%s", c->setup.log, c->list[i].name);
		struct cross_run r = make_run(c, i, dir);
		int status;

		r.o.command = CMD_SAVE;
		r.o.offers = true;
		r.o.scenarios = 1; /* of which it makes no use */
		r.o.scenario_text = NULL;
		r.main = ask;
		status = do_run(c, &r);
		if (status)
			return status;
		buf_printf(&c->like, "%s%s/" LAB_SNAPSHOT, i ? "," : "", dir);
	}
	return 0;
}

/* The second halves of @from's flights in @to, or @to's own flights. */
static int fly_cell(struct cross *c, unsigned from, unsigned to)
{
	const char *const name = c->list[to].name;
	auto_free char *source = xasprintf("%s/%s", c->setup.log, c->list[from].name);
	auto_free char *dir = from == to ? xstrdup(source) : xasprintf("%s-to-%s", source, name);
	auto_free char *file = xasprintf("%s/result.json", dir);
	struct cross_run r = make_run(c, to, dir);
	struct err e = {0};
	int status;

	r.o.from = from == to ? NULL : source;
	r.o.keep = from == to;
	r.o.like = from == to ? c->like.p : NULL;
	buf_shell_option(&r.command, "from", r.o.from);
	buf_shell_option(&r.command, "like", r.o.like);
	r.o.shown_command = r.command.p;
	status = do_run(c, &r);
	if (status > 4)
		return status;
	c->table.run[from][to] = report_json_load(file, &e);
	if (!c->table.run[from][to])
		return give_up(e.text);
	cross_line(stdout, &c->table, from, to);
	fflush(stdout);
	return 0;
}

static int fly_all(struct cross *c)
{
	const unsigned n = c->table.hosts;
	int status = c->o->patches ? patch_columns_build(c->o, c->list, n) : 0;

	if (!status)
		status = ask_all(c);
	for (unsigned i = 0; i < n && !status; i++)
		status = fly_cell(c, i, i);
	for (unsigned from = 0; from < n; from++)
		for (unsigned to = 0; to < n && !status; to++)
			if (from != to)
				status = fly_cell(c, from, to);
	return status;
}

static void expect_results(struct cross *c)
{
	const unsigned n = c->table.hosts;
	auto_by(plan_free) struct plan plan = {0};

	plan_make(&plan, c->o);
	/* Their own have controls, the second halves have none. */
	for (unsigned i = 0; i < n * plan.count + n * (n - 1) * plan.planned; i++)
		screen_expect(&c->screen, xstrdup("cross"));
	screen_begin(&c->screen);
}

/* What differs. 0, or -1 with @e filled. */
static int make_hosts(struct cross *c, struct options *o, struct err *e)
{
	bool kernel = false;
	int count;

	for (unsigned i = 0; i < o->l0_words; i++)
		kernel |= !strcmp(o->l0[i], "--kernel");
	if (!has_variants(o) && !kernel)
		o->kernels = KERNELS;
	count = variants_make(o, c->list, e);
	if (count >= 2 && count <= CROSS_MAX) {
		c->table.hosts = (unsigned)count;
		for (int i = 0; i < count; i++)
			c->table.name[i] = c->list[i].name;
		return 0;
	}
	if (count >= 0)
		variants_free(c->list, count);
	return count < 0 ? -1
			 : err_set(e,
				   "from %d to %d of them: --kernel with commas, --each-param, "
				   "--each-module, --patch",
				   2, CROSS_MAX);
}

int cmd_cross(struct options *o)
{
	auto_free struct cross *c = xcalloc(1, sizeof(*c));
	struct err e = {0};
	int status;

	c->o = o;
	o->lab = LAB_YES;
	if (make_hosts(c, o, &e) || setup(&c->setup, o, &e))
		return give_up(e.text);
	if (signals_init())
		return give_up("cannot set up signals");
	screen_init(&c->screen, o->quiet);
	c->screen.ahead = true;
	expect_results(c);
	status = fly_all(c);
	screen_end(&c->screen);
	if (c->table.run[0][0]) {
		cross_print(stdout, &c->table);
		printf("# midflight report %s makes one page of them\n", c->setup.log);
	}
	cross_free(&c->table);
	variants_free(c->list, (int)c->table.hosts);
	buf_free(&c->like);
	buf_free(&c->said);
	return status;
}
