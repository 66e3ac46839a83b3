// SPDX-License-Identifier: BSD-2-Clause
// The verdict on a boot of a foreign guest: what it prints and how it ends, frozen, must be as in
// its control. Is it us? What also changes when the guest is only stopped at such moments says
// nothing.
#include "host/guest/guest_boot.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>

#define LEFT_OUT 10 /* one line of so many may change when the guest is only stopped */

#define HOW_TEXT (VM_END_TEXT + 40)

static const char *how_text(const struct vm_end *end, char text[HOW_TEXT])
{
	snprintf(text, HOW_TEXT, "%s", end->text);
	if (end->code >= 0)
		snprintf(text, HOW_TEXT, "%s: 0x%llx", end->text, (unsigned long long)end->code);
	return text;
}

static void add_fail(struct flight_result *r, const struct transcript_difference *d)
{
	struct guest_log *log = &r->log;
	struct fail *fail;
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
	fail = &log->fail[log->kept++];
	fail->hop = d->freezes;
	fail->scenario = xstrdup("guest");
	fail->check = xstrdup(d->what);
	fail->evidence = keep(text.p);
}

static bool same_end(const struct vm_end *a, const struct vm_end *b)
{
	return a->how == b->how && a->code == b->code && a->fault == b->fault;
}

/* The places where @b, which has ended, is not as its control. */
static unsigned differences(const struct guest_boot *b,
			    void (*tell)(void *arg, const struct transcript_difference *d),
			    void *arg)
{
	const struct guest *g = b->guest;

	return transcript_compare(&g->control.log, &b->log, &g->ignored,
				  g->test.count ? g->test.list : NULL, tell, arg);
}

static void tell_nothing(void *arg, const struct transcript_difference *d)
{
	(void)arg;
	(void)d;
}

/* ---- the same, only stopped ------------------------------------------------------------------ */

/* What changes when the guest is stopped at the moments of a boot, and nothing is saved. */
struct paused {
	const struct guest *guest;
	int ret; /* how it ended */
	struct vm_end end;
	bool *line;		/* of the control: lost or changed ... */
	unsigned changed;	/* ... so many, and others */
	struct transcript more; /* lines that the control has not */
};

static void note_paused(void *arg, const struct transcript_difference *d)
{
	struct paused *p = arg;

	p->changed++;
	if (d->expected)
		p->line[d->expected - p->guest->control.log.line] = true;
	if (d->found) {
		transcript_add(&p->more, d->found->text, strlen(d->found->text), 0);
		transcript_add(&p->more, "\n", 1, 0);
	}
}

static void paused_fly(struct paused *p, const struct guest_boot *frozen, struct guest_plan plan)
{
	const struct flight_config *config = frozen->config;
	struct flight_result result = {.hop = xcalloc(config->hops, sizeof(*result.hop)),
				       .hops = config->hops};
	struct guest_boot b;

	plan.paused = true;
	p->guest = frozen->guest;
	p->line = xcalloc(p->guest->control.log.lines + 1, sizeof(*p->line));
	p->ret = guest_boot(&b, config, &result, &plan);
	p->end = b.end;
	if (p->ret == VM_ENDED)
		differences(&b, note_paused, p);
	guest_boot_end(&b);
	flight_result_free(&result);
}

static void paused_free(struct paused *p)
{
	free(p->line);
	transcript_free(&p->more);
}

static bool is_among(const struct transcript *t, const char *text)
{
	for (size_t i = 0; i < t->lines; i++)
		if (!strcmp(t->line[i].text, text))
			return true;
	return false;
}

/* Whether @d is nothing but what stopping does. A line that must not be there never is. */
static bool excused(const struct paused *p, const struct transcript_difference *d)
{
	const struct guest *g = p->guest;

	if (d->found && g->fail.count && !regexec(g->fail.list, d->found->text, 0, NULL, 0) &&
	    !transcript_find(&p->more, g->fail.list))
		return false;
	if (d->expected)
		return p->line[d->expected - g->control.log.line];
	return is_among(&p->more, d->found->text);
}

/* ---- verdicts ------------------------------------------------------------------------------ */

struct telling {
	struct flight_result *result;
	const struct paused *paused;
	unsigned places; /* not excused */
};

static void tell_rest(void *arg, const struct transcript_difference *d)
{
	struct telling *t = arg;

	if (excused(t->paused, d))
		return;
	t->places++;
	add_fail(t->result, d);
}

