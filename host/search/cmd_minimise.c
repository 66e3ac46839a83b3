// SPDX-License-Identifier: BSD-2-Clause
// `midflight minimise`: flies what a replay.json tells of with less and less (minimise_tries.c),
// all in one boot of the lab.
#include "host/base/json.h"
#include "host/guest/guest.h"
#include "host/l0/l0_log.h"
#include "host/lab/lab.h"
#include "host/cli/plan.h"
#include "host/run/run.h"
#include "host/report/result_json.h"
#include "host/report/run_dir.h"
#include "host/report/schemas.h"
#include "host/search/search.h"
#include "host/run/setup.h"
#include "host/base/signals.h"
#include "host/search/tally.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRY	  "try"
#define MINIMISED "minimised.json"

struct shrinking {
	struct setup setup;
	const struct replay *replay;
	struct plan_item item;
	struct tally tally; /* for its directories */
	bool l0_log;
	unsigned flown, last;
	enum word word;	  /* of the last flight */
	json_t *smallest; /* the replay.json of the last one that failed alike, or NULL */
};

/* ---- one try ------------------------------------------------------------------------------ */

/* What replay_compare() says up to its details: `same failure`, `passes now`, ... */
static void say(struct shrinking *s, const char *what, const json_t *result)
{
	auto_buf struct buf text = {0};

	replay_compare(s->replay->failed, result, &text);
	printf("# %3u %s: %.*s\n", s->flown, what, (int)strcspn(text.p, ":;"), text.p);
	fflush(stdout);
}

/* Whether the flight with @o, of which @entry tells, fails as it did then. */
static bool judge(struct shrinking *s, const struct options *o, const struct report_entry *entry,
		  const char *what)
{
	const struct report_line line = {
		.name = entry->name, .word = s->word, .diagnostics = "", .notes = ""};
	auto_by(report_free) struct report report = {0};
	json_t *result, *replay;
	struct err e = {0};
	bool same;

	report_init(&report, o, stdout, NULL, 1);
	report.json = json_got(json_array());
	result = report_json_result(&report, entry, &line);
	same = replay_same(s->replay->failed, result);
	say(s, what, result);
	if (same) {
		replay = replay_json(o, entry, result, ".", &e);
		if (replay) {
			json_decref(s->smallest);
			s->smallest = replay;
		}
	}
	return same;
}

/* A foreign guest is told of in its scenario, and needs its control once. */
static void fly(struct shrinking *s, const struct options *o, struct flight_config *config,
		struct flight_result *r)
{
	struct guest *guest = config->scenario->guest;
	auto_by(flight_result_free) struct flight_result control = {0};

	if (!guest)
		return flight_run(config, r);
	guest->words.freezes = o->guest.freezes;
	config->hops = setup_hops(&s->setup, config->scenario);
	if (!guest->control.flown) {
		config->control = true;
		guest_flight(config, &control);
		config->control = false;
	}
	guest_flight(config, r);
	if (!s->last)
		s->last = r->log.kept ? r->log.fail[0].hop : r->log.ready_hop;
}

static bool fails(void *arg, const struct options *o, const char *what)
{
	struct shrinking *s = arg;
	struct setup setup = s->setup;
	struct flight_config config;
	auto_by(flight_result_free) struct flight_result r = {0};
	auto_free char *name = plan_name(o, &s->item), *dir = NULL;
	struct report_entry entry = {
		.name = name, .key = name, .config = &config, .result = &r, .control_passed = true};
	struct err e = {0};
	bool same = false;

	if (signals_pending())
		return false;
	setup.o = o;
	dir = tally_dir(&s->tally, TRY, name, &e);
	if (!dir || order_load(&setup.order, o->order, &e))
		verdict_raise(&r.verdict, WORD_ERROR, "%s", e.text);
	setup_flight(&setup, &config);
	config.scenario = s->item.scenario;
	if (setup_item(&setup, &config, &s->item, &e))
		verdict_raise(&r.verdict, WORD_ERROR, "%s", e.text);
	config.hop_files = false;
	config.l0_log = s->l0_log;
	config.vm.dir = dir;
	if (options_lack(o, config.scenario, config.driver))
		verdict_raise(&r.verdict, WORD_SKIP, "%s",
			      options_lack(o, config.scenario, config.driver));
	else if (r.verdict.word == WORD_PASS)
		fly(s, o, &config, &r);
	s->flown++;
	s->word = r.verdict.word;
	if (!r.interrupted)
		same = judge(s, o, &entry, what);
	tally_remove(&s->tally, TRY, name);
	return same;
}

/* ---- the command -------------------------------------------------------------------------- */

