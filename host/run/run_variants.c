// SPDX-License-Identifier: BSD-2-Clause
// The same run on several kernels, with several modules or parameters of KVM, and one table.
#include "host/base/jobs.h"
#include "host/base/nearest.h"
#include "host/base/json.h"
#include "host/cli/paths.h"
#include "host/cli/plan.h"
#include "host/report/result_json.h"
#include "host/run/patch_columns.h"
#include "host/run/run.h"
#include "host/base/signals.h"
#include "host/base/cleanup.h"

#include <dirent.h>
#include <fnmatch.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- which ---------------------------------------------------------------------------------- */

void variants_free(struct variant *list, int count)
{
	for (int i = 0; i < count; i++) {
		free(list[i].name);
		for (unsigned w = 0; w < list[i].words; w++)
			free(list[i].word[w]);
	}
}

/* Whether each of @values has a name of its own, fit for a directory. */
static int check_values(const char *option, char *const *values, unsigned number, struct err *e)
{
	for (unsigned i = 0; i < number; i++) {
		const char *name = basename(values[i]);
		bool good = *name && *name != '.';

		for (unsigned n = 0; n < i; n++)
			good &= strcmp(name, basename(values[n])) != 0;
		if (!good)
			return err_set(e, "%s: '%s' has no name, or that of another", option,
				       values[i]);
	}
	return number ? 0 : err_set(e, "%s: there is none", option);
}

/* What is behind `kvm-intel` (or `kvm_intel`) of a module's file name, or NULL. */
static const char *behind_intel(const char *name)
{
	return !strncmp(name, "kvm-intel", 9) || !strncmp(name, "kvm_intel", 9) ? name + 9 : NULL;
}

static bool is_kvm(const char *name)
{
	return !strncmp(name, "kvm", 3) && !behind_intel(name);
}

/* kvm.ko that lies beside a kvm-intel.ko of the same ending and was built with it; NULL: none does.
 */
static char *kvm_beside(const char *path)
{
	const char *name = basename(path), *rest = behind_intel(name);
	auto_free char *beside =
		rest ? xasprintf("%.*skvm%s", (int)(name - path), path, rest) : NULL;

	return beside && !access(beside, F_OK) ? keep(beside) : NULL;
}

static void add_word(struct variant *v, const char *word)
{
	v->word[v->words++] = xstrdup(word);
}

/* @option with @value; of modules it is the one that the file is, with kvm.ko beside it. */
static void add_option(struct variant *v, const char *option, const char *value)
{
	const bool module = !strcmp(option, "--kvm-intel");
	auto_free char *beside = module ? kvm_beside(value) : NULL;

	add_word(v, module && is_kvm(basename(value)) ? "--kvm" : option);
	add_word(v, value);
	if (beside) {
		add_word(v, "--kvm");
		add_word(v, beside);
	}
}

/* @list of @count becomes each of them with each of @values of @option. The new count, or -1. */
static int multiply(struct variant *list, int count, const char *option, char *const *values,
		    unsigned number, struct err *e)
{
	struct variant made[VARIANTS_MAX] = {{0}};

	if (check_values(option, values, number, e))
		return -1;
	if (number > VARIANTS_MAX || (unsigned)count * number > VARIANTS_MAX)
		return err_set(e, "%s: %llu runs, but no more than %d go into one table", option,
			       (unsigned long long)count * number, VARIANTS_MAX);
	for (unsigned i = 0; i < (unsigned)count * number; i++) {
		const struct variant *from = &list[i / number];
		const char *value = values[i % number];

		made[i].name =
			xasprintf("%s%s%s", from->name, *from->name ? "," : "", basename(value));
		for (; made[i].words < from->words; made[i].words++)
			made[i].word[made[i].words] = xstrdup(from->word[made[i].words]);
		add_option(&made[i], option, value);
	}
	variants_free(list, count);
	memcpy(list, made, (unsigned)count * number * sizeof(*list));
	return count * (int)number;
}

/* What an option may be, one after the other; all of it, however many. */
struct values {
	char **value;
	int count; /* -1: they could not be listed */
};

static void add_value(struct values *v, char *value)
{
	v->value = xrealloc(v->value, (size_t)(v->count + 1) * sizeof(*v->value));
	v->value[v->count++] = value;
}

static struct values split(const char *text, const char *prefix)
{
	struct values v = {0};

	while (*text) {
		const size_t len = strcspn(text, ",");

		add_value(&v, xasprintf("%s%.*s", prefix, (int)len, text));
		text += len + (text[len] != '\0');
	}
	return v;
}

static int is_module(const struct dirent *entry)
{
	return !fnmatch("*.ko*", entry->d_name, FNM_PERIOD);
}

/* Whether @name, kvm.ko, goes with a kvm-intel.ko of @list. */
static bool has_intel(struct dirent *const *list, int count, const char *name)
{
	for (int i = 0; is_kvm(name) && i < count; i++) {
		const char *rest = behind_intel(list[i]->d_name);

		if (rest && !strcmp(rest, name + 3))
			return true;
	}
	return false;
}

