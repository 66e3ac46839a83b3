// SPDX-License-Identifier: BSD-2-Clause
// The table of known KVM bugs, and when a failure counts as known.
#include "host/flight/known.h"
#include "host/kvm/kvm_state.h"
#include "host/l0/l0_log.h"
#include "host/base/cleanup.h"

#include <string.h>
#include <sys/utsname.h>

#define ORDER_DEFAULT "qemu"

#define BRACED(...)         \
	{                   \
		__VA_ARGS__ \
	}
#define GUEST(check, values)	     BRACED(BY_GUEST, EACH, check, values)
#define GUEST_SOME(check, values)    BRACED(BY_GUEST, SOME, check, values)
#define GUEST_CHANCE(check, values)  BRACED(BY_GUEST, CHANCE, check, values)
#define GUEST_BATCH(check, values)   BRACED(BY_GUEST, BATCH, check, values)
#define ORACLE(field, values)	     BRACED(BY_ORACLE, EACH, field, values)
#define ORACLE_CHANCE(field, values) BRACED(BY_ORACLE, CHANCE, field, values)
#define LOGGED(text)		     BRACED(BY_L0_LOG, CHANCE, "L0's log", text)
#define REFUSED(text)		     BRACED(BY_KVM, EACH, text, "")
#define ENDED(text)		     BRACED(BY_END, EACH, text, "~(hop * of *, phase run)")

static const struct known rows[] = {
#define ROW(swept, id, results, trait, orders, kernels, text, fixed, ...)        \
	BRACED(id, results, METHOD_##trait, orders, kernels, text, fixed, swept, \
	       (const struct known_sign[]){__VA_ARGS__, {BY_NOBODY, EACH, NULL, NULL}}),
#define K(...)	   ROW(false, __VA_ARGS__)
#define SWEPT(...) ROW(true, __VA_ARGS__)
#include "host/flight/known.def"
#undef ROW
#undef K
#undef SWEPT
};

bool kernel_before(const char *kernel, const char *version)
{
	unsigned k[2] = {0}, v[2] = {0};

	if (sscanf(kernel, "%u.%u", &k[0], &k[1]) != 2 ||
	    sscanf(version, "%u.%u", &v[0], &v[1]) != 2)
		return false;
	return k[0] != v[0] ? k[0] < v[0] : k[1] < v[1];
}

static char kernel[128];

void known_kernel_set(const char *release)
{
	snprintf(kernel, sizeof(kernel), "%s", release);
}

const char *known_kernel(void)
{
	struct utsname uts;

	if (!*kernel)
		known_kernel_set(uname(&uts) ? "unknown" : uts.release);
	return kernel;
}

const struct known *known_rows(unsigned *count)
{
	*count = ARRAY_SIZE(rows);
	return rows;
}

const struct known *known_find(const char *id)
{
	return table_find(rows, id, id);
}

/* What befalls NAME befalls NAME_evmcs: it is the same scenario. */
static bool of_result(const struct known *k, const char *result)
{
	const size_t len = strcspn(result, "."), end = strlen(SCENARIO_SECOND);
	char first[128];

	if (!strcmp(k->results, "*") || word_in(k->results, '|', result))
		return true;
	if (len < end || memcmp(result + len - end, SCENARIO_SECOND, end))
		return false;
	snprintf(first, sizeof(first), "%.*s%s", (int)(len - end), result, result + len);
	return word_in(k->results, '|', first);
}

bool known_in_kernel(const char *kernels, const char *release)
{
	if (!*kernels)
		return true;
	if (*kernels == '<')
		return kernel_before(release, kernels + 1);
	return !kernel_before(release, kernels + strlen(">="));
}

bool known_explains(const char *id, const char *text, const char *result, enum method method,
		    const char *release)
{
	bool told = false, met = false;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strcmp(rows[i].id, id))
			continue;
		told |= !strcmp(rows[i].text, text);
		met |= of_result(&rows[i], result) &&
		       rows[i].traits & method_info(method)->traits &&
		       known_in_kernel(rows[i].kernels, release);
	}
	return told && met;
}

