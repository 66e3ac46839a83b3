// SPDX-License-Identifier: BSD-2-Clause
// The verdict on a foreign guest: what it prints and how it ends, frozen, must be as in its
// control.
#include "host/guest/guest_boot.h"
#include "host/base/cleanup.h"
#include "host/base/signals.h"
#include "host/l0/l0_log.h"

#include <stdlib.h>
#include <string.h>

#define TAIL_LINES 12
#define BOOTS_MAX  10 /* of a guest that ends before it was frozen as often as was asked for */

static const char *how_text(const struct vm_end *end, char text[300])
{
	snprintf(text, 300, "%s", end->text);
	if (end->code >= 0)
		snprintf(text, 300, "%.250s: 0x%llx", end->text, (unsigned long long)end->code);
	return text;
}

static void add_fail(struct flight_result *r, const struct transcript_difference *d)
{
	struct guest_log *log = &r->log;
	auto_buf struct buf text = {0};

	log->fails++;
	if (log->kept == MAX_FAILS)
		return;
	if (d->test)
		buf_printf(&text, "in '%s': ", d->test->text);
	if (d->expected)
		buf_printf(&text, "expected '%s'%s", d->expected->text, d->found ? ", " : "");
	if (d->found)
		buf_printf(&text, "found '%s'", d->found->text);
	log->fail[log->kept++] = (struct fail){.hop = d->freezes,
					       .scenario = xstrdup("guest"),
					       .check = xstrdup(d->what),
					       .evidence = keep(text.p)};
}

static void tell_difference(void *arg, const struct transcript_difference *d)
{
	add_fail(arg, d);
}

static void tell_nothing(void *arg, const struct transcript_difference *d)
{
	(void)arg;
	(void)d;
}

static bool same_end(const struct vm_end *a, const struct vm_end *b)
{
	return a->how == b->how && a->code == b->code && a->fault == b->fault;
}

/* The places where the boot, which has ended, is not as its control. */
static unsigned differences(const struct guest_boot *b,
			    void (*tell)(void *arg, const struct transcript_difference *d))
{
	const struct guest *g = b->guest;

	return transcript_compare(&g->control.log, &b->log, &g->ignored,
				  g->test.count ? g->test.list : NULL, tell, b->result);
}

/*
 * Whether it is not as its control either if it is only stopped at such moments. Then it is the
 * guest that takes its time, or being stopped, for what it is not.
 */
static bool differs_paused(const struct flight_config *config, struct guest_plan plan)
{
	struct flight_result result = {.hop = xcalloc(config->hops, sizeof(*result.hop)),
				       .hops = config->hops,
				       .taken = plan.first};
	struct guest_boot b;
	int ret;
	bool differs;

	plan.paused = true;
	ret = guest_boot(&b, config, &result, &plan);
	differs = ret == VM_ENDED && (!same_end(config->driver->end(b.vm), &b.guest->control.end) ||
				      differences(&b, tell_nothing));
	guest_boot_end(&b);
	flight_result_free(&result);
	return differs;
}

/* A boot with freezes, which has ended. */
static void judge_frozen(struct guest_boot *b, const struct vm_end *end)
{
	const struct guest *g = b->guest;
	struct flight_result *r = b->result;
	char then[300], now[300];
	unsigned places;

	if (!r->taken && b->looks)
		return verdict_raise(&r->verdict, WORD_SKIP,
				     "L2 was not active in any of %u looks (--only-l2)", b->looks);
	if (!r->taken)
		return verdict_raise(
			&r->verdict, WORD_ERROR,
			"it had ended before the first freeze (--every, --at: earlier)");
	places = differences(b, tell_difference);
	if (!same_end(end, &g->control.end)) {
		verdict_raise(&r->verdict, end->how == END_ORDERLY ? WORD_FAIL : WORD_CRASH,
			      "another end than without snapshots: expected '%s', found '%s'",
			      how_text(&g->control.end, then), how_text(end, now));
	} else if (places) {
		verdict_raise(&r->verdict, WORD_FAIL, "%u line%s not as without snapshots", places,
			      places > 1 ? "s are" : " is");
	}
}

