// SPDX-License-Identifier: BSD-2-Clause
// When a failure counts as a known KVM bug, and when it must not: for each row of known.def the
// evidence that was recorded (known_evidence.def), and what lies near to it.
#include "host/kvm/kvm_state.h"
#include "tests/unit/log.h"

#include "host/flight/known.h"

#define EVENTS 32
#define LINE   512

static const struct recorded {
	const char *id, *kernel, *result, *order;
	enum method method;
	unsigned hops, snapshots, oracles;
	const char *said; /* a line each: HOP CHECK: EVIDENCE; oracle NAME: FIELD: TEXT; refused
			     TEXT; ended TEXT */
	bool swept;	  /* at a moment that is none of the scenario's own */
} recorded[] = {
#define ROW(swept, id, kernel, result, order, method, hops, snapshots, oracles, said) \
	{id, kernel, result, order, METHOD_##method, hops, snapshots, oracles, said, swept},
#define E(...)	   ROW(false, __VA_ARGS__)
#define SWEPT(...) ROW(true, __VA_ARGS__)
#include "tests/unit/known_evidence.def"
#undef ROW
#undef E
#undef SWEPT
};

/* A flight that failed as was recorded; tests change it. */
struct flown {
	const struct recorded *from;
	char result[64], scenario[64];
	struct order order;
	struct flight_config c;
	struct flight_result r;
	unsigned events;
	char line[EVENTS][LINE]; /* of `said` */
};

static void set(char line[LINE], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void set(char line[LINE], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, LINE, fmt, ap);
	va_end(ap);
}

static void fly(struct flown *f, const struct recorded *from)
{
	const char *said = from->said;

	memset(f, 0, sizeof(*f));
	f->from = from;
	snprintf(f->result, sizeof(f->result), "%s", from->result);
	snprintf(f->scenario, sizeof(f->scenario), "%.*s", (int)strcspn(from->result, "."),
		 from->result);
	snprintf(f->order.name, sizeof(f->order.name), "%s", from->order);
	f->c.method = from->method;
	f->c.control = strstr(from->result, ".control") != NULL;
	f->c.hops = from->snapshots ? from->snapshots : from->hops;
	f->c.vm.order = &f->order;
	if (from->swept)
		f->c.freeze.at = FREEZE_AFTER;
	f->r.taken = from->snapshots;
	f->r.oracles_run = from->oracles;
	f->r.log.hops_done = from->hops;
	f->r.log.hello_hops = from->hops;
	while (word_next(&said, '\n', f->line[f->events], sizeof(f->line[0])))
		f->events++;
	known_kernel_set(from->kernel);
}

/* `NAME: FIELD: TEXT` */
static void add_oracle(struct oracle_report *oracle, const char *line)
{
	static const char *const names[] = {"in place", "new VM", "buffer size", "log"};
	struct oracle_finding *finding = &oracle->finding[oracle->findings++];
	const char *field = strstr(line, ": ") + 2, *text = strstr(field, ": ") + 2;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strncmp(line, names[i], strlen(names[i])))
			finding->oracle = names[i];
	snprintf(finding->field, sizeof(finding->field), "%.*s", (int)(text - 2 - field), field);
	snprintf(finding->text, sizeof(finding->text), "%s", text);
}

static void add_fail(struct guest_log *log, const char *scenario, const char *line)
{
	struct fail *fail = &log->fail[log->kept++];
	const char *check = strchr(line, ' ') + 1, *evidence = strstr(check, ": ");

	fail->hop = (unsigned)strtoul(line, NULL, 10);
	fail->scenario = xstrdup(scenario);
	fail->check = xasprintf("%.*s", (int)(evidence - check), check);
	fail->evidence = xstrdup(evidence + 2);
	log->fails++;
}

/* The bug by which @f is known, judged anew from its lines. */
static const struct known *judged(struct flown *f)
{
	const struct known *known;
	bool ended = false;

	for (unsigned i = 0; i < f->events; i++) {
		const char *line = f->line[i];

		if (!strncmp(line, "oracle ", 7))
			add_oracle(&f->r.oracle, line + 7);
		else if (!strncmp(line, "refused ", 8))
			snprintf(f->r.refused, sizeof(f->r.refused), "%s", line + 8);
		else if (!strncmp(line, "ended ", 6) && (ended = true))
			verdict_raise(&f->r.verdict, WORD_CRASH, "%s", line + 6);
		else
			add_fail(&f->r.log, f->scenario, line);
	}
	if (!ended) {
		f->r.verdict.word = WORD_FAIL;
		f->r.verdict.complete = true;
	}
	f->r.log.word = f->r.log.fails ? WORD_FAIL : WORD_PASS;
	known = known_match(f->result, &f->c, &f->r, true, NULL);
	guest_log_free(&f->r.log);
	if (ended)
		verdict_free(&f->r.verdict);
	return known;
}

