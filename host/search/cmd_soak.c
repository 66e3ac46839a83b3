// SPDX-License-Identifier: BSD-2-Clause
// `midflight soak`: random flights (soak_draw.c) until the time is over, and what share of such
// flights fails at most.
#include "host/base/json.h"
#include "host/l0/l0_log.h"
#include "host/cli/plan.h"
#include "host/report/schemas.h"
#include "host/search/search.h"
#include "host/run/setup.h"
#include "host/base/signals.h"
#include "host/search/tally.h"
#include "host/base/cleanup.h"

#include <math.h>
#include <stdlib.h>
#include <midflight_version.h>

#define TELL_S	 10 /* from one line of progress to the next */
#define CONTROL	 "control"
#define HALVINGS 60 /* of the bound of Clopper and Pearson */

/* Probability of @failed or fewer failures of @flown with the share @p, which is below 1. */
static double at_most(unsigned failed, unsigned flown, double p)
{
	double term = flown * log1p(-p), sum = 0; /* of no failure, its logarithm */

	for (unsigned i = 0; i <= failed; i++) {
		sum += exp(term);
		term += log((flown - i) / (i + 1.0)) + log(p) - log1p(-p);
	}
	return sum;
}

double bound_upper(unsigned failed, unsigned flown)
{
	double low = 0, high = 1;

	if (failed >= flown)
		return 1;
	if (!failed)
		return -expm1(log(1 - BOUND_CONFIDENCE) / flown);
	for (int i = 0; i < HALVINGS; i++) {
		const double middle = (low + high) / 2;

		if (at_most(failed, flown, middle) > 1 - BOUND_CONFIDENCE)
			low = middle;
		else
			high = middle;
	}
	return high;
}

/* What the control of a scenario, flown once, has said of it. */
enum standing { UNFLOWN, FIT, LEFT_OUT };

struct soak {
	struct options *o;
	struct setup setup;
	bool l0_log;
	enum standing standing[SCENARIOS_MAX]; /* as o->scenario */
	unsigned left_out, left_out_known, left_out_failed;
	unsigned flown, passed, no_snapshot, known, failed, errors;
	struct tally tally;
	json_t *flights, *lacking; /* arrays */
};

/* ---- one flight --------------------------------------------------------------------------- */

/* Flies it in LOG/@run/@name. */
static void fly(struct soak *s, struct flight_config *config, const char *run, const char *name,
		struct flight_result *r)
{
	struct err e = {0};
	auto_free char *dir = tally_dir(&s->tally, run, name, &e);

	config->vm.dir = dir;
	config->l0_log = s->l0_log;
	config->hop_files = false;
	if (dir)
		flight_run(config, r);
	else
		verdict_raise(&r->verdict, WORD_ERROR, "%s", e.text);
	config->vm.dir = NULL;
}

static json_t *flight_json(const struct choice *c, const struct options *one, const char *name,
			   uint64_t number)
{
	json_t *o = json_got(json_object());

	json_set(o, "flight", json_integer((json_int_t)number));
	json_set(o, "result", json_text(name));
	json_set(o, "loops", json_integer(c->hops));
	json_set(o, "seed", json_integer((json_int_t)c->seed));
	json_set(o, "order", json_text(one->order));
	json_set(o, "pages", json_text(c->pages));
	json_set(o, "freeze", json_text(c->freeze));
	return o;
}

/* Counts how the flight ended that was flown in @run. */
static void count(struct soak *s, const struct options *one, struct report_entry *entry,
		  const char *run, uint64_t number, json_t *o)
{
	const struct flight_result *r = entry->result;
	const bool without = tally_no_snapshot(entry);
	const struct way *way = NULL;
	bool kept = false;

	s->flown++;
	if (without) {
		s->no_snapshot++;
	} else if (r->verdict.word == WORD_PASS) {
		s->passed++;
	} else {
		entry->known = tally_known(entry);
		way = tally_failure(&s->tally, one, run, entry, (int64_t)number, &kept);
		s->known += entry->known != NULL;
		s->errors += !entry->known && r->verdict.word <= WORD_ERROR;
		s->failed += !entry->known && r->verdict.word > WORD_ERROR;
	}
	json_set(o, "word", without ? json_null() : json_text(word_name(r->verdict.word)));
	json_set(o, "snapshots", json_integer(r->taken));
	json_set(o, "way", json_text(way ? way->text : NULL));
	json_set(o, "trace", json_hex(r->trace));
	json_set(o, "dir", json_text(kept ? run : NULL));
	json_append(s->flights, o);
	if (!kept)
		tally_remove(&s->tally, run, entry->name);
}