static void judge_control(struct guest_boot *b, const struct vm_end *end)
{
	const struct guest *g = b->guest;
	const struct guest_profile *p = g->profile;
	struct verdict *v = &b->result->verdict;
	const struct transcript_line *bad =
		g->fail.count ? transcript_find(&b->log, g->fail.list) : NULL;
	char text[300];

	if (end->how == END_CRASH || end->fault)
		return verdict_raise(v, WORD_CRASH, "%s, without any snapshot",
				     how_text(end, text));
	if (!b->log.lines)
		return verdict_raise(v, WORD_ERROR,
				     "it printed nothing on its serial port (COM1, port 0x3f8), "
				     "which is what would be compared (%s)",
				     how_text(end, text));
	if (end->code == p->code_skip)
		return verdict_raise(v, WORD_SKIP, "it says that it can test nothing here (%s)",
				     how_text(end, text));
	if (bad)
		return verdict_raise(v, WORD_FAIL, "without any snapshot it says '%s'", bad->text);
	if (g->pass.count && !transcript_find(&b->log, g->pass.list))
		return verdict_raise(v, WORD_FAIL, "no line is as --pass wants it");
	if (p->code_pass != INT64_MIN && end->code != p->code_pass)
		return verdict_raise(v, WORD_FAIL, "without any snapshot: %s", how_text(end, text));
}

static void say_tail(struct guest_boot *b)
{
	const struct transcript *t = &b->log;
	struct buf *text = &b->result->details;

	buf_printf(text, "last lines of the serial log:\n");
	for (size_t i = t->lines > TAIL_LINES ? t->lines - TAIL_LINES : 0; i < t->lines; i++)
		buf_printf(text, "%s\n", t->line[i].text);
	b->vm_config.deadline_ns = 10 * 1000 * NS_PER_MS;
	b->config->driver->describe(b->vm, text);
}

/* What became of a boot that ended with @ret. */
static void judge(struct guest_boot *b, int ret)
{
	struct flight_result *r = b->result;
	struct verdict *v = &r->verdict;

	r->log.hops_done = b->config->control ? ret == VM_ENDED : r->taken;
	switch (ret) {
	case VM_ENDED:
		v->complete = true;
		if (b->config->control)
			judge_control(b, b->config->driver->end(b->vm));
		else
			judge_frozen(b, b->config->driver->end(b->vm));
		break;
	case GUEST_FLOODED:
		verdict_raise(v, WORD_ERROR,
			      "it floods its serial port: more than %d MB, of which a log to "
			      "compare is not made (let it print less)",
			      TRANSCRIPT_MAX >> 20);
		break;
	case VM_TIMEOUT:
		say_tail(b);
		verdict_raise(v, WORD_HANG, "%s, behind %u freezes (--timeout gives it longer)",
			      b->err.text, b->freezes);
		break;
	case VM_SIGNAL:
		r->interrupted = true;
		verdict_raise(v, WORD_ERROR, "interrupted");
		break;
	case VM_LACKS:
		verdict_raise(v, WORD_SKIP, "%s", b->err.text);
		break;
	default: /* what this very KVM has saved it must take */
		if (b->started_ns)
			verdict_raise(v, *r->refused ? WORD_FAIL : WORD_ERROR, "%s (freeze %u)",
				      b->err.text, b->freezes + 1);
		else
			verdict_raise(v, WORD_ERROR, "%s", b->err.text);
	}
}

/* What else is to be said in the line of its result. */
static void say(const struct guest_boot *b)
{
	struct flight_result *r = b->result;
	const char *none = b->config->driver->messages(b->vm);
	auto_buf struct buf text = {0};

	guest_states_text(r, &text);
	if (text.len)
		buf_printf(&text, "; ");
	buf_printf(&text, "%zu lines", b->log.lines);
	if (b->config->driver->values && *none)
		buf_printf(&text, ", %s", none);
	snprintf(r->said, sizeof(r->said), "%s", buf_text(&text));
}

