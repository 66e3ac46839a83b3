// SPDX-License-Identifier: BSD-2-Clause
// `midflight sweep`: one flight for each moment behind the mark, frozen there and restored, and all
// compared with the flight that was never frozen. All of them begin at the mark, from one snapshot.
#include "host/cmd.h"
#include "host/json_util.h"
#include "host/l0_log.h"
#include "host/lab.h"
#include "host/report.h"
#include "host/report_json.h"
#include "host/run_dir.h"
#include "host/signals.h"
#include "host/sweep.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <midflight_version.h>

#define POINTS_DEFAULT 1000
#define LOOPS_DEFAULT  1
#define LOGS_KEPT      3		/* of each way to fail */
#define NUDGE_LEAST_NS (50 * NS_PER_MS) /* a VM that is silent for less may still go on */
#define NUDGE_SPANS    4		/* ... and for less than so many whole flights */
#define TELL_PARTS     10		/* of a sweep, after each of which it says how far it is */

static const struct {
	const char *name, *proof, *text;
} states[] = {
#define S(name, proof, text) {name, proof, text},
#include "host/sweep_states.def"
#undef S
};

/* One way to end that is not a pass. */
struct kind {
	char *text;
	const struct known *known;
	enum word word;
	unsigned count;
	int64_t first_ns;
};

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
	unsigned points, flown, passed, behind_end;
	struct kind *kind;
	unsigned kinds;
	struct digest *digest;
	unsigned digests;
	struct {
		unsigned hits;
		int64_t first_ns;
	} state[ARRAY_SIZE(states)];
	json_t *json; /* array of the points */
	bool broken;  /* an ERROR, which says nothing of KVM */
};

/* ---- one flight --------------------------------------------------------------------------- */

static void remove_flight(const char *dir)
{
	static const char *const files[] = {"serial.log", "snapshot.bin", "now.bin", "l0.log"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char *path = xasprintf("%s/%s", dir, files[i]);

		unlink(path);
		free(path);
	}
	rmdir(dir);
}

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

/* What failed in @r, as short as flights that fail alike have in common. */
static char *kind_text(const struct flight_result *r, const struct known *known)
{
	const char *finding = r->verdict.findings ? r->verdict.finding[0] : "";
	const char *what = *r->refused		? r->refused
			   : r->log.kept	? r->log.fail[0].check
			   : r->oracle.findings ? r->oracle.finding[0].field
						: finding;
	char *text = known ? xasprintf("known KVM bug %s", known->id)
			   : xasprintf("%s: %.*s", word_name(r->verdict.word),
				       (int)strcspn(what, "\n("), what);

	/* Hops and times differ. */
	for (char *p = text; *p; p++)
		if (!known && *p >= '0' && *p <= '9')
			*p = '#';
	return text;
}

/* Counts how @r failed. The kind. */
static struct kind *count_kind(struct sweep *s, const struct flight_result *r,
			       const struct known *known, int64_t at_ns)
{
	char *text = kind_text(r, known);
	unsigned i = 0;

	while (i < s->kinds && strcmp(s->kind[i].text, text) != 0)
		i++;
	if (i == s->kinds) {
		s->kind = xrealloc(s->kind, ++s->kinds * sizeof(*s->kind));
		s->kind[i] = (struct kind){text, known, r->verdict.word, 0, at_ns};
		text = NULL;
	}
	free(text);
	s->kind[i].count++;
	return &s->kind[i];
}

/* ---- a point ------------------------------------------------------------------------------ */

static void count_states(struct sweep *s, uint32_t hit, int64_t at_ns)
{
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (hit & 1u << i && !s->state[i].hits++)
			s->state[i].first_ns = at_ns;
}

/* What `run` would be told to repeat the flight at @at_ns. */
static struct options options_at(const struct sweep *s, char *freeze)
{
	struct options o = *s->o;
	struct err e = {0};

	o.command = CMD_RUN;
	o.quiet = true;
	options_freeze(&o, freeze, &e);
	return o;
}

/* Makes of the directory of a flight that failed that of a run, with all that a run leaves. */
static void keep(struct sweep *s, const char *dir, struct report_entry *entry, int64_t at_ns)
{
	char *freeze = xasprintf("after=%lld", (long long)at_ns);
	char *shown = xasprintf("%s/%s", s->o->shown_log, strrchr(dir, '/') + 1);
	const struct options o = options_at(s, freeze);
	FILE *nowhere = fopen("/dev/null", "we");
	struct report report;
	struct err e = {0};

	if (nowhere) {
		report_begin(&report, &o, nowhere, shown, 1, 1);
		report.dir = dir;
		report_result(&report, entry);
		if (report_end(&report, dir, &e))
			fprintf(stderr, "midflight: %s\n", e.text);
		fclose(nowhere);
	}
	free(shown);
	free(freeze);
}