/* What has no complete log, at the hop that it tells of. */
static bool cut_short(const char *said)
{
	return !strncmp(said, "refused ", 8) || !strncmp(said, "ended ", 6);
}

static void still(const struct flown *f, const struct known *known, const char *how,
		  const char *what)
{
	fail_msg("%s %s, order %s, on %s: %s: %s is still known as %s", f->result, f->from->said,
		 f->from->order, f->from->kernel, how, what, known->id);
}

static void refused(struct flown *f, const char *how, const char *what)
{
	const struct known *known = judged(f);

	if (known)
		still(f, known, how, what);
}

/* The same where what is left may be known of any scenario. */
static void refused_here(struct flown *f, const char *how, const char *what)
{
	const struct known *known = judged(f);

	if (known && strcmp(known->results, "*"))
		still(f, known, how, what);
}

/* Each row explains something that was recorded, and all of that is explained as it should be. */
static void rows(void **state)
{
	unsigned count;
	const struct known *row = known_rows(&count);
	bool *met = xcalloc(count, sizeof(*met));

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++) {
		struct flown f;
		const struct known *known;

		fly(&f, &recorded[i]);
		known = judged(&f);
		if (!known || strcmp(known->id, recorded[i].id))
			fail_msg("%s, order %s, on %s: %s is %s, not %s", recorded[i].result,
				 recorded[i].order, recorded[i].kernel, recorded[i].said,
				 known ? known->id : "not known", recorded[i].id);
		met[known - row] = true;
	}
	for (unsigned i = 0; i < count; i++) {
		unsigned signs = 0;

		while (row[i].signs[signs].by != BY_NOBODY)
			signs++;
		assert_in_range(signs, 1, KNOWN_SIGNS);
		if (!met[i])
			fail_msg("row %u, %s (%s), has no evidence", i, row[i].id, row[i].results);
	}
	free(met);
}

/* ---- neighbours --------------------------------------------------------------------------- */

static bool by_chance(const struct recorded *from)
{
	struct flown f;
	const struct known *known;

	fly(&f, from);
	known = judged(&f);
	/* Of ping-pong's moves some are no restores. */
	return known && (known->signs->often != EACH || from->method == METHOD_PING_PONG);
}

/* Of a snapshot; each may tell of the same hop. */
static bool two_futures(const struct recorded *from)
{
	const enum method_kind kind = method_info(from->method)->kind;

	return kind == KIND_SAVEVM || kind == KIND_FORK;
}

static void circumstances(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++) {
		const struct recorded *from = &recorded[i];
		struct flown f;

		fly(&f, from);
		f.c.broken = "lapic";
		refused(&f, "with", "something broken on purpose");
		fly(&f, from);
		f.c.breakage = "digest";
		refused(&f, "with", "L1 broken on purpose");
		fly(&f, from);
		snprintf(f.scenario, sizeof(f.scenario), "other");
		snprintf(f.result, sizeof(f.result), "other");
		refused_here(&f, "in", "another scenario");
		fly(&f, from);
		f.r.log.hello_hops++;
		if (!cut_short(from->said) && !two_futures(from))
			refused(&f, "without", "a hop");
		fly(&f, from);
		verdict_raise(&f.r.verdict, WORD_HANG, "seen by the host");
		if (strncmp(from->said, "refused", 7))
			refused(&f, "with", "a finding of the host's");
		verdict_free(&f.r.verdict);
		if (f.c.control)
			continue;
		fly(&f, from);
		snprintf(f.order.name, sizeof(f.order.name), "./own.order");
		refused(&f, "in", "another order");
		fly(&f, from);
		f.c.method = METHOD_KILLED;
		refused(&f, "by", "another method");
		if (by_chance(from))
			continue;
		fly(&f, from);
		f.r.taken++;
		f.r.oracles_run++;
		f.r.log.hops_done++;
		f.r.log.hello_hops++;
		if (!cut_short(from->said))
			refused(&f, "once in", "one hop more");
	}
}

static void drop(struct flown *f, unsigned n)
{
	memmove(f->line[n], f->line[n + 1], (EVENTS - n - 1) * sizeof(f->line[0]));
	f->events--;
}