static struct values list_modules(const char *dir, struct err *e)
{
	auto_free struct dirent **list = NULL;
	const int count = scandir(dir, &list, is_module, alphasort);
	struct values v = {0};

	if (count < 0)
		v.count = err_errno(e, dir);
	for (int i = 0; i < count; i++) {
		if (!has_intel(list, count, list[i]->d_name))
			add_value(&v, xasprintf("%s/%s", dir, list[i]->d_name));
	}
	for (int i = 0; i < count; i++)
		free(list[i]);
	return v;
}

/* One more option, with @values, which are freed. */
static int add_axis(struct variant *list, int count, const char *option, struct values values,
		    struct err *e)
{
	int ret = values.count < 0
			  ? -1
			  : multiply(list, count, option, values.value, (unsigned)values.count, e);

	for (int i = 0; i < values.count; i++)
		free(values.value[i]);
	free(values.value);
	if (ret < 0)
		variants_free(list, count);
	return ret;
}

/* One more: without a patch, and with each. */
static int add_patches(struct variant *list, int count, const struct options *o, struct err *e)
{
	struct variant made[VARIANTS_MAX] = {{0}};
	const int ret = patch_columns_make(o, list, count, made, e);

	variants_free(list, count);
	if (ret > 0)
		memcpy(list, made, (unsigned)ret * sizeof(*list));
	return ret;
}

int variants_make(const struct options *o, struct variant *list, struct err *e)
{
	int count = 1;

	list[0] = (struct variant){.name = xstrdup("")};
	if (o->kernels)
		count = add_axis(list, count, "--kernel", split(o->kernels, ""), e);
	if (count > 0 && o->each_module)
		count = add_axis(list, count, "--kvm-intel", list_modules(o->each_module, e), e);
	for (unsigned i = 0; count > 0 && i < o->each_params; i++) {
		const char *is = strchr(o->each_param[i], '=');
		auto_free char *name =
			xasprintf("%.*s", (int)(is - o->each_param[i]) + 1, o->each_param[i]);

		count = add_axis(list, count, "--kvm-param", split(is + 1, name), e);
	}
	if (count > 0 && o->patches)
		count = add_patches(list, count, o, e);
	if (count > 0 && o->l0_words + list[count - 1].words > ARRAY_SIZE(o->l0)) {
		variants_free(list, count);
		return err_set(e, "more than %d options of the lab", L0_OPTIONS_MAX);
	}
	return count;
}

struct options variant_options(const struct options *o, const struct variant *v, const char *dir,
			       struct buf *command)
{
	struct options one = *o;

	buf_printf(command, "%s", one.shown_command);
	one.kernels = one.each_module = NULL;
	one.each_params = one.patches = 0;
	one.expect_cure = one.baseline = NULL;
	one.part = true;
	one.log = dir;
	for (unsigned i = 0; i < v->words; i++) { /* variants_make() has seen that there is room */
		one.l0[one.l0_words++] = v->word[i];
		buf_printf(command, " ");
		buf_shell_quote(command, v->word[i]);
	}
	one.shown_command = command->p;
	return one;
}

/* ---- running ------------------------------------------------------------------------------- */

/* One variant's run, in a process of its own. */
struct variant_run {
	const struct options *o;
	const struct variant *v;
	char *dir;	  /* its part of the logs */
	unsigned jobs;	  /* labs of its own */
	bool ended;	  /* and all that it printed was heard */
	struct buf lines; /* it printed before its turn came: each behind the digit of its stream */
};

struct variant_runs {
	struct variant_run *run;
	unsigned count;
	unsigned turn; /* whose output is shown as it comes */
	struct screen screen;
};

static int run_one(void *arg)
{
	const struct variant_run *r = arg;
	struct buf command = {0};
	struct options one = variant_options(r->o, r->v, r->dir, &command);

	one.jobs = r->jobs;
	printf("# midflight: %s\n", r->v->name);
	return run(&one); /* this process ends now */
}

static void show(struct variant_runs *r, enum job_stream stream, const char *line)
{
	if (stream == JOB_OUT) {
		screen_line(&r->screen, line);
		return;
	}
	screen_clear(&r->screen);
	fprintf(stderr, "%s\n", line);
}

/* The output of one comes whole: that of the others waits for its turn. */
static void take_line(void *arg, unsigned number, enum job_stream stream, const char *line)
{
	struct variant_runs *r = arg;
	struct screen_result result;
	auto_free char *text = xstrdup(line);

	if (stream == JOB_OUT && screen_parse(text, &result))
		screen_done(&r->screen);
	if (number == r->turn)
		show(r, stream, line);
	else
		buf_printf(&r->run[number].lines, "%d%s\n", stream, line);
}

static void show_held(struct variant_runs *r, struct buf *lines)
{
	for (char *line = lines->p, *end; line && *line; line = end + 1) {
		end = strchr(line, '\n');
		*end = '\0';
		show(r, (enum job_stream)(*line - '0'), line + 1);
	}
	buf_free(lines);
}

static void end_run(void *arg, unsigned number)
{
	struct variant_runs *r = arg;

	r->run[number].ended = true;
	while (r->turn < r->count && r->run[r->turn].ended)
		if (++r->turn < r->count)
			show_held(r, &r->run[r->turn].lines);
}