static json_t *point_json(const struct flight_result *r, const struct hop_record *hop,
			  const struct kind *kind, int64_t at_ns, const char *dir)
{
	json_t *o = json_got(json_object()), *hit = json_got(json_array());

	for (size_t i = 0; hop && i < ARRAY_SIZE(states); i++)
		if (hop->states & 1u << i)
			json_append(hit, json_text(states[i].name));
	json_set(o, "at_ns", json_integer(at_ns));
	json_set(o, "word", json_text(word_name(r->verdict.word)));
	json_set(o, "kind", json_text(kind ? kind->text : NULL));
	json_set(o, "known", json_text(kind && kind->known ? kind->known->id : NULL));
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

/* Flies one point. */
static void fly_point(struct sweep *s, int64_t at_ns)
{
	const char *name = s->config.scenario->name;
	char *run = xasprintf("%s/%s.after-%lld", s->setup.log, name, (long long)at_ns);
	char *dir = xasprintf("%s/%s", run, name);
	struct flight_result r = {0};
	struct report_entry entry = {.name = xstrdup(name),
				     .key = name,
				     .config = &s->config,
				     .result = &r,
				     .control_passed = true};
	const struct hop_record *hop;
	struct kind *kind = NULL;
	bool kept = false;
	struct err e = {0};

	s->config.freeze = (struct freeze){FREEZE_AFTER, at_ns};
	s->config.vm.dir = dir;
	if (make_dirs(dir, &e))
		verdict_raise(&r.verdict, WORD_ERROR, "%s", e.text);
	else
		flight_run(&s->config, &r);
	check_digests(s, &r);
	hop = taken(&r);
	if (r.interrupted) {
		goto out;
	} else if (!hop && r.log.verdict && r.log.word == WORD_PASS) {
		s->behind_end++;
	} else if (r.verdict.word == WORD_PASS) {
		s->passed++;
	} else {
		entry.known = known_match(name, s->config.method, &r.log, &r.verdict, &r.oracle,
					  r.refused, true, NULL);
		kind = count_kind(s, &r, entry.known, at_ns);
		kept = kind->count <= LOGS_KEPT;
		s->broken |= r.verdict.word == WORD_ERROR && !entry.known;
	}
	s->flown++;
	if (hop)
		count_states(s, hop->states, at_ns);
	json_append(s->json, point_json(&r, hop, kind, at_ns, kept ? strrchr(run, '/') + 1 : NULL));
	if (kept)
		keep(s, run, &entry, at_ns);
out:
	if (!kept) {
		remove_flight(dir);
		rmdir(run);
	}
	flight_result_free(&r);
	free(entry.name);
	free(dir);
	free(run);
}

/* ---- a scenario --------------------------------------------------------------------------- */

/* Why @scenario cannot be swept, NULL: it can. */
static const char *lack(const struct scenario *scenario)
{
	if (scenario->posts || scenario->act != ACT_NONE)
		return "the host acts in this scenario, at a moment of its own";
	return driver_lacks(&kvm_driver, scenario);
}

/* Boots and saves at the mark. False: @why, and *@skip if the CPU cannot run the scenario. */
static bool fly_to_mark(struct sweep *s, bool *skip, struct buf *why)
{
	struct flight_result r = {0};
	struct err e = {0};
	bool ok = false;

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
	else
		ok = true;
	flight_result_free(&r);
	return ok;
}

/* The flight that is never frozen. */
static bool fly_reference(struct sweep *s, struct buf *why)
{
	struct flight_result r = {0};
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
	flight_result_free(&r);
	return ok;
}

static void choose_points(struct sweep *s)
{
	const struct options *o = s->o;

	s->points = o->points ? o->points : POINTS_DEFAULT;
	s->step_ns = o->step_ns;
	if (!s->step_ns)
		s->step_ns = s->span_ns / s->points;
	if (!s->step_ns)
		s->step_ns = 1;
	if (o->step_ns && !o->points)
		s->points = (unsigned)(s->span_ns / s->step_ns) + 1;
	if (o->nudge_given)
		return;
	s->config.nudge_ns = NUDGE_SPANS * s->span_ns;
	if (s->config.nudge_ns < NUDGE_LEAST_NS)
		s->config.nudge_ns = NUDGE_LEAST_NS;
}

static void print_tables(const struct sweep *s)
{
	printf("#   %8s %14s  %s\n", "points", "first at ns", "state");
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		if (s->state[i].hits)
			printf("#   %8u %14lld  %s: %s\n", s->state[i].hits,
			       (long long)s->state[i].first_ns, states[i].name, states[i].text);
		else
			printf("#   %8u %14s  %s: %s\n", 0, "-", states[i].name, states[i].text);
	}
	printf("#   %8s %14s  %s\n", "points", "first at ns", "result");
	printf("#   %8u %14s  as never frozen\n", s->passed, "");
	if (s->behind_end)
		printf("#   %8u %14s  the VM had ended before\n", s->behind_end, "");
	for (unsigned i = 0; i < s->kinds; i++) {
		printf("#   %8u %14lld  ", s->kind[i].count, (long long)s->kind[i].first_ns);
		print_lines(stdout, "", s->kind[i].text);
	}
}

