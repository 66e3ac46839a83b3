// SPDX-License-Identifier: BSD-2-Clause
// `midflight sweep`: one flight for each moment behind the mark, frozen there and restored, and all
// compared with the flight that was never frozen. All of them begin at the mark, from one snapshot.
#include "host/base/json.h"
#include "host/l0/l0_log.h"
#include "host/report/schemas.h"
#include "host/search/search.h"
#include "host/search/sweep.h"
#include "host/run/setup.h"
#include "host/base/signals.h"
#include "host/search/tally.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <midflight_version.h>

#define POINTS_DEFAULT 1000
#define LOOPS_DEFAULT  1
#define NUDGE_LEAST_NS (50 * NS_PER_MS) /* a VM that is silent for less may still go on */
#define NUDGE_SPANS    4		/* ... and for less than so many whole flights */
#define MARK	       "mark"		/* the directory of the first flights */
#define TELL_PARTS     10		/* of a sweep, after each of which it says how far it is */

/* What L2 has computed in so many rounds, as the first flight told that came there. */
struct digest {
	uint64_t rounds, digest;
};

struct sweep {
	struct options *o;
	struct setup setup;
	struct flight_config config;
	struct flight_resume mark;
	int64_t span_ns, step_ns; /* from the mark to the end of the VM; between two points */
	unsigned points, planned; /* of all, and what of them is flown here */
	unsigned flown, passed, behind_end, unbroken;
	struct tally tally;
	struct digest *digest;
	unsigned digests;
	struct {
		unsigned hits;
		int64_t first_ns;
	} state[SWEEP_STATES];
	json_t *json; /* array of the points */
};

/* ---- one flight --------------------------------------------------------------------------- */

/* The same rounds must always give the same digest. */
static void check_digests(struct sweep *s, struct flight_result *r)
{
	for (unsigned i = 0; i < r->hops; i++) {
		const struct hop_record *hop = &r->hop[i];
		unsigned n = 0;

		if (!hop->rounds)
			continue;
		while (n < s->digests && s->digest[n].rounds != hop->rounds)
			n++;
		if (n == s->digests) {
			s->digest = xrealloc(s->digest, (n + 1) * sizeof(*s->digest));
			s->digest[s->digests++] = (struct digest){hop->rounds, hop->digest};
		} else if (s->digest[n].digest != hop->digest) {
			verdict_raise(&r->verdict, WORD_FAIL,
				      "hop %u: L2 digest 0x%llx in %llu rounds, in another flight "
				      "0x%llx",
				      i + 1, (unsigned long long)hop->digest,
				      (unsigned long long)hop->rounds,
				      (unsigned long long)s->digest[n].digest);
		}
	}
}

/* ---- a point ------------------------------------------------------------------------------ */

static json_t *point_json(const struct flight_result *r, const struct hop_record *hop,
			  const struct way *way, int64_t at_ns, const char *dir)
{
	json_t *o = json_got(json_object()), *hit = json_got(json_array());

	for (size_t i = 0; hop && i < SWEEP_STATES; i++)
		if (hop->states & 1u << i)
			json_append(hit, json_text(sweep_states[i].name));
	json_set(o, "at_ns", json_integer(at_ns));
	json_set(o, "word", json_text(word_name(r->verdict.word)));
	json_set(o, "way", json_text(way ? way->text : NULL));
	json_set(o, "states", hit);
	json_set(o, "trace", json_hex(r->trace));
	json_set(o, "dir", json_text(dir));
	return o;
}

static const struct hop_record *taken(const struct flight_result *r)
{
	for (unsigned i = 0; i < r->hops; i++)
		if (r->hop[i].taken || r->hop[i].bytes)
			return &r->hop[i];
	return NULL;
}

/* What `run` would be told to repeat the flight at @at_ns. @freeze must live on. */
static struct options options_at(const struct sweep *s, const char *freeze)
{
	struct options o = *s->o;
	struct err e = {0};