/* Whether the bug of row @k can be met in a flight of @c whose result is @result. */
static bool can_meet(const struct known *k, const char *result, const struct flight_config *c)
{
	const char *order = c->vm.order ? order_like(c->vm.order->name) : ORDER_DEFAULT;

	return of_result(k, result) && k->traits & method_info(c->method)->traits &&
	       (c->control || word_in(k->orders, '|', order)) &&
	       (!k->swept || FREEZE_BEHIND_MARK(&c->freeze)) &&
	       known_in_kernel(k->kernels, known_kernel());
}

const struct known *known_of(const char *result, const struct flight_config *c)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		if (!rows[i].swept && strcmp(rows[i].results, "*") &&
		    rows[i].signs->often < CHANCE && can_meet(&rows[i], result, c))
			return &rows[i];
	return NULL;
}

/* ---- signs -------------------------------------------------------------------------------- */

/* What has been met of each row. */
struct met {
	unsigned count[KNOWN_SIGNS];
	unsigned hop, next; /* the hop of its last sign, and which may follow in that */
	const char *last;   /* the evidence of that, of a batch */
};

struct matching {
	const char *result;
	const struct flight_config *config;
	const struct known *control;
	/*
	 * What a snapshot becomes, all of which tells of its hop, one after the other; snapshots
	 * that missed, each of which may have met the bug and made the hop begin again.
	 */
	unsigned futures, missed;
	bool mixed; /* not each hop is moved by a restore */
	struct met met[ARRAY_SIZE(rows)];
	const struct known *first;
};

static bool considered(const struct matching *m, const struct known *k)
{
	return can_meet(k, m->result, m->config) &&
	       (!m->control || !strcmp(m->control->id, k->id) || !strcmp(k->results, "*"));
}

/* Counts something that was said as a sign of the first row that has it. False: none has. */
static bool take(struct matching *m, enum known_by by, unsigned hop, const char *check,
		 const char *evidence)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct met *met = &m->met[i];
		const struct known_sign *sign = rows[i].signs;
		const bool ordered = by == BY_GUEST && m->futures == 1;
		const unsigned next = ordered && met->hop == hop ? met->next : 0;

		if (!considered(m, &rows[i]) || (ordered && hop < met->hop))
			continue;
		for (unsigned n = 0; sign->by != BY_NOBODY; n++, sign++) {
			const bool batch = sign->often == BATCH;

			if (sign->by != by || n + batch < next || strcmp(sign->check, check) ||
			    !evidence_matches(sign->values, evidence) ||
			    (batch && n < next && strcmp(evidence, met->last) <= 0))
				continue;
			met->count[n]++;
			if (by == BY_GUEST) {
				met->hop = hop;
				met->next = n + (sign->often == EACH || !m->missed);
				met->last = evidence;
			}
			if (!m->first)
				m->first = &rows[i];
			return true;
		}
	}
	return false;
}

static bool take_guest(struct matching *m, const struct guest_log *log)
{
	const size_t len = strcspn(m->result, ".");

	for (unsigned i = 0; i < log->kept; i++) {
		const struct fail *fail = &log->fail[i];

		/* It must be of this scenario. */
		if (strlen(fail->scenario) != len || memcmp(fail->scenario, m->result, len) ||
		    !take(m, BY_GUEST, fail->hop, fail->check, fail->evidence))
			return false;
	}
	return true;
}

static bool take_oracles(struct matching *m, const struct oracle_report *oracle)
{
	for (unsigned i = 0; i < oracle->findings; i++) {
		const struct oracle_finding *f = &oracle->finding[i];
		const bool log = !strcmp(f->oracle, L0_LOG);
		char expected[64], found[64];
		auto_free char *check = xasprintf("%s: %s", f->oracle, f->field);
		auto_free char *evidence =
			sscanf(f->text, "expected %63[^ ,], found %63s", expected, found) == 2
				? xasprintf("expected=%s found=%s", expected, found)
				: xstrdup(f->text);

		if (!take(m, log ? BY_L0_LOG : BY_ORACLE, 0, log ? f->field : check, evidence))
			return false;
	}
	return true;
}