static json_t *sweep_json(struct sweep *s)
{
	json_t *o = json_got(json_object()), *hit = json_got(json_array()),
	       *kinds = json_got(json_array());

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		json_t *state = json_got(json_object());

		json_set(state, "name", json_text(states[i].name));
		json_set(state, "proof", json_text(states[i].proof));
		json_set(state, "points", json_integer(s->state[i].hits));
		json_set(state, "first_ns",
			 s->state[i].hits ? json_integer(s->state[i].first_ns) : json_null());
		json_append(hit, state);
	}
	for (unsigned i = 0; i < s->kinds; i++) {
		json_t *kind = json_got(json_object());

		json_set(kind, "kind", json_text(s->kind[i].text));
		json_set(kind, "points", json_integer(s->kind[i].count));
		json_set(kind, "first_ns", json_integer(s->kind[i].first_ns));
		json_append(kinds, kind);
	}
	json_set(o, "scenario", json_text(s->config.scenario->name));
	json_set(o, "loops", json_integer(s->config.hops));
	json_set(o, "span_ns", json_integer(s->span_ns));
	json_set(o, "step_ns", json_integer(s->step_ns));
	json_set(o, "flown", json_integer(s->flown));
	json_set(o, "passed", json_integer(s->passed));
	json_set(o, "behind_end", json_integer(s->behind_end));
	json_set(o, "states", hit);
	json_set(o, "kinds", kinds);
	json_set(o, "points", s->json);
	s->json = NULL;
	return o;
}

static void free_sweep(struct sweep *s)
{
	for (unsigned i = 0; i < s->kinds; i++)
		free(s->kind[i].text);
	free(s->kind);
	free(s->digest);
	buf_free(&s->mark.snapshot);
	buf_free(&s->mark.log);
	json_decref(s->json);
}

static bool unknown_failure(const struct sweep *s)
{
	for (unsigned i = 0; i < s->kinds; i++)
		if (!s->kind[i].known || s->o->strict)
			return true;
	return false;
}

/* All points. */
static void fly_points(struct sweep *s)
{
	static const char *proofs[ARRAY_SIZE(states)];
	unsigned part = s->points / TELL_PARTS ? s->points / TELL_PARTS : 1;

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		proofs[i] = states[i].proof;
	s->config.states = proofs;
	s->config.state_count = ARRAY_SIZE(states);
	s->config.resume = &s->mark;
	printf("# %s: %u moments, one each %lld ns, of the %lld ns from the mark to the VM's end; "
	       "order %s\n",
	       s->config.scenario->name, s->points, (long long)s->step_ns, (long long)s->span_ns,
	       s->setup.order.name);
	fflush(stdout);
	for (unsigned i = 0; i < s->points && !signals_pending(); i++) {
		fly_point(s, i * s->step_ns);
		if ((i + 1) % part == 0 && !s->o->quiet)
			fprintf(stderr, "# %s: %u of %u moments, %u as never frozen\n",
				s->config.scenario->name, i + 1, s->points, s->passed);
	}
}