	o.command = CMD_RUN;
	o.quiet = true;
	o.hops = s->config.hops;
	o.hops_given = true;
	o.points = 0;
	o.step_ns = 0;
	o.shard = (struct shard){0};
	options_freeze(&o, freeze, &e);
	return o;
}

/* Counts how the flight at @at_ns ended that was flown in @run. */
static void count_point(struct sweep *s, struct report_entry *entry, const char *run, int64_t at_ns)
{
	auto_free char *freeze = xasprintf("after=%lld", (long long)at_ns);
	const struct options o = options_at(s, freeze);
	const struct flight_result *r = entry->result;
	const struct hop_record *hop = taken(r);
	const struct way *way = NULL;
	bool kept = false;

	if (tally_no_snapshot(entry)) {
		if (hop)
			s->unbroken++;
		else
			s->behind_end++;
	} else if (r->verdict.word == WORD_PASS) {
		s->passed++;
	} else {
		entry->known = tally_known(entry);
		way = tally_failure(&s->tally, &o, run, entry, at_ns, &kept);
	}
	s->flown++;
	for (size_t i = 0; hop && i < SWEEP_STATES; i++)
		if (hop->states & 1u << i && !s->state[i].hits++)
			s->state[i].first_ns = at_ns;
	json_append(s->json, point_json(r, hop, way, at_ns, kept ? run : NULL));
	if (!kept)
		tally_remove(&s->tally, run, entry->name);
}

static void fly_point(struct sweep *s, int64_t at_ns)
{
	const char *name = s->config.scenario->name;
	auto_free char *run = xasprintf("%s.after-%lld", name, (long long)at_ns);
	struct err e = {0};
	auto_free char *dir = tally_dir(&s->tally, run, name, &e);
	auto_by(flight_result_free) struct flight_result r = {0};
	struct report_entry entry = {.name = name,
				     .key = name,
				     .config = &s->config,
				     .result = &r,
				     .control_passed = true};

	s->config.freeze = (struct freeze){FREEZE_AFTER, at_ns};
	s->config.vm.dir = dir;
	if (dir)
		flight_run(&s->config, &r);
	else
		verdict_raise(&r.verdict, WORD_ERROR, "%s", e.text);
	check_digests(s, &r);
	if (r.interrupted)
		tally_remove(&s->tally, run, name);
	else
		count_point(s, &entry, run, at_ns);
}

/* ---- a scenario --------------------------------------------------------------------------- */

/* Why @scenario cannot be swept, NULL: it can. */
static const char *lack(const struct scenario *scenario)
{
	if (scenario->posts || scenario->acts)
		return "the host acts in this scenario, at a moment of its own";
	return driver_lacks(&kvm_driver, scenario);
}

/* Boots and saves at the mark. False: @why, and *@skip if the CPU cannot run the scenario. */
static bool fly_to_mark(struct sweep *s, bool *skip, struct buf *why)
{
	auto_by(flight_result_free) struct flight_result r = {0};
	struct err e = {0};

	s->config.save_hop = 1;
	flight_run(&s->config, &r);
	s->config.save_hop = 0;
	*skip = r.verdict.word == WORD_SKIP;
	if (!r.saved)
		buf_printf(why, "L1 does not come to the mark: %s",
			   r.verdict.findings ? r.verdict.finding[0] : word_name(r.verdict.word));
	else if (read_file(s->config.vm.dir, "snapshot.bin", &s->mark.snapshot, &e) ||
		 read_file(s->config.vm.dir, "serial.log", &s->mark.log, &e))
		buf_printf(why, "%s", e.text);
	return !why->len;
}

