// SPDX-License-Identifier: BSD-2-Clause
// One run dealt to several labs at once: each is a shard in a process of its own.
#include "host/run/run.h"
#include "host/lab/coverage.h"
#include "host/base/jobs.h"
#include "host/base/json.h"
#include "host/report/result_json.h"
#include "host/report/run_dir.h"
#include "host/base/signals.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAB_SNAPSHOTS 90 /* of 0.5 MB each */

/* A result as its lab has told it. */
struct told {
	struct report_line line;
	char *text;		/* of which @line has its words */
	struct buf diagnostics; /* the lines in front of it */
};

struct shard_lab {
	struct dealt *dealt;
	struct options o;
	struct plan plan;
	char *dir;
	struct told *told; /* for each item of @plan */
	unsigned count;	   /* that were told, and ... */
	unsigned shown;	   /* ... shown, in their order */
	struct buf text;   /* lines since the last result */
	bool ended;	   /* and tells no more */
	bool cut;	   /* it ended before it had told all */
};

struct dealt {
	const struct options *o;
	const struct plan *plan;
	struct shard_lab *lab;
	struct job *job; /* of each lab */
	unsigned labs;
	unsigned shown; /* items of @plan */
	struct screen *screen;
	struct report report;
	const char *log;
	bool clean; /* @log has nothing of an earlier run */
	int (*fly)(void *arg, const struct options *shard);
	void *arg;
};

/* ---- what is shown while they fly ----------------------------------------------------------- */

/* A control has the method of the result behind it, which may be another in each shard. */
static bool same_item(const struct plan_item *a, const struct plan_item *b)
{
	return a->scenario == b->scenario && a->control == b->control &&
	       (a->control ||
		(a->post == b->post && a->method == b->method && a->order == b->order));
}

/*
 * Shows the next result of the whole plan, if all labs that fly it have told it or ended: several
 * may have the same control. False if not.
 */
static bool show_next(struct dealt *d)
{
	const struct report_line *worst = NULL;
	bool has[SHARDS_MAX] = {false}, any = false;

	for (unsigned i = 0; i < d->labs && d->shown < d->plan->count; i++) {
		const struct shard_lab *lab = &d->lab[i];
		const struct report_line *line;

		if (lab->shown == lab->plan.count ||
		    !same_item(&lab->plan.item[lab->shown], &d->plan->item[d->shown]))
			continue;
		if (lab->shown >= lab->count && !lab->ended)
			return false;
		has[i] = any = true;
		if (lab->shown >= lab->count)
			continue;
		line = &lab->told[lab->shown].line;
		if (!worst || merge_badness(line) > merge_badness(worst))
			worst = line;
	}
	if (!any)
		return false;
	if (worst)
		report_line(&d->report, worst);
	d->shown++;
	for (unsigned i = 0; i < d->labs; i++)
		d->lab[i].shown += has[i];
	return true;
}

/* The next result of @lab has come. */
static void take_result(struct shard_lab *lab, char *text, const struct screen_result *result)
{
	const struct plan_item *item = &lab->plan.item[lab->count];
	struct told *told = &lab->told[lab->count++];

	told->text = text;
	told->diagnostics = lab->text;
	memset(&lab->text, 0, sizeof(lab->text));
	told->line = report_told(result);
	told->line.control = item->control;
	told->line.method = item->method;
	told->line.diagnostics = buf_text(&told->diagnostics);
	if (told->line.word != WORD_SKIP && !lab->dealt->clean) {
		run_dir_clean(lab->dealt->log);
		lab->dealt->clean = true;
	}
	screen_done(lab->dealt->screen);
}

/* A line that a lab prints: what is no result belongs to the next one. */
static void take_line(void *arg, unsigned number, enum job_stream stream, const char *line)
{
	struct dealt *d = arg;
	struct shard_lab *lab = &d->lab[number];
	struct screen_result result;
	auto_free char *text = xstrdup(line), *name = NULL;

	if (stream == JOB_ERR) {
		screen_clear(d->screen);
		fprintf(stderr, "%s\n", line);
		return;
	}
	if (lab->count < lab->plan.count)
		name = plan_name(&lab->o, &lab->plan.item[lab->count]);
	if (name && screen_parse(text, &result) && !strcmp(result.name, name)) {
		take_result(lab, keep(text), &result);
	} else if (*line == '#') {
		line += 1 + (line[1] == ' ');
		buf_printf(&lab->text, "%s\n", line);
	}
	while (show_next(d))
		;
}

/*
 * What a lab has not told when it ends is an ERROR, unless all is to end, or it has failed: then
 * its L0 has died, which it has told.
 */