static void fly_choice(struct soak *s, const struct choice *c, uint64_t number)
{
	const struct options one = choice_options(c, s->o);
	const struct plan_item item = {c->scenario, false, c->post, METHOD_FILE, NULL};
	struct setup setup = s->setup;
	struct flight_config config;
	auto_by(flight_result_free) struct flight_result r = {0};
	auto_free char *name = plan_name(&one, &item);
	auto_free char *run =
		xasprintf("%s.flight-%llu", c->scenario->name, (unsigned long long)number);
	struct report_entry entry = {
		.name = name, .key = name, .config = &config, .result = &r, .control_passed = true};
	struct err e = {0};

	setup.o = &one;
	if (order_load(&setup.order, one.order, &e))
		verdict_raise(&r.verdict, WORD_ERROR, "%s", e.text);
	setup_flight(&setup, &config);
	config.scenario = c->scenario;
	config.post = c->post;
	if (r.verdict.word == WORD_PASS)
		fly(s, &config, run, name, &r);
	if (r.interrupted)
		tally_remove(&s->tally, run, name);
	else
		count(s, &one, &entry, run, number, flight_json(c, &one, name, number));
}

/* ---- which can fly ------------------------------------------------------------------------ */

/* @known: the KVM bug by which its control fails, or NULL. */
static void leave_out(struct soak *s, const struct scenario *scenario, enum word word,
		      const struct known *known, const char *why)
{
	json_append(s->lacking,
		    json_pack("{s:s, s:s, s:o, s:o}", "scenario", scenario->name, "word",
			      word_name(word), "known", json_text(known ? known->id : NULL),
			      "reason", json_text(why)));
	s->left_out++;
	s->left_out_known += known != NULL;
	s->left_out_failed += !known && word != WORD_SKIP;
	if (known || word == WORD_SKIP)
		return;
	printf("# %s is left out, its control does not pass: ", scenario->name);
	print_lines(stdout, "", why);
}

/* Flies the control of @scenario. Whether it stands for one that can be judged with snapshots. */
static bool fly_control(struct soak *s, const struct scenario *scenario)
{
	struct flight_config config;
	auto_by(flight_result_free) struct flight_result r = {0};
	const char *lack = driver_lacks(&kvm_driver, scenario);
	auto_free char *key = xasprintf("%s." CONTROL, scenario->name);
	bool fit = false;

	setup_flight(&s->setup, &config);
	config.scenario = scenario;
	config.hops = 1;
	config.control = true;
	if (lack) {
		leave_out(s, scenario, WORD_SKIP, NULL, lack);
	} else {
		fly(s, &config, CONTROL, scenario->name, &r);
		tally_remove(&s->tally, CONTROL, scenario->name);
		fit = r.verdict.word == WORD_PASS;
		if (!fit && !r.interrupted)
			leave_out(s, scenario, r.verdict.word,
				  known_match(key, &config, &r, true, NULL),
				  r.log.kept	       ? r.log.fail[0].check
				  : r.verdict.findings ? r.verdict.finding[0]
						       : word_name(r.verdict.word));
	}
	return fit;
}

static bool can_fly(struct soak *s, const struct scenario *scenario)
{
	unsigned i = 0;

	while (s->o->scenario[i] != scenario)
		i++;
	if (s->standing[i] == UNFLOWN)
		s->standing[i] = fly_control(s, scenario) ? FIT : LEFT_OUT;
	return s->standing[i] == FIT;
}

/* ---- all of them -------------------------------------------------------------------------- */

/* Flights that tell something about failures that are not known; with --strict about all. */
static unsigned counted(const struct soak *s, unsigned *failed)
{
	*failed = s->failed + (s->o->strict ? s->known : 0);
	return s->passed + *failed;
}

static void fly_all(struct soak *s)
{
	const int64_t end = now_ns() + s->o->for_s * 1000 * NS_PER_MS;
	int64_t tell = now_ns() + TELL_S * 1000 * NS_PER_MS;
	struct choice c;
	unsigned failed;

	for (uint64_t i = 0; now_ns() < end && !signals_pending(); i++) {
		counted(s, &failed);
		if (s->left_out == s->o->scenarios || (failed && !s->o->count_on))
			break;
		choice_make(&c, s->o, i);
		if (can_fly(s, c.scenario) && !signals_pending())
			fly_choice(s, &c, i);
		if (now_ns() < tell || s->o->quiet)
			continue;
		fprintf(stderr, "# soak: %u flights, %u failed, %u by known KVM bugs\n", s->flown,
			s->failed, s->known);
		tell += TELL_S * 1000 * NS_PER_MS;
	}
}