/* The flight that is never frozen. */
static bool fly_reference(struct sweep *s, struct buf *why)
{
	auto_by(flight_result_free) struct flight_result r = {0};
	bool ok;

	s->config.control = true;
	flight_run(&s->config, &r);
	s->config.control = false;
	check_digests(s, &r);
	s->span_ns = r.after_ns;
	ok = r.verdict.word == WORD_PASS && s->span_ns > 0;
	if (!ok)
		buf_printf(why, "the flight that is never frozen does not pass: %s: %s",
			   word_name(r.verdict.word),
			   r.log.kept		? r.log.fail[0].check
			   : r.verdict.findings ? r.verdict.finding[0]
						: "no reason");
	return ok;
}

/* False: @why. */
static bool choose_points(struct sweep *s, struct buf *why)
{
	const struct options *o = s->o;
	int64_t points;

	s->points = o->points ? o->points : POINTS_DEFAULT;
	s->step_ns = o->step_ns;
	if (!s->step_ns)
		s->step_ns = s->span_ns / s->points;
	if (!s->step_ns)
		s->step_ns = 1;
	points = s->span_ns / s->step_ns + 1;
	if (o->step_ns && !o->points && points > POINTS_MAX) {
		buf_printf(why,
			   "--step %lld makes %lld moments of %lld ns, and there are %d at most: a "
			   "longer --step, or --points",
			   (long long)s->step_ns, (long long)points, (long long)s->span_ns,
			   POINTS_MAX);
		return false;
	}
	if (o->step_ns && !o->points)
		s->points = (unsigned)points;
	if (o->nudge_given)
		return true;
	s->config.nudge_ns = NUDGE_SPANS * s->span_ns;
	if (s->config.nudge_ns < NUDGE_LEAST_NS)
		s->config.nudge_ns = NUDGE_LEAST_NS;
	return true;
}

static json_t *sweep_json(struct sweep *s)
{
	json_t *o = json_got(json_object()), *hit = json_got(json_array());

	for (size_t i = 0; i < SWEEP_STATES; i++)
		json_append(hit, json_pack("{s:s, s:s, s:o, s:o}", "name", sweep_states[i].name,
					   "proof", sweep_states[i].proof, "points",
					   json_integer(s->state[i].hits), "first_ns",
					   s->state[i].hits ? json_integer(s->state[i].first_ns)
							    : json_null()));
	json_set(o, "scenario", json_text(s->config.scenario->name));
	json_set(o, "loops", json_integer(s->config.hops));
	json_set(o, "span_ns", json_integer(s->span_ns));
	json_set(o, "step_ns", json_integer(s->step_ns));
	json_set(o, "planned", json_integer(s->planned));
	json_set(o, "flown", json_integer(s->flown));
	json_set(o, "passed", json_integer(s->passed));
	json_set(o, "behind_end", json_integer(s->behind_end));
	json_set(o, "unbroken", json_integer(s->unbroken));
	json_set(o, "states", hit);
	json_set(o, "ways", tally_json(&s->tally));
	json_set(o, "points", s->json);
	s->json = NULL;
	return o;
}

static void free_sweep(struct sweep *s)
{
	tally_free(&s->tally);
	free(s->digest);
	buf_free(&s->mark.snapshot);
	buf_free(&s->mark.log);
	json_decref(s->json);
}

/* All points. */
static void fly_points(struct sweep *s)
{
	static const char *proofs[SWEEP_STATES];
	const struct shard shard = s->o->shard.n ? s->o->shard : (struct shard){1, 1};
	unsigned part;

	for (size_t i = 0; i < SWEEP_STATES; i++)
		proofs[i] = sweep_states[i].proof;
	s->config.states = proofs;
	s->config.state_count = SWEEP_STATES;
	s->config.resume = &s->mark;
	s->planned = (s->points + shard.n - shard.k) / shard.n;
	part = s->planned / TELL_PARTS ? s->planned / TELL_PARTS : 1;
	printf("# %s: %u moments, one each %lld ns, of the %lld ns from the mark to the VM's end; "
	       "order %s\n",
	       s->config.scenario->name, s->points, (long long)s->step_ns, (long long)s->span_ns,
	       s->setup.order.name);
	fflush(stdout);
	for (unsigned i = shard.k - 1; i < s->points && !signals_pending(); i += shard.n) {
		fly_point(s, i * s->step_ns);
		if (s->flown % part == 0 && !s->o->quiet)
			fprintf(stderr, "# %s: %u of %u moments, %u as never frozen\n",
				s->config.scenario->name, s->flown, s->planned, s->passed);
	}
}