static void skip_paused(struct flight_result *r, const char *what)
{
	verdict_raise(&r->verdict, WORD_SKIP,
		      "it depends on when it is stopped: with nothing saved and restored %s "
		      "(serial-paused.log)",
		      what);
}

/* A boot with freezes, which has ended. */
static void judge_frozen(struct guest_boot *b, const struct guest_plan *plan)
{
	const struct vm_end *const expected = &b->guest->control.end;
	struct flight_result *r = b->result;
	auto_by(paused_free) struct paused p = {0};
	struct telling t = {.result = r, .paused = &p};
	char then[HOW_TEXT], now[HOW_TEXT];
	bool ends_so;

	if (!r->taken && b->looks)
		return verdict_raise(&r->verdict, WORD_SKIP,
				     "L2 was not active in any of %u looks (--only-l2)", b->looks);
	if (!r->taken)
		return verdict_raise(&r->verdict, WORD_ERROR, "it had ended before %s",
				     r->log.ready_hop
					     ? "it was restored"
					     : "the first freeze (--every, --at: earlier)");
	ends_so = same_end(&b->end, expected);
	if (ends_so && !differences(b, tell_nothing, NULL))
		return;
	p.guest = b->guest;
	if (!b->config->broken)
		paused_fly(&p, b, *plan);
	else
		p.line = xcalloc(b->guest->control.log.lines + 1, sizeof(*p.line));
	if (p.ret == VM_TIMEOUT)
		return skip_paused(r, "it comes to no end");
	differences(b, tell_rest, &t);
	if (!ends_so && (b->config->broken || p.ret != VM_ENDED || same_end(&p.end, expected)))
		verdict_raise(&r->verdict, b->end.how == END_ORDERLY ? WORD_FAIL : WORD_CRASH,
			      "another end than without snapshots: expected '%s', found '%s'",
			      how_text(expected, then), how_text(&b->end, now));
	else if (t.places)
		verdict_raise(&r->verdict, WORD_FAIL, "%u line%s not as without snapshots",
			      t.places, t.places > 1 ? "s are" : " is");
	else if (p.changed > b->guest->control.log.lines / LEFT_OUT || !same_end(&p.end, expected))
		skip_paused(r, "its log is another one as well");
	else
		snprintf(r->said + strlen(r->said), sizeof(r->said) - strlen(r->said),
			 ", %u of them left out: they change when it is only stopped", p.changed);
}

/* A boot with freezes that came to no end. */
static void judge_hang(struct guest_boot *b, const struct guest_plan *plan)
{
	struct flight_result *r = b->result;
	auto_by(paused_free) struct paused p = {0};

	if (!b->config->control && !b->config->broken)
		paused_fly(&p, b, *plan);
	if (p.ret == VM_TIMEOUT)
		return skip_paused(r, "it comes to no end either");
	verdict_raise(&r->verdict, WORD_HANG, "%s, behind %u freezes (--timeout gives it longer)",
		      b->err.text, b->passed);
}

static void judge_control(struct guest_boot *b)
{
	const struct vm_end *const end = &b->end;
	const struct guest *g = b->guest;
	const struct guest_profile *p = g->profile;
	struct verdict *v = &b->result->verdict;
	const struct transcript_line *bad =
		g->fail.count ? transcript_find(&b->log, g->fail.list) : NULL;
	char text[HOW_TEXT];

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

void guest_judge(struct guest_boot *b, int ret, const struct guest_plan *plan)
{
	struct flight_result *r = b->result;
	struct verdict *v = &r->verdict;

	r->log.hops_done = b->config->control ? ret == VM_ENDED : r->taken;
	switch (ret) {
	case VM_ENDED:
		v->complete = true;
		if (b->config->control)
			judge_control(b);
		else
			judge_frozen(b, plan);
		break;
	case GUEST_FLOODED:
		verdict_raise(v, WORD_ERROR,
			      "it floods its serial port: more than %d MB, of which a log to "
			      "compare is not made (let it print less)",
			      TRANSCRIPT_MAX >> 20);
		break;
	case VM_TIMEOUT:
		judge_hang(b, plan);
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
				      b->err.text, b->passed + 1);
		else
			verdict_raise(v, WORD_ERROR, "%s", b->err.text);
	}
}
