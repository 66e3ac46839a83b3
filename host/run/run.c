// SPDX-License-Identifier: BSD-2-Clause
// `midflight run`: chooses the machine, flies each scenario without and with snapshots, sums up.
#include "host/run/run.h"
#include "host/base/json.h"
#include "host/flight/half.h"
#include "host/guest/guest.h"
#include "host/l0/l0_log.h"
#include "host/lab/lab.h"
#include "host/report/result_json.h"
#include "host/report/run_dir.h"
#include "host/base/signals.h"
#include "host/base/cleanup.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run {
	const struct options *o;
	struct setup setup;
	struct screen screen;
	FILE *out; /* through the screen */
	const char *name;
	unsigned hops; /* of the scenario that flies */
	bool l0_log;   /* can be read */
	bool spared;   /* the log directory has results of a run that flew; this one did not yet */
	size_t kept;   /* files in the journal */
	bool silent;   /* no progress: another process shows it */
};

static void on_progress(void *arg, unsigned hop, unsigned missed)
{
	struct run *r = arg;

	screen_note(&r->screen, "hop %u of %u%s", hop, r->hops, missed ? ", some missed" : "");
	if (!r->o->verbose)
		return;
	screen_clear(&r->screen);
	fprintf(stderr, "# %s: hop %u of %u, %u missed\n", r->name, hop, r->hops, missed);
}

static void print_times(const struct run *r, const struct flight_config *config,
			const struct flight_result *result)
{
	const bool mixed = method_info(config->method)->kind == KIND_PING_PONG;

	for (unsigned i = 0; i < result->hops; i++) {
		const struct hop_record *hop = &result->hop[i];
		auto_buf struct buf moves = {0};
		char words[128];

		if (!hop->taken)
			continue;
		report_moves(hop, 1, &moves);
		state_words(&hop->state, words, sizeof(words));
		fprintf(stderr,
			"# %s: hop %u: %s%s%s, %zu bytes, stop %.1f ms, save %.1f ms, restore %.1f "
			"ms, cont %.1f ms%s%s%s\n",
			r->name, i + 1, mixed ? method_name(hop->method) : "", mixed ? ": " : "",
			words, hop->bytes, (double)hop->stop_ns / NS_PER_MS,
			(double)hop->save_ns / NS_PER_MS, (double)hop->restore_ns / NS_PER_MS,
			(double)hop->cont_ns / NS_PER_MS, lab_time(), moves.len ? ", " : "",
			buf_text(&moves));
		if (*hop->move.said)
			print_lines(stderr, "#   QEMU, as it should: ", hop->move.said);
	}
	fprintf(stderr, "# %s: %.2f s%s in all\n", r->name,
		(double)result->duration_ns / NS_PER_MS / 1000, lab_time());
}

/* The flight whose first half is in @path goes on. */
static int go_on_from(struct flight_config *config, const char *path, struct flight_resume *from,
		      struct err *e)
{
	const struct flight_config asked = *config;
	auto_by(snapshot_free) struct snapshot saved = {0};

	if (snapshot_read(&saved, path, e) || half_resume(&saved, config, from, e))
		return -1;
	if (config->scenario == asked.scenario && config->post == asked.post)
		return 0;
	*config = asked;
	return err_set(e, "%s is of another flight", path);
}

static void fly_whole_or_half(const struct run *r, struct flight_config *config, const char *name,
			      struct flight_result *result)
{
	auto_free char *path = xasprintf("%s/%s/snapshot.bin", r->o->from ?: "", name);
	auto_by(half_free) struct flight_resume from = {0};
	struct err e = {0};

	if (r->o->from && access(path, F_OK))
		return verdict_raise(&result->verdict, WORD_SKIP,
				     "no first half of it was kept (--from)");
	if (r->o->from && go_on_from(config, path, &from, &e))
		return verdict_raise(&result->verdict, WORD_ERROR, "%s", e.text);
	(config->scenario->guest ? guest_flight : flight_run)(config, result);
	config->resume = NULL;
}

/* One flight into its own directory. */
static void fly(struct run *r, struct flight_config *config, const char *name,
		struct flight_result *result)
{
	auto_free char *dir = xasprintf("%s/%s", r->setup.log, name);
	struct err e = {0};

	r->name = name;
	r->hops = config->hops;
	config->vm.dir = dir;
	if (r->spared)
		run_dir_clean(r->setup.log);
	r->spared = false;
	if (make_dirs(dir, &e))
		verdict_raise(&result->verdict, WORD_ERROR, "%s", e.text);
	else
		fly_whole_or_half(r, config, name, result);
	screen_clear(&r->screen);
	if (r->o->verbose && result->hop)
		print_times(r, config, result);
	config->vm.dir = NULL;
}

