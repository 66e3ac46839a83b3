// SPDX-License-Identifier: BSD-2-Clause
// A run in one lab: what comes of it, also if L0 dies, the lab fails or somebody ends it.
#include "host/run/run.h"
#include "host/base/json.h"
#include "host/l0/l0_log.h"
#include "host/lab/lab.h"
#include "host/report/result_json.h"
#include "host/report/run_dir.h"
#include "host/base/signals.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONSOLE_LINES 30

struct lab_run {
	const struct options *o;
	const struct setup *setup;
	const struct plan *plan;
	struct screen *screen;
	struct report report;
	char *dir;	    /* where the lab leaves what it has */
	bool clean;	    /* the log directory has nothing of an earlier run */
	struct buf console; /* of an L0 that died, or a lab that failed */
};

/* Counts a result that the lab told of. */
static void count_result(void *arg, const struct screen_result *result)
{
	struct lab_run *l = arg;
	const struct report_line line = report_told(result);

	if (line.word != WORD_SKIP && !l->clean)
		run_dir_clean(l->setup->log);
	l->clean |= line.word != WORD_SKIP;
	report_count(&l->report, &line);
}

static void lab_says(void *arg, unsigned job, enum job_stream stream, const char *line)
{
	const struct lab_run *l = arg;

	(void)job;
	(void)stream; /* stderr stays ours */
	screen_line(l->screen, line);
}

static void lab_ticks(void *arg)
{
	const struct lab_run *l = arg;

	screen_tick(l->screen);
}

/* Whether L0 itself has seen and told of its death. */
static bool told_death(const json_t *results)
{
	const json_t *last = json_array_get(results, json_array_size(results) - 1), *finding;
	size_t i;

	json_array_foreach(json_object_get(last, "findings"), i, finding)
		if (!strncmp(json_string_value(finding), L0_DEATH, strlen(L0_DEATH)))
			return true;
	return false;
}

/* The last lines of L0's console. */
static const char *console_end(const struct buf *console)
{
	size_t at = console->len;

	for (unsigned n = 0; at; at--)
		if (console->p[at - 1] == '\n' && at != console->len && ++n == CONSOLE_LINES)
			break;
	return buf_text(console) + at;
}

/* The flight that was on when L0 died is a result, too. */
static void add_death(struct lab_run *l, const struct plan_item *item, enum l0_sign sign,
		      const char *line)
{
	auto_by(flight_result_free) struct flight_result result = {0};
	struct setup setup = *l->setup;
	struct flight_config config;
	auto_free char *key = plan_key(item), *name = plan_name(l->o, item);
	const struct report_entry entry = {.name = name,
					   .key = key,
					   .config = &config,
					   .result = &result,
					   .control_passed = true};
	auto_free char *dir = xasprintf("%s/%s", l->dir, entry.name);
	struct err e = {0};

	setup_flight(&setup, &config);
	config.scenario = item->scenario;
	config.hops = setup_hops(l->setup, item->scenario);
	setup_item(&setup, &config, item, &e); /* nothing of it flies */
	verdict_raise(&result.verdict, sign == L0_HANG ? WORD_HANG : WORD_CRASH, L0_DEATH "%s",
		      line);
	buf_printf(&result.details, "L0's console (" L0_CONSOLE ") ends:\n%s",
		   console_end(&l->console));
	if (make_dirs(dir, &e))
		give_up(e.text);
	else
		result.hop = xcalloc(config.hops, sizeof(*result.hop));
	result.hops = result.hop ? config.hops : 0;
	report_result(&l->report, &entry);
}

/*
 * A run that came to no end, of which @top has what was kept: tells what is left to tell, and makes
 * @top whole. The exit status.
 */
static int cut_off(struct lab_run *l, json_t *top)
{
	json_t *results = json_object_get(top, "results");
	struct report *r = &l->report;
	char line[L0_COMPLAINT_MAX];
	const enum l0_sign death = l0_log_console(buf_text(&l->console), line, sizeof(line));
	const bool told = r->results == l->plan->count && !signals_pending(); /* and summed up */
	int status;

	if (json_array_size(results) < r->results)
		give_up("the lab has told of results that it has not left");
	while (r->results < json_array_size(results)) {
		const struct report_line next =
			report_json_line(json_array_get(results, r->results));

		report_line(r, &next);
	}
	r->json = json_incref(results);
	r->environment = json_incref(json_object_get(top, "environment"));
	r->dir = l->dir;
	r->log = l->o->shown_log;
	r->interrupted = signals_pending();
	if (death && !signals_pending() && r->results < l->plan->count && !told_death(results))
		add_death(l, &l->plan->item[r->results], death, line);
	report_json_counts(top, r);
	status = death ? 1 : report_worse(report_status(r), 2);
	if (!told)
		report_summary(r);
	return status;
}

/* Moves what the lab left to where it belongs, and writes the copies. 0, or -1 with @e filled. */
static int take(struct lab_run *l, const json_t *top, struct err *e)
{
	const char *log = l->setup->log;

	if (top && report_json_write(top, l->dir, e)) /* which replaces its journal */
		return -1;
	if (top && report_json_copies(l->o, top, e))
		return -1;
	if (l->clean || run_dir_flew(top) || !run_dir_has_flown(log)) {
		if (!l->clean)
			run_dir_clean(log);
		return run_dir_take(log, l->dir, e);
	}
	if (top) {
		run_dir_clean(l->dir);
		rmdir(l->dir);
	}
	printf("# midflight: nothing flew, %s keeps the results of a run that did\n",
	       l->o->shown_log);
	return 0;
}

/* What has become of it, which ended with @status. The exit status. */
static int finish(struct lab_run *l, int status)
{
	auto_free char *path = xasprintf("%s/result.json", l->dir);
	struct err e = {0}, none = {0};
	bool whole = !access(path, F_OK) && !signals_pending();
	json_auto_t *top = report_json_load(path, &e);

	read_file(l->dir, L0_CONSOLE, &l->console, &none);
	whole = whole && top && !l->console.len &&
		json_member_integer(top, "exit_status") == status &&
		json_array_size(json_object_get(top, "results")) == l->report.results;
	if (!top) {
		l->report.interrupted = signals_pending();
		report_summary(&l->report);
		if (!signals_pending())
			status = give_up(status == 1 ? "L0 died before anything flew" : e.text);
	} else if (!whole) {
		status = cut_off(l, top);
	}
	if (take(l, top, &e))
		status = give_up(e.text);
	return status;
}

int run_lab(const struct options *o, const struct setup *setup, const struct plan *plan,
	    struct screen *screen)
{
	auto_free struct lab_run *l = xcalloc(1, sizeof(*l));
	const struct jobs_watcher watcher = {
		.out = true, .line = lab_says, .tick = lab_ticks, .arg = l};
	struct err e = {0};
	int status;

	*l = (struct lab_run){.o = o, .setup = setup, .plan = plan, .screen = screen};
	status = run_dir_labs(setup->log, &l->dir, 1, &e);
	report_init(&l->report, o, stdout, NULL, plan->count);
	screen->on_result = count_result;
	screen->arg = l;
	if (!status)
		status = lab_run(o, NULL, setup->image, l->dir, &watcher, &e);
	screen_end(screen);
	if (status < 0)
		status = give_up(e.text);
	status = finish(l, status);
	report_free(&l->report);
	buf_free(&l->console);
	free(l->dir);
	return signals_pending() ? 128 + signals_pending() : status;
}