/* Events and findings that are missing, doubled, of something else, in another order. */
static void events(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++) {
		struct flown f;

		fly(&f, &recorded[i]);
		for (unsigned n = 0, count = f.events; n < count; n++) {
			char line[LINE];

			set(line, "%s", f.line[n]);
			if (!by_chance(&recorded[i]) && strncmp(line, "oracle log", 10)) {
				drop(&f, n);
				refused_here(&f, "without", line);
			}
			fly(&f, &recorded[i]);
			if (strncmp(line, "refused ", 8) && !two_futures(&recorded[i])) {
				set(f.line[f.events++], "%s", line);
				refused(&f, "twice", line);
				fly(&f, &recorded[i]);
			}
			set(f.line[f.events++], "1 digest: expected=1 found=0");
			refused(&f, "with", f.line[f.events - 1]);
			fly(&f, &recorded[i]);
			set(f.line[f.events++], "oracle new VM: REGS.rax: expected 0x1, found 0x0");
			refused(&f, "with", f.line[f.events - 1]);
			fly(&f, &recorded[i]);
			if (n && *line >= '0' && *line <= '9' && f.line[n - 1][0] == *line &&
			    strcmp(line, f.line[n - 1]) && !two_futures(&recorded[i])) {
				memcpy(f.line[n], f.line[n - 1], sizeof(line));
				memcpy(f.line[n - 1], line, sizeof(line));
				refused(&f, "too early", line);
				fly(&f, &recorded[i]);
			}
		}
	}
}

/* What the guest says is not what an oracle says. */
static void speakers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++) {
		struct flown f;

		fly(&f, &recorded[i]);
		for (unsigned n = 0, count = f.events; n < count; n++) {
			char line[LINE];

			set(line, "%s", f.line[n]);
			if (!strncmp(line, "oracle ", 7))
				set(f.line[n], "1 %s", line + 7);
			else if (cut_short(line))
				set(f.line[n], "oracle new VM: %s", strchr(line, ' ') + 1);
			else
				set(f.line[n], "oracle new VM: %s", line + 2);
			refused(&f, "said by another", line);
			fly(&f, &recorded[i]);
		}
	}
}

/* Values that may be anything, in the evidence of which check. */
static bool is_free(const char *line, const char *key)
{
	static const char *const keys[] = {
#define FREE(key) key,
#define E(...)
#define SWEPT(...)
#include "tests/unit/known_evidence.def"
#undef E
#undef SWEPT
#undef FREE
		NULL};

	(void)line;
	for (const char *const *k = keys; *k; k++)
		if (!strncmp(key, *k, strlen(*k)) && strchr("= ", key[strlen(*k)]))
			return true;
	return false;
}

/* Each value of the guest's and the oracles', replaced by another. */
static void values(void **state)
{
	static const char *const others[] = {"0xdeadbeefdead", "-0x7123456789abcdef", "RUBBISH",
					     ""};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++) {
		struct flown f;

		fly(&f, &recorded[i]);
		for (unsigned n = 0, count = f.events; n < count; n++) {
			char line[LINE];
			const bool oracle = !strncmp(f.line[n], "oracle ", 7);
			const char *at;

			set(line, "%s", f.line[n]);
			/* An oracle says `expected A, found B`. */
			for (at = strstr(line, oracle ? "expected " : ": "); at;
			     at = strpbrk(at + 1, " ")) {
				const char *key =
					at + (oracle && *at == 'e' ? 0 : strspn(at, ": "));
				const char *value = strpbrk(key, oracle ? " " : "=");

				if (!value || (oracle && strncmp(key, "expected ", 9) &&
					       strncmp(key, "found ", 6)))
					continue;
				value++;
				for (size_t o = 0; o < ARRAY_SIZE(others); o++) {
					if (is_free(line, key))
						continue;
					set(f.line[n], "%.*s%s%s", (int)(value - line), line,
					    others[o], value + strcspn(value, " ,"));
					refused(&f, "with", f.line[n]);
					fly(&f, &recorded[i]);
				}
			}
		}
	}
}