/* What ended the VM: TEXT (hop 1 of 1, phase run). */
static bool take_end(struct matching *m, const struct verdict *v)
{
	const char *at = v->word == WORD_CRASH ? strstr(v->finding[0], " (hop ") : NULL;
	auto_free char *text =
		at ? xasprintf("%.*s", (int)(at - v->finding[0]), v->finding[0]) : NULL;

	return v->word != WORD_CRASH || (at && take(m, BY_END, 0, text, at + 1));
}

/* Whether each row that was met was met whole. */
static bool all_signs(const struct matching *m, unsigned hops, unsigned snapshots)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct met *met = &m->met[i];
		unsigned seen = 0;

		for (unsigned n = 0; n < KNOWN_SIGNS; n++)
			seen += met->count[n];
		for (unsigned n = 0; seen && rows[i].signs[n].by != BY_NOBODY; n++) {
			const struct known_sign *sign = &rows[i].signs[n];
			const unsigned times = sign->by == BY_GUEST    ? hops
					       : sign->by == BY_ORACLE ? snapshots
								       : 1;
			const unsigned some = sign->often >= CHANCE ? 0 : times != 0;
			const unsigned least = sign->often == EACH && !m->mixed ? times : some;
			const unsigned again = sign->often == EACH ? 0 : m->missed;

			if (met->count[n] < least)
				return false;
			if (sign->often != BATCH && met->count[n] > m->futures * times + again)
				return false;
		}
	}
	return true;
}

/* Whether nothing speaks against a known bug but what the signs must explain. */
static bool nothing_else(const struct flight_config *c, const struct flight_result *r,
			 bool control_passed, const struct known *control)
{
	const struct guest_log *log = &r->log;
	/* Of a copy whose memory is of another time than its registers L1 has nothing to go on
	 * from. */
	const bool gives_up = method_info(c->method)->traits & METHOD_FORKS;

	if (c->broken || c->breakage || c->vm.to_tsc_khz || log->errors || r->oracle.more)
		return false;
	if (!c->control && !control_passed && !control)
		return false;
	/* Then there is no complete log, and nothing else may be wrong. */
	if (*r->refused || (r->verdict.word == WORD_CRASH && r->verdict.findings == 1))
		return !log->fails && !log->damage;
	/* A finding of the host's (damage, HANG, CRASH, ...) is never part of a known bug. */
	if (r->verdict.word != WORD_FAIL || !r->verdict.complete || r->verdict.findings)
		return false;
	/* What fails without a good snapshot is not what is known of snapshots. */
	if (!c->control && !control && r->taken < flight_snapshots(c) && r->taken < log->hops_done)
		return false;
	return log->word == (log->fails ? WORD_FAIL : WORD_PASS) && log->kept == log->fails &&
	       (log->hops_done == log->hello_hops || gives_up);
}

const struct known *known_match(const char *result, const struct flight_config *c,
				const struct flight_result *r, bool control_passed,
				const struct known *control)
{
	const enum method_kind kind = method_info(c->method)->kind;
	struct matching m = {.result = result,
			     .config = c,
			     /* A refusal is of the restore, which a control has none of. */
			     .control = c->control || *r->refused ? NULL : control,
			     .futures = kind == KIND_SAVEVM || kind == KIND_FORK ? 2 : 1,
			     .missed = r->missed,
			     .mixed = kind == KIND_PING_PONG};
	const bool as_control = c->control || control;

	if (!nothing_else(c, r, control_passed, c->control ? NULL : control) ||
	    !take_guest(&m, &r->log) || (*r->refused && !take(&m, BY_KVM, 0, r->refused, "")) ||
	    !take_end(&m, &r->verdict) || !take_oracles(&m, &r->oracle) ||
	    !all_signs(&m, as_control ? r->log.hops_done : r->taken, r->oracles_run))
		return NULL;
	return m.first;
}