static void print_ways(const struct soak *s)
{
	printf("#   %8s %14s  %s\n", "flights", "first", "result");
	printf("#   %8u %14s  PASS\n", s->passed, "");
	if (s->no_snapshot)
		printf("#   %8u %14s  no snapshot: the VM had ended before the moment, or there "
		       "was nothing to break\n",
		       s->no_snapshot, "");
	tally_print(&s->tally);
	if (s->left_out)
		printf("# left out: %u scenarios, %u not for this CPU, %u whose control fails by a "
		       "known KVM bug, %u whose control does not pass\n",
		       s->left_out, s->left_out - s->left_out_known - s->left_out_failed,
		       s->left_out_known, s->left_out_failed);
}

static int sum_up(const struct soak *s)
{
	unsigned failed, of = counted(s, &failed);
	const bool cut = signals_pending();
	const int status = failed				    ? 1
			   : s->errors || s->left_out_failed || cut ? 2
			   : !s->passed && !s->known		    ? 4
								    : 0;

	print_ways(s);
	printf("# %u of %u failed: with %.0f %% confidence not more than %.2f %% of such flights "
	       "do (Clopper-Pearson, one-sided)%s\n",
	       failed, of, 100 * BOUND_CONFIDENCE, 100 * bound_upper(failed, of),
	       s->o->strict || !s->known ? "" : "; those by known KVM bugs are not counted");
	printf("%sok 1 - soak # ", status == 0 || status == 4 ? "" : "not ");
	if (status == 4)
		printf("SKIP %s\n",
		       s->flown ? "no flight had a snapshot" : "nothing could be flown");
	else
		printf("%u flights, %u of %u failed, %u by known KVM bugs%s%s\n", s->flown, failed,
		       of, s->known,
		       s->errors || s->left_out_failed
			       ? ", and there were errors of Midflight or the environment"
			       : "",
		       cut ? ", interrupted" : "");
	fflush(stdout);
	return status;
}

static int write_soak(struct soak *s, struct err *e)
{
	json_auto_t *top = json_got(json_object());
	unsigned failed, of = counted(s, &failed);
	auto_free char *path = xasprintf("%s/soak.json", s->setup.log);

	json_set(top, "schema", json_text(SOAK_SCHEMA));
	json_set(top, "version", json_integer(SOAK_VERSION));
	json_set(top, "midflight", json_text(MIDFLIGHT_VERSION));
	json_set(top, "kernel", json_text(known_kernel()));
	json_set(top, "seed", json_integer((json_int_t)s->o->seed));
	json_set(top, "scenario", json_text(s->o->scenario_text));
	json_set(top, "order", json_text(s->o->orders ? NULL : s->o->order));
	json_set(top, "break", json_text(s->o->breakage));
	json_set(top, "flown", json_integer(s->flown));
	json_set(top, "passed", json_integer(s->passed));
	json_set(top, "no_snapshot", json_integer(s->no_snapshot));
	json_set(top, "known", json_integer(s->known));
	json_set(top, "errors", json_integer(s->errors));
	json_set(top, "failed", json_integer(failed));
	json_set(top, "counted", json_integer(of));
	json_set(top, "bound", json_real(bound_upper(failed, of)));
	json_set(top, "left_out", json_incref(s->lacking));
	json_set(top, "ways", tally_json(&s->tally));
	json_set(top, "flights", json_incref(s->flights));
	return json_write(top, path, e);
}

static int soak_here(struct options *o, const struct setup *setup)
{
	auto_free struct soak *s = xcalloc(1, sizeof(*s));
	struct l0_past past;
	struct err e = {0};
	int status;

	s->o = o;
	s->setup = *setup;
	s->l0_log = !l0_log_begin(&past);
	s->tally =
		(struct tally){.log = s->setup.log, .shown_log = o->shown_log, .by_scenario = true};
	s->flights = json_got(json_array());
	s->lacking = json_got(json_array());
	printf("KTAP version 1\n1..1\n# soak: %u s, seed %llu, %u scenario%s, %s%s\n", o->for_s,
	       (unsigned long long)o->seed, o->scenarios, o->scenarios == 1 ? "" : "s",
	       o->orders ? "any order" : "order ", o->orders ? "" : o->order);
	fflush(stdout);
	fly_all(s);
	status = sum_up(s);
	if (write_soak(s, &e))
		status = give_up(e.text);
	tally_free(&s->tally);
	json_decref(s->flights);
	json_decref(s->lacking);
	return signals_pending() ? 128 + signals_pending() : status;
}

int cmd_soak(struct options *o)
{
	static const struct left left = {"soak.json", "every flight", SOAK_SCHEMA, SOAK_VERSION,
					 NULL};

	return fly_into_log(o, &left, soak_here);
}