static void tick(void *arg)
{
	struct variant_runs *r = arg;

	screen_tick(&r->screen);
}

/* Tells the screen of all results that are to come; of several labs at once none is the next. */
static void expect_results(struct variant_runs *r, const struct options *o, unsigned labs)
{
	auto_by(plan_free) struct plan plan = {0};

	plan_make(&plan, o);
	for (unsigned i = 0; i < r->count * plan.count; i++) {
		auto_free char *name = plan_name(o, &plan.item[i % plan.count]);

		screen_expect(&r->screen,
			      labs > 1 ? xasprintf("%u labs", labs)
				       : xasprintf("%s: %s", r->run[i / plan.count].v->name, name));
	}
}

/* What the run into @dir has left if it began @after that time; NULL: nothing. */
static json_t *load_results(const char *dir, const char *after)
{
	auto_free char *path = xasprintf("%s/result.json", dir);
	struct err e = {0};
	json_auto_t *top = report_json_load(path, &e);

	return strcmp(json_text_of(top, "started"), after) >= 0 ? keep(top) : NULL;
}

/* Runs all @count into @log, with what @runs has room for. The exit status. */
static int run_all(const struct options *o, const struct variant *list, unsigned count,
		   const char *log, void **runs)
{
	const unsigned jobs = o->jobs ? o->jobs : 1, at_once = jobs < count ? jobs : count;
	struct job job[VARIANTS_MAX] = {{0}};
	struct variant_run run[VARIANTS_MAX] = {{0}};
	struct variant_runs r = {.run = run, .count = count};
	const struct jobs_watcher watcher = {true, true, take_line, end_run, tick, &r};
	char began[REPORT_TIME];
	struct err e = {0};
	int status = 4, failed;

	for (unsigned i = 0; i < count; i++) {
		run[i] = (struct variant_run){.o = o, .v = &list[i], .jobs = jobs / count};
		run[i].dir = xasprintf("%s/%s", log, list[i].name);
		job[i] = (struct job){.main = run_one, .arg = &run[i]};
	}
	report_time(began);
	screen_init(&r.screen, o->quiet);
	r.screen.ahead = true;
	expect_results(&r, o, jobs / count > 1 ? jobs / count * count : at_once);
	failed = jobs_run(job, count, at_once, &watcher, &e);
	screen_end(&r.screen);
	for (unsigned i = 0; i < count; i++) {
		int ended = job[i].status;

		if (ended == JOB_NOT_RUN)
			continue; /* a signal came, or it could not be started */
		if (ended < 0)
			fprintf(stderr, "midflight: %s: ended by signal %d\n", list[i].name,
				-ended);
		status = report_worse(status, ended < 0 || ended >= 128 ? 2 : ended);
		runs[i] = load_results(run[i].dir, began);
	}
	for (unsigned i = 0; i < count; i++)
		free(run[i].dir);
	return failed ? give_up(e.text) : status;
}

/* The number of the column that --baseline names, a module with or without its ending; or -1. */
static int find_baseline(const struct options *o, const struct variant *list, int count,
			 struct err *e)
{
	struct nearest nearest = {0};

	for (int i = 0; i < count; i++) {
		auto_free char *with_end = xasprintf("%s.ko", o->baseline);

		if (!strcmp(list[i].name, o->baseline) || !strcmp(list[i].name, with_end))
			return i;
		nearest_try(&nearest, o->baseline, list[i].name);
	}
	return err_set(e, "--baseline: no column is called '%s'%s", o->baseline,
		       nearest_text(&nearest));
}

int run_variants(const struct options *o)
{
	auto_free char *log = o->log ? xstrdup(o->log) : default_log(executable_dir());
	struct variant list[VARIANTS_MAX];
	const char *names[VARIANTS_MAX] = {0};
	void *runs[VARIANTS_MAX] = {0};
	struct err e = {0};
	int count = variants_make(o, list, &e), baseline = 0, status;

	if (count > 0 && o->baseline) {
		baseline = find_baseline(o, list, count, &e);
		if (baseline < 0)
			variants_free(list, count);
		if (baseline < 0)
			return give_up(e.text);
	}
	if (count < 0 || signals_init())
		return give_up(count < 0 ? e.text : "cannot set up signals");
	status = o->patches ? patch_columns_build(o, list, (unsigned)count) : 0;
	if (status) {
		variants_free(list, count);
		return status;
	}
	status = run_all(o, list, (unsigned)count, log, runs);
	for (int i = 0; i < count; i++)
		names[i] = list[i].name;
	variants_table(stdout, names, runs, (unsigned)count);
	if (o->patches)
		status = patch_columns_tell(stdout, o, list, runs, (unsigned)count, status);
	if (o->baseline)
		columns_against(stdout, list, runs, (unsigned)count, (unsigned)baseline);
	printf("# midflight report %s makes one page of them\n", log);
	for (int i = 0; i < count; i++)
		json_decref(runs[i]);
	variants_free(list, count);
	return signals_pending() ? 128 + signals_pending() : status;
}