static void end_lab(void *arg, unsigned number)
{
	struct dealt *d = arg;
	struct shard_lab *lab = &d->lab[number];

	lab->ended = true;
	lab->cut = lab->count < lab->plan.count;
	while (!signals_pending() && d->job[number].status != 1 && lab->count < lab->plan.count) {
		auto_free char *name = plan_name(&lab->o, &lab->plan.item[lab->count]);
		char *text = xasprintf("not ok 1 - %s # ERROR, its lab came to no end", name);
		struct screen_result result;

		screen_parse(text, &result);
		take_result(lab, text, &result);
	}
	while (show_next(d))
		;
	if (!signals_pending())
		print_lines(d->report.out, "# ", buf_text(&lab->text));
}

static void tick(void *arg)
{
	struct dealt *d = arg;

	screen_tick(d->screen);
}

/* ---- what they leave ------------------------------------------------------------------------ */

/*
 * The @i-th result of @lab, which has left none. If it died behind the last one, this is an ERROR:
 * what is read of the run later must not say that all is well.
 */
static struct report_line line_of(const struct shard_lab *lab, unsigned i)
{
	struct report_line line = lab->told[i].line;

	if (!lab->cut && i + 1 == lab->count && (line.word < WORD_ERROR || line.known)) {
		line.word = WORD_ERROR;
		line.known = NULL;
		line.notes = "its lab came to no end, and left nothing";
	}
	return line;
}

/* The first @left results are those of @own. */
static unsigned take_own(const struct shard_lab *lab, const json_t *own, struct report *r)
{
	const json_t *results = json_object_get(own, "results");
	unsigned left = (unsigned)json_array_size(results);

	/* One that died behind the last one has not left that. */
	if (left >= lab->count && !lab->cut && lab->count)
		left = lab->count - 1;
	for (unsigned i = 0; i < left; i++) {
		const struct report_line line = report_json_line(json_array_get(results, i));

		report_count(r, &line);
		json_append(r->json, json_incref(json_array_get(results, i)));
	}
	return left;
}

/*
 * Writes for a lab that came to no end a result.json: what it has left itself, @own or NULL, and
 * what it has told. The rest is as in @other.
 */
static int write_told(const struct shard_lab *lab, const json_t *own, const json_t *other,
		      struct err *e)
{
	json_auto_t *top = json_got(json_deep_copy(other));
	auto_by(report_free) struct report r = {0};

	report_init(&r, &lab->o, stdout, NULL, lab->plan.count);
	r.json = json_got(json_array());
	for (unsigned i = take_own(lab, own, &r); i < lab->count; i++) {
		const struct report_line line = line_of(lab, i);
		auto_by(flight_result_free) struct flight_result result = {
			.log.hops_done = line.hops_done,
			.taken = line.taken,
			.l2_active = line.l2_active};
		struct flight_config config = {.scenario = lab->plan.item[i].scenario,
					       .method = line.method,
					       .control = line.control};
		auto_free char *name = xstrdup(line.name);
		const struct report_entry entry = {
			.name = name, .config = &config, .result = &result, .known = line.known};

		if (line.word == WORD_PASS)
			result.verdict.word = WORD_PASS;
		else
			verdict_raise(&result.verdict, line.word, "%s", line.notes);
		report_count(&r, &line);
		report_json_result(&r, &entry, &line);
	}
	json_set(top, "shard", report_json_shard(&lab->o.shard));
	report_json_counts(top, &r);
	return report_json_write(top, lab->dir, e);
}

/* Shows what all comes to and makes one run of it. The exit status. */
static int finish(struct dealt *d, const struct merged *m, const char *log)
{
	const json_t *results = json_object_get(m->top, "results");
	auto_free char **dirs = xcalloc(d->labs, sizeof(*dirs));
	auto_by(report_free) struct report r = {0};
	struct err e = {0};
	int status;

	for (unsigned i = 0; i < d->labs; i++)
		dirs[i] = d->lab[i].dir;
	report_init(&r, d->o, d->report.out, d->o->shown_log, d->plan->count);
	r.interrupted = signals_pending();
	report_json_count(results, &r);
	status = report_status(&r);
	if (!d->clean && !run_dir_flew(m->top) && run_dir_has_flown(log)) {
		for (unsigned i = 0; i < d->labs; i++) {
			run_dir_clean(dirs[i]);
			rmdir(dirs[i]);
		}
		fprintf(r.out,
			"# midflight: nothing flew, %s keeps the results of a run that did\n",
			d->o->shown_log);
	} else {
		if (!d->clean)
			run_dir_clean(log);
		if (coverage_join(log, dirs, d->labs, &e) ||
		    run_dir_join(log, dirs, d->labs, m->top, m->from, &e) ||
		    report_json_write(m->top, log, &e))
			status = give_up(e.text);
	}
	if (report_json_copies(d->o, m->top, &e))
		status = give_up(e.text);
	report_summary(&r);
	return status;
}