/* Sweeps @scenario, as result @number, and adds to @all. The exit status. */
static int sweep(struct options *o, const struct setup *setup, const struct scenario *scenario,
		 unsigned number, json_t *all)
{
	struct sweep s = {.o = o, .setup = *setup, .json = json_got(json_array())};
	const char *lacks = lack(scenario);
	char *dir = xasprintf("%s/%s", setup->log, scenario->name);
	struct l0_past past;
	struct err e = {0};
	struct buf why = {0};
	bool skip = lacks != NULL, ready;
	int status;

	setup_flight(&s.setup, &s.config);
	s.config.scenario = scenario;
	s.config.hops = o->hops_given ? o->hops : LOOPS_DEFAULT;
	s.config.freeze = (struct freeze){FREEZE_AFTER, 0};
	s.config.l0_log = !l0_log_begin(&past);
	s.config.vm.dir = dir;
	if (lacks)
		buf_printf(&why, "%s", lacks);
	else if (make_dirs(dir, &e))
		buf_printf(&why, "%s", e.text);
	ready = !why.len && fly_to_mark(&s, &skip, &why);
	if (ready) {
		s.config.resume = &s.mark;
		ready = fly_reference(&s, &why);
	}
	remove_flight(dir);
	if (ready) {
		choose_points(&s);
		fly_points(&s);
		print_tables(&s);
		status = unknown_failure(&s) ? 1 : 0;
		if (s.broken || !s.passed + !s.kinds == 2)
			status = 2;
		printf("%sok %u - %s # %u moments, %u as never frozen%s\n", status ? "not " : "",
		       number, scenario->name, s.flown, s.passed,
		       !status && s.kinds ? ", the others by known KVM bugs" : "");
		json_append(all, sweep_json(&s));
	} else {
		status = skip ? 4 : 2;
		printf("%sok %u - %s # %s", skip ? "" : "not ", number, scenario->name,
		       skip ? "SKIP " : "ERROR, ");
		print_lines(stdout, "", buf_text(&why));
	}
	fflush(stdout);
	buf_free(&why);
	free_sweep(&s);
	free(dir);
	return status;
}

/* ---- the command -------------------------------------------------------------------------- */

static int write_sweep(const struct setup *s, json_t *all, struct err *e)
{
	json_t *top = json_got(json_object());
	char *dump;
	int ret = -1;

	json_set(top, "schema", json_text(SWEEP_SCHEMA));
	json_set(top, "version", json_integer(SWEEP_VERSION));
	json_set(top, "midflight", json_text(MIDFLIGHT_VERSION));
	json_set(top, "kernel", json_text(known_kernel()));
	json_set(top, "order", json_text(s->order.name));
	json_set(top, "pages", json_text(s->o->pages));
	json_set(top, "seed", json_integer((json_int_t)s->o->seed));
	json_set(top, "sweeps", all);
	dump = json_dumps(top, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
	if (dump)
		ret = write_file(s->log, "sweep.json", dump, strlen(dump), 0666, e);
	free(dump);
	json_decref(top);
	return ret;
}

/* The worst of two exit statuses: something failed, it is no proof, all was skipped, all is well.
 */
static int worse(int a, int b)
{
	static const int order[] = {1, 2, 0, 4};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return 2;
}

static int sweep_here(struct options *o, const struct setup *s)
{
	json_t *all = json_got(json_array());
	struct err e = {0};
	int status = 4;

	printf("KTAP version 1\n1..%u\n", o->scenarios);
	for (unsigned i = 0; i < o->scenarios && !signals_pending(); i++)
		status = worse(status, sweep(o, s, o->scenario[i], i + 1, all));
	if (write_sweep(s, all, &e))
		return fail(e.text);
	printf("# logs: %s (sweep.json has every moment)\n", o->shown_log);
	return signals_pending() ? 128 + signals_pending() : status;
}

int cmd_sweep(struct options *o)
{
	struct setup s;
	struct err e = {0};
	int status, dir;

	if (setup(&s, o, &e))
		return fail(e.text);
	if (!o->shown_log)
		o->shown_log = s.log;
	if (s.missing && !s.lab) {
		printf("# SKIP: %s (%s)\n", s.missing, kvm_probe_advice(&s.probe));
		return 4;
	}
	if (signals_init())
		return fail("cannot set up signals");
	dir = run_dir_begin(s.log, &e);
	if (dir < 0)
		return fail(e.text);
	if (s.lab) {
		setup_say_lab(&s);
		status = lab_run(o, s.image, s.log, &e);
		if (status < 0)
			status = fail(e.text);
	} else {
		status = sweep_here(o, &s);
	}
	close(dir);
	return status;
}