/* Before a result is told it is where no end of this run can take it away. */
static void keep_results(void *arg, struct report *report)
{
	struct run *r = arg;
	const size_t count = json_array_size(report->json);
	struct err e = {0};

	if (r->spared)
		return;
	while (r->kept <= count) { /* 0: none yet, but the run as such */
		const size_t number = r->kept++;
		const json_t *result = number ? json_array_get(report->json, number - 1) : NULL;
		const char *dir = json_member(result, "dir");
		auto_free char *path = xasprintf(JOURNAL "/%zu.json", number);

		if (report_json_keep(report, r->setup.log, number, &e))
			fprintf(stderr, "midflight: %s\n", e.text);
		else if (keep_files(r->setup.log, dir ? dir : path, path))
			fputs("midflight: files do not come out of the lab\n", stderr);
	}
}

/* Why none of @items can fly, which are a scenario's control and its results; NULL: one can. */
static const char *all_lack(const struct setup *setup, const struct plan_item *items,
			    unsigned count, const struct driver *driver)
{
	const char *lack = options_lack(setup->o, items[0].scenario, driver);

	if (lack)
		return lack;
	for (unsigned i = 0; i < count; i++) {
		lack = method_lacks(driver, items[i].method);
		if (!lack)
			return NULL;
	}
	return lack;
}

/* The control, then the results of the same scenario. False if interrupted. */
static bool run_scenario(struct run *r, struct report *report, const struct plan_item *items,
			 unsigned count)
{
	const struct scenario *scenario = items[0].scenario;
	struct flight_config config;
	/* The first half's control was flown where that was flown. */
	bool control_passed = r->o->from, control_skipped = false, go_on = true;
	const struct known *control_known = NULL;
	const char *lack;
	auto_free char *reason = NULL;
	struct err e = {0};

	setup_flight(&r->setup, &config);
	config.scenario = scenario;
	config.progress = on_progress;
	config.l0_log = r->l0_log;
	config.arg = r;
	config.hops = setup_hops(&r->setup, scenario);
	lack = all_lack(&r->setup, items, count, config.driver);
	if (lack) {
		control_skipped = true;
		reason = xstrdup(lack);
	}
	for (unsigned i = 0; i < count && go_on; i++) {
		auto_by(flight_result_free) struct flight_result result = {0};
		auto_free char *key = plan_key(&items[i]), *name = plan_name(r->o, &items[i]);
		struct report_entry entry = {
			.name = name, .key = key, .config = &config, .result = &result};

		if (setup_item(&r->setup, &config, &items[i], &e))
			verdict_raise(&result.verdict, WORD_ERROR, "%s", e.text);
		config.control_passed = control_passed;
		lack = config.control ? NULL : method_lacks(config.driver, config.method);
		if (lack || control_skipped)
			verdict_raise(&result.verdict, WORD_SKIP, "%s", lack ? lack : reason);
		else if (result.verdict.word == WORD_PASS)
			fly(r, &config, entry.name, &result);
		entry.control_passed = control_passed;
		if (config.driver == &kvm_driver) /* QEMU's wire does not tell it */
			report_pages(r->out, name, &result, r->o->verbose, r->o->pages_config.late);
		entry.known =
			l0_log_death(&lack) != L0_QUIET || scenario->guest
				? NULL
				: known_match(key, &config, &result, control_passed, control_known);
		go_on = !result.interrupted;
		if (go_on)
			report_result(report, &entry);
		if (config.control) {
			control_passed = result.verdict.word == WORD_PASS;
			control_known = entry.known;
			control_skipped = result.verdict.word == WORD_SKIP;
			if (control_skipped && !reason)
				reason = xstrdup(result.verdict.finding[0]);
		}
	}
	return go_on;
}

/* Says why a run is impossible here: SKIP for each result. */
static void skip_all(const struct run *r, struct report *report, const struct plan *plan,
		     const char *why, const char *what)
{
	for (unsigned i = 0; i < plan->count; i++) {
		const struct plan_item *item = &plan->item[i];
		auto_by(flight_result_free) struct flight_result result = {0};
		auto_free char *key = plan_key(item), *name = plan_name(r->o, item);
		struct flight_config config = {.scenario = item->scenario,
					       .method = item->method,
					       .control = item->control};
		const struct report_entry entry = {
			.name = name, .key = key, .config = &config, .result = &result};

		verdict_raise(&result.verdict, WORD_SKIP, "%s (%s)", why, what);
		report_result(report, &entry);
	}
}

/* What L0 has said before, and whether it would say it again. */
static void say_past(const struct run *r, const struct l0_past *past)
{
	auto_buf struct buf text = {0};

	if (past->complaints)
		buf_printf(&text,
			   "midflight: L0 has complained %u times before this run, last: %s\n",
			   past->complaints, past->last);
	if (l0_log_rearm())
		buf_printf(&text,
			   "midflight: a warning that L0 gives only once and has given before is "
			   "not seen again: /sys/kernel/debug/clear_warn_once: %s\n",
			   strerror(errno));
	print_wrapped(r->out, "# ", buf_text(&text));
}