/* Puts together what the labs have left. The exit status. */
static int join(struct dealt *d, const char *log)
{
	auto_free char **files = xcalloc(d->labs, sizeof(*files));
	auto_free json_t **top = xcalloc(d->labs, sizeof(json_t *));
	json_t *one = NULL; /* that some lab has left */
	auto_by(merged_free) struct merged m = {0};
	struct err e = {0};
	int status;

	for (unsigned i = 0; i < d->labs; i++) {
		files[i] = xasprintf("%s/result.json", d->lab[i].dir);
		top[i] = report_json_load(files[i], &e);
		if (!one)
			one = top[i];
	}
	for (unsigned i = 0; i < d->labs && one; i++) {
		const bool whole =
			top[i] && (signals_pending() ||
				   json_member_integer(top[i], "exit_status") == d->job[i].status);

		if (!whole && write_told(&d->lab[i], top[i], one, &e))
			give_up(e.text);
	}
	if (!one) {
		d->report.interrupted = signals_pending();
		report_summary(&d->report);
		status = give_up("no lab has left any results");
	} else if (merge_files(&m, files, d->labs, &d->o->shard, true, &e)) {
		status = give_up(e.text);
	} else {
		status = finish(d, &m, log);
	}
	for (unsigned i = 0; i < d->labs; i++) {
		json_decref(top[i]);
		free(files[i]);
	}
	return status;
}

/* ---- all of it ------------------------------------------------------------------------------ */

unsigned shards_wanted(const struct options *o, const struct plan *plan)
{
	const unsigned most = SHARDS_MAX / (o->shard.n ? o->shard.n : 1);
	unsigned results = 0, labs;

	for (unsigned i = 0; i < plan->count; i++)
		results += !plan->item[i].control;
	/* Snapshots lie in L0's memory, and come in by a small disk. */
	labs = o->keep || o->from ? (results + LAB_SNAPSHOTS - 1) / LAB_SNAPSHOTS : 1;
	if (labs < o->jobs)
		labs = results < o->jobs ? results : o->jobs;
	return labs < most ? labs : most;
}

static int fly_shard(void *arg)
{
	const struct shard_lab *lab = arg;

	return lab->dealt->fly(lab->dealt->arg, &lab->o);
}

/* A shard of a shard is one of more shards. */
static void deal(struct dealt *d, unsigned number, char *dir)
{
	const struct shard whole = d->o->shard.n ? d->o->shard : (struct shard){1, 1};
	struct shard_lab *lab = &d->lab[number];

	lab->dealt = d;
	lab->dir = dir;
	lab->o = *d->o;
	lab->o.shard = (struct shard){whole.k + number * whole.n, whole.n * d->labs};
	lab->o.log = dir;
	lab->o.json = lab->o.junit = NULL;
	lab->o.jobs = 0;
	lab->o.quiet = true;
	plan_make(&lab->plan, &lab->o);
	lab->told = xcalloc(lab->plan.count, sizeof(*lab->told));
	d->job[number] = (struct job){.main = fly_shard, .arg = lab};
}

static void free_lab(struct shard_lab *lab)
{
	for (unsigned i = 0; i < lab->count; i++) {
		free(lab->told[i].text);
		buf_free(&lab->told[i].diagnostics);
	}
	free(lab->told);
	buf_free(&lab->text);
	plan_free(&lab->plan);
	free(lab->dir);
}

int run_shards(const struct options *o, const struct plan *plan, unsigned count, const char *log,
	       struct screen *screen, int (*fly)(void *arg, const struct options *shard), void *arg)
{
	struct dealt d = {.o = o,
			  .plan = plan,
			  .lab = xcalloc(count, sizeof(*d.lab)),
			  .job = xcalloc(count, sizeof(*d.job)),
			  .labs = count,
			  .screen = screen,
			  .log = log,
			  .fly = fly,
			  .arg = arg};
	const struct jobs_watcher watcher = {true, true, take_line, end_lab, tick, &d};
	auto_free char **dirs = xcalloc(count, sizeof(*dirs));
	FILE *out = screen_file(screen);
	struct err e = {0};
	int status = run_dir_labs(log, dirs, count, &e);

	for (unsigned i = 0; i < count; i++)
		deal(&d, i, dirs[i]);
	for (unsigned i = 0; i < count; i++)
		for (unsigned n = 0; n < d.lab[i].plan.count; n++)
			screen_expect(screen, xasprintf("%u labs", count));
	screen->ahead = true;
	report_init(&d.report, o, out, NULL, plan->count);
	report_plan(&d.report);
	if (!status)
		status = jobs_run(d.job, count, o->jobs ? o->jobs : 1, &watcher, &e);
	status = status ? give_up(e.text) : join(&d, log);
	report_free(&d.report);
	fclose(out);
	screen_end(screen);
	for (unsigned i = 0; i < count; i++)
		free_lab(&d.lab[i]);
	free(d.lab);
	free(d.job);
	return signals_pending() ? 128 + signals_pending() : status;
}