/* Sweeps @scenario, as result @number, and adds to @all. The exit status. */
static int sweep(struct options *o, const struct setup *setup, const struct scenario *scenario,
		 unsigned number, json_t *all)
{
	auto_by(free_sweep) struct sweep s = {
		.o = o,
		.setup = *setup,
		.json = json_got(json_array()),
		.tally = {.log = setup->log, .shown_log = o->shown_log}};
	const char *lacks = lack(scenario);
	struct l0_past past;
	struct err e = {0};
	auto_free char *dir = tally_dir(&s.tally, MARK, scenario->name, &e);
	auto_buf struct buf why = {0};
	bool skip = lacks != NULL, ready;
	json_t *json;

	setup_flight(&s.setup, &s.config);
	s.config.scenario = scenario;
	s.config.hops = o->hops_given ? o->hops : LOOPS_DEFAULT;
	s.config.freeze = (struct freeze){FREEZE_AFTER, 0};
	s.config.l0_log = !l0_log_begin(&past);
	s.config.vm.dir = dir;
	if (lacks)
		buf_printf(&why, "%s", lacks);
	else if (!dir)
		buf_printf(&why, "%s", e.text);
	ready = !why.len && fly_to_mark(&s, &skip, &why);
	if (ready) {
		s.config.resume = &s.mark;
		ready = fly_reference(&s, &why);
	}
	tally_remove(&s.tally, MARK, scenario->name);
	if (ready && choose_points(&s, &why)) {
		fly_points(&s);
		json = sweep_json(&s);
	} else {
		json = sweep_none(scenario->name, skip, buf_text(&why));
	}
	json_append(all, json);
	/* Of a shard who joins them tells. */
	return o->shard.n ? 0 : sweep_tell(json, number, o->strict, stdout);
}

/* ---- the command -------------------------------------------------------------------------- */

static int write_sweep(const struct setup *s, json_t *all, struct err *e)
{
	json_auto_t *top = json_got(json_object());
	auto_free char *path = xasprintf("%s/" SWEEP_FILE, s->log);

	json_set(top, "schema", json_text(SWEEP_SCHEMA));
	json_set(top, "version", json_integer(SWEEP_VERSION));
	json_set(top, "midflight", json_text(MIDFLIGHT_VERSION));
	json_set(top, "kernel", json_text(known_kernel()));
	json_set(top, "order", json_text(s->order.name));
	json_set(top, "pages", json_text(s->o->pages));
	json_set(top, "seed", json_integer((json_int_t)s->o->seed));
	json_set(top, "sweeps", all);
	return json_write(top, path, e);
}

static int sweep_here(struct options *o, const struct setup *s)
{
	json_t *all = json_got(json_array());
	struct err e = {0};
	int status = 4;

	if (o->jobs > 1)
		puts("# midflight: --jobs is for labs; here one flies after the other");
	if (!o->shard.n)
		printf("KTAP version 1\n1..%u\n", o->scenarios);
	for (unsigned i = 0; i < o->scenarios && !signals_pending(); i++)
		status = report_worse(status, sweep(o, s, o->scenario[i], i + 1, all));
	if (write_sweep(s, all, &e))
		return give_up(e.text);
	return signals_pending() ? 128 + signals_pending() : status;
}

int cmd_sweep(struct options *o)
{
	return fly_into_log(o, &sweep_left, sweep_here);
}