/* The control shows what is compared with. */
static void keep_control(struct guest_boot *b, int ret)
{
	struct guest_control *c = &b->guest->control;

	transcript_free(&c->log);
	*c = (struct guest_control){.flown = ret == VM_ENDED, .ran_ns = b->ran_ns};
	if (!c->flown)
		return;
	c->end = *b->config->driver->end(b->vm);
	c->log = b->log;
	b->log = (struct transcript){0};
}

/* Boot @plan and its verdict. True: all is well, and it may be booted again. */
static bool fly_once(const struct flight_config *config, struct flight_result *r,
		     struct guest_plan *plan)
{
	auto_buf struct buf l0_text = {0}, file = {0};
	struct guest_boot b;
	struct err e = {0};
	const int ret = guest_boot(&b, config, r, plan);

	for (size_t i = 0; i < b.log.lines; i++)
		r->trace = hash_bytes(r->trace, b.log.line[i].text, strlen(b.log.line[i].text));
	judge(&b, ret);
	flight_take_l0(config, r, &l0_text);
	if (b.vm)
		say(&b);
	if (config->driver->values && b.saved.value.sections &&
	    (config->keep_snapshot || r->verdict.word > WORD_SKIP))
		snapshot_encode(&b.saved.value, &file);
	if (config->control)
		keep_control(&b, ret);
	plan->no_l2 = plan->no_l2 || (b.looks && !b.found);
	guest_boot_end(&b);
	flight_take_l0_end(config, r, &l0_text);
	if (file.len && write_file(config->vm.dir, "snapshot.bin", file.p, file.len, 0666, &e))
		verdict_raise(&r->verdict, WORD_ERROR, "%s", e.text);
	return r->verdict.word == WORD_PASS && ret == VM_ENDED;
}

/* Whether the moments are drawn, so that another boot meets others. */
static bool drawn(const struct guest_words *w)
{
	return !w->every_exits && w->every_ms <= 0 && w->at_ms <= 0;
}

void guest_flight(const struct flight_config *config, struct flight_result *r)
{
	const struct guest *g = config->scenario->guest;
	const int64_t start = now_ns();
	struct guest_plan plan = {0};
	auto_free char *why = NULL;
	const char *line;

	if (l0_log_death(&line) != L0_QUIET) {
		r->interrupted = true;
		return verdict_raise(&r->verdict, WORD_ERROR, "not flown: " L0_DEATH "%s", line);
	}
	if (!config->control && !g->control.flown)
		return verdict_raise(&r->verdict, WORD_SKIP,
				     "it does not come to its end without snapshots either");
	if (config->l0_log)
		l0_log_rearm(); /* the run has said if it fails */
	r->hop = xcalloc(config->hops, sizeof(*r->hop));
	r->hops = config->hops;
	r->phase = "guest";
	while (fly_once(config, r, &plan) && !config->control && drawn(&g->words) &&
	       r->taken > plan.first && r->taken < config->hops && plan.number + 1 < BOOTS_MAX)
		plan = (struct guest_plan){
			.number = plan.number + 1, .first = r->taken, .no_l2 = plan.no_l2};
	/* Is it us? Findings of oracles and refusals are KVM's in any case. */
	if (!config->control && r->verdict.word >= WORD_FAIL && r->verdict.word != WORD_HANG &&
	    r->verdict.complete && !r->oracle.findings && !config->broken &&
	    differs_paused(config, plan)) {
		why = xasprintf("it depends on when it is stopped: with nothing saved and restored "
				"its log is another one as well (serial-paused.log). %s",
				r->verdict.findings ? r->verdict.finding[0] : "");
		flight_result_free(r);
		verdict_raise(&r->verdict, WORD_SKIP, "%s", why);
	}
	r->duration_ns = now_ns() - start;
}