/* ---- the rest ----------------------------------------------------------------------------- */

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *evidence;
		bool matches;
	} t[] = {
		{"", "", true},
		{"", "a=1", false},
		{"a=1", "", false},
		{"a=1", "a=1", true},
		{"a=0x10", "a=16", true},
		{"a=1", "a=2", false},
		{"a=1", "b=1", false},
		{"a=1", "a=1 b=2", false},
		{"a=1 b=2", "a=1", false},
		{"a=1 *", "a=1 b=2", true},
		{"a=* b=2", "a=x b=2", true},
		{"a=* b=2", "b=2", false},
		{"a=HLT", "a=HLT", true},
		{"a=HLT", "a=HL", false},
		{"a=1|3", "a=3", true},
		{"a=1|3", "a=2", false},
		{"a=1..3", "a=0x3", true},
		{"a=1..3", "a=4", false},
		{"a=1..3", "a=x", false},
		{"a=..-1", "a=-5", true},
		{"a=..-1", "a=0", false},
		{"a=-3..-1", "a=-4", false},
		{"a=* b=a..", "a=7 b=8", true},
		{"a=* b=a..", "a=7 b=6", false},
		{"a=* b=..a", "a=0xffffffffffffffff b=0xfffffffffffffffe", true},
		{"a=* b=..c", "a=1 b=1", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		if (evidence_matches(t[i].pattern, t[i].evidence) != t[i].matches)
			fail_msg("'%s' and '%s'", t[i].pattern, t[i].evidence);
}

static void versions(void **state)
{
	(void)state;
	assert_true(kernel_before("6.1.0-50-cloud-amd64", "6.11"));
	assert_true(kernel_before("5.19.0", "6.1"));
	assert_false(kernel_before("6.11.0", "6.11"));
	assert_false(kernel_before("6.12.107+deb13-cloud-amd64", "6.8"));
	assert_false(kernel_before("7.3.4", "6.11"));
	assert_false(kernel_before("unknown", "6.11"));
}

#define LOST(hop)                                                                      \
	hop " lost wake-up: hop=" hop " vector=0x71 on=1 in_pir=1 in_virr=0 in_visr=0" \
	    " activity_state=1 rvi=0x0"

static const struct recorded halted = {
	"", "6.12.1", "halted", "qemu", METHOD_FILE, 2, 2, 0, LOST("1") "\n" LOST("2"), false};

/* On an old kernel the control fails by a bug of its own, and that alone may explain the rest. */
static void control_known(void **state)
{
	static const struct recorded control = {"",
						"6.1.0-50-amd64",
						"halted.control",
						"qemu",
						METHOD_FILE,
						2,
						0,
						0,
						LOST("1") "\n" LOST("2"),
						false};
	const struct known *unheard;
	struct flown f;

	(void)state;
	fly(&f, &control);
	known_kernel_set("6.12.1");
	assert_null(judged(&f));
	fly(&f, &control);
	unheard = judged(&f);
	assert_non_null(unheard);
	assert_string_equal(unheard->id, "halted-posted-interrupt-unheard");
	fly(&f, &halted);
	known_kernel_set("6.1.0-50-amd64");
	f.r.verdict.word = f.r.log.word = WORD_FAIL;
	f.r.verdict.complete = true;
	for (unsigned i = 0; i < f.events; i++)
		add_fail(&f.r.log, f.scenario, f.line[i]);
	assert_null(known_match("halted", &f.c, &f.r, false, NULL));
	assert_ptr_equal(known_match("halted", &f.c, &f.r, false, unheard), unheard);
	f.r.taken = 0; /* what fails like the control needs no snapshot */
	assert_ptr_equal(known_match("halted", &f.c, &f.r, false, unheard), unheard);
	guest_log_free(&f.r.log);
}

/* Two bugs may meet in one run; each event must have its row. */
static void two_bugs(void **state)
{
	struct flown f;

	(void)state;
	fly(&f, &halted);
	assert_string_equal(judged(&f)->id, "halted-posted-interrupt-lost");
	fly(&f, &halted);
	f.r.taken = 1; /* a hop without a snapshot */
	assert_null(judged(&f));
}

static void tables(void **state)
{
	struct order order = {.name = "qemu"};
	struct flight_config c = {.vm = {.order = &order}};

	(void)state;
	known_kernel_set("6.12.1");
	assert_non_null(known_of("halted", &c));
	assert_null(known_of("running", &c)); /* by chance alone */
	assert_null(known_of("isr_halted", &c));
	c.method = METHOD_RESET; /* behind which nothing is left to be written back */
	assert_null(known_of("running", &c));
	c.method = METHOD_PAUSE;
	assert_non_null(known_of("running", &c));
	assert_null(known_of("halted.control", &c));
	assert_non_null(known_find("cr-read-shadow-lost"));
	assert_null(known_find("no-such-bug"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows),	    cmocka_unit_test(circumstances),
		cmocka_unit_test(events),   cmocka_unit_test(speakers),
		cmocka_unit_test(values),   cmocka_unit_test(patterns),
		cmocka_unit_test(versions), cmocka_unit_test(control_known),
		cmocka_unit_test(two_bugs), cmocka_unit_test(tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