static int run_here(struct run *r, const struct plan *plan)
{
	const struct options *o = r->o;
	const struct setup *s = &r->setup;
	struct report report;
	struct l0_past past;
	struct err e = {0};
	json_auto_t *top = NULL;
	const char *no_exit = NULL;
	bool written = true;
	int status;

	r->spared = run_dir_has_flown(s->log);
	if (!r->spared)
		run_dir_clean(s->log);
	r->l0_log = !l0_log_begin(&past);
	r->out = screen_file(&r->screen);
	report_begin(&report, o, r->out, o->shown_log, plan->count, plan->planned);
	report.dir = s->log;
	report.on_result = keep_results;
	report.arg = r;
	keep_results(r, &report);
	if (!r->l0_log)
		fprintf(r->out, "# midflight: L0's log was not looked at: /dev/kmsg: %s\n",
			strerror(errno));
	else
		say_past(r, &past);
	if (o->pages_config.mode == PAGES_EXIT && !s->missing)
		no_exit = kvm_probe_no_page_exit();
	if (no_exit) {
		skip_all(r, &report, plan, "--pages exit", no_exit);
	} else if (s->missing) {
		skip_all(r, &report, plan, s->missing, kvm_probe_advice(&s->probe));
	} else {
		for (unsigned i = 0, end; i < plan->count; i = end) {
			for (end = i + 1; end < plan->count &&
					  plan->item[end].scenario == plan->item[i].scenario;)
				end++;
			if (!run_scenario(r, &report, &plan->item[i], end - i))
				break;
		}
	}
	report.interrupted = signals_pending();
	status = report_status(&report);
	top = report_json_end(&report);
	if (!r->spared)
		written = !report_json_write(top, s->log, &e);
	report_summary(&report);
	if (r->spared)
		fprintf(r->out,
			"# midflight: nothing flew, %s keeps the results of a run that did\n",
			o->shown_log);
	if (!written || report_json_copies(o, top, &e)) {
		fprintf(r->out, "# midflight: %s\n", e.text);
		status = 2;
	}
	report_free(&report);
	fclose(r->out);
	screen_end(&r->screen);
	if (signals_pending()) {
		fputs("# midflight: interrupted\n", stderr);
		status = 128 + signals_pending();
	}
	return status;
}

static int fly_shard(void *arg, const struct options *o);

/* All of it, into the log directory, which is there. The exit status. */
static int fly_all(struct run *r)
{
	auto_by(plan_free) struct plan plan = {0};
	struct err e = {0};
	auto_close const int dir = run_dir_lock(r->setup.log, &e);
	unsigned labs;

	if (dir < 0)
		return give_up(e.text);
	plan_make(&plan, r->o);
	labs = r->setup.lab ? shards_wanted(r->o, &plan) : 1;
	screen_init(&r->screen, r->o->quiet || r->silent);
	r->screen.whole = r->silent; /* who reads it shows it */
	if (labs > 1)
		return run_shards(r->o, &plan, labs, r->setup.log, &r->screen, fly_shard, r);
	for (unsigned i = 0; i < plan.count; i++)
		screen_expect(&r->screen, plan_name(r->o, &plan.item[i]));
	return r->setup.lab ? run_lab(r->o, &r->setup, &plan, &r->screen) : run_here(r, &plan);
}

/* In a process of its own. */
static int fly_shard(void *arg, const struct options *o)
{
	struct run r = *(const struct run *)arg;

	r.o = r.setup.o = o;
	r.silent = true;
	snprintf(r.setup.log, sizeof(r.setup.log), "%s", o->log);
	return fly_all(&r);
}

int run(struct options *o)
{
	struct run r = {.o = o};
	struct err e = {0};
	int status;

	if ((o->json && check_writable(o->json, &e)) || (o->junit && check_writable(o->junit, &e)))
		return give_up(e.text);
	if (setup(&r.setup, o, &e))
		return give_up(e.text);
	r.silent = o->shown_log || o->part; /* the runner outside of the lab shows it */
	if (!o->shown_log)
		o->shown_log = r.setup.log;
	if (signals_init())
		return give_up("cannot set up signals");
	/* Before the results of the last run are gone. */
	if (r.setup.lab) {
		setup_say_lab(&r.setup);
		status = lab_build(o, &e);
		if (signals_pending())
			return 128 + signals_pending();
		if (status)
			return status < 0 ? give_up(e.text) : 2;
	} else if (o->jobs > 1 && !o->jobs_auto) {
		puts("# midflight: --jobs is for labs; here one flies after the other, as they "
		     "would disturb each other's timing");
	}
	return fly_all(&r);
}