/* What of the plan of @o the result is, which replay_run_make() has found there. */
static void find_item(struct shrinking *s, const struct options *o)
{
	auto_by(plan_free) struct plan plan = {0};
	bool found = false;

	plan_make(&plan, o);
	for (unsigned i = 0; i < plan.count && !found; i++) {
		auto_free char *name = plan_name(o, &plan.item[i]);

		found = !strcmp(name, s->replay->result);
		s->item = plan.item[i];
	}
}

static bool is_raw(const struct replay *r)
{
	for (unsigned i = 0; i < r->count; i++)
		if (!strcmp(r->words[i], "--driver=kvm"))
			return true;
	return false;
}

/* Writes it, and prints the command line that flies it. */
static int finish(struct shrinking *s, const struct options *o, const struct minimise *m)
{
	auto_free char *dump = json_dumps(s->smallest, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
	struct options one = *o;
	auto_buf struct buf again = {0};
	struct err e = {0};

	json_got(dump ? json_true() : NULL);
	if (write_file(s->setup.log, MINIMISED, dump, strlen(dump), 0666, &e))
		return give_up(e.text);
	one.verbose = one.quiet = false;
	if (!strcmp(s->replay->result, s->item.scenario->name))
		one.only = NULL; /* it is the only one beside its control */
	options_repro(&one, s->item.scenario, s->item.method, s->item.order, &again);
	printf("# again: ");
	print_lines(stdout, "", again.p);
	printf("ok 1 - minimise # %s, %u tries\n", s->replay->result, m->tries);
	return 0;
}

static int shrink(struct shrinking *s, struct options *o)
{
	struct minimise m = {.fails = fails, .arg = s};
	bool same;
	int status;

	printf("KTAP version 1\n1..1\n");
	same = fails(s, o, "as it is");
	m.last = s->last;
	if (same)
		minimise(&m, o);
	if (signals_pending()) {
		printf("not ok 1 - minimise # interrupted\n");
		return 128 + signals_pending();
	}
	if (same)
		return finish(s, o, &m);
	status = s->word == WORD_SKIP ? 4 : s->word == WORD_ERROR ? 2 : 1;
	printf("%sok 1 - minimise # %s%s does not fail as it did\n", status == 4 ? "" : "not ",
	       status == 4 ? "SKIP " : "", s->replay->result);
	return status;
}

static int minimise_here(const struct options *o, const struct replay *r, const char *log)
{
	struct shrinking s = {.replay = r};
	auto_by(replay_run_free) struct replay_run one = {0};
	struct l0_past past;
	struct err e = {0};
	int status;

	if (replay_run_make(&one, o, r, log, &e) || setup(&s.setup, &one.options, &e))
		return give_up(e.text);
	find_item(&s, &one.options);
	s.l0_log = !l0_log_begin(&past);
	s.tally = (struct tally){.log = s.setup.log};
	if (signals_init())
		return give_up("cannot set up signals");
	status = shrink(&s, &one.options);
	json_decref(s.smallest);
	return status;
}

/* In the lab, which leaves MINIMISED in the log directory. */
static int minimise_in_lab(const struct options *o, const struct setup *s)
{
	struct err e = {0};
	int status;

	setup_say_lab(s);
	if (signals_init())
		return give_up("cannot set up signals");
	status = lab_run(o, NULL, s->image, s->log, NULL, &e);
	if (!status)
		status = lab_left(status, s->log, MINIMISED, REPLAY_SCHEMA, REPLAY_VERSION, &e);
	return status < 0 ? give_up(e.text) : status;
}

static int copy_out(const struct options *o, const char *log)
{
	auto_buf struct buf bytes = {0};
	struct err e = {0};

	if (read_file(log, MINIMISED, &bytes, &e) || write_path(o->out, bytes.p, bytes.len, &e))
		return give_up(e.text);
	return 0;
}

int cmd_minimise(struct options *o)
{
	const bool inside = o->shown_log != NULL;
	struct options inner = *o;
	auto_by(replay_free) struct replay r = {0};
	auto_close int dir = -1;
	struct setup s;
	struct err e = {0};
	char log[PATH_MAX];
	int status;

	if (replay_load(&r, o->file, &e))
		return give_up(e.text);
	inner.log = log;
	if (!is_raw(&r))
		err_set(&e, "%s is not of driver kvm, and only such ones can be made smaller",
			o->file);
	else if ((!o->out || !check_writable(o->out, &e)) && !replay_log(o, "minimise", log, &e) &&
		 !setup(&s, &inner, &e))
		dir = run_dir_begin(log, &e);
	if (dir < 0)
		return give_up(e.text);
	if (s.lab)
		status = minimise_in_lab(&inner, &s);
	else
		status = s.missing ? setup_skip(&s) : minimise_here(&inner, &r, log);
	if (!status && o->out)
		status = copy_out(o, log);
	if (!status && !inside)
		printf("# written: %s%s\n", o->out ? o->out : log, o->out ? "" : "/" MINIMISED);
	return status;
}
