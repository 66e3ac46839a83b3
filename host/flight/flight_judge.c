// SPDX-License-Identifier: BSD-2-Clause
// How a flight ended: what the log says if the VM ended in order, else what stopped it.
#include "host/flight/flight_state.h"
#include "host/base/cleanup.h"

#include <string.h>

#define LAST_LINES   15
#define LAST_LOOK_NS (5000 * NS_PER_MS)

/* The last whole lines of the serial log. */
static const char *last_lines(const struct buf *tail)
{
	size_t at = tail->len;

	for (unsigned n = 0; at; at--)
		if (tail->p[at - 1] == '\n' && at != tail->len && ++n == LAST_LINES)
			break;
	return buf_text(tail) + at;
}

/* What there is to see of a VM that makes no progress. */
static void look_at_hang(struct flight *f)
{
	const struct driver *d = f->config->driver;
	struct buf *text = &f->result->details;
	auto_buf struct buf file = {0};
	struct saved_vm now = {0};
	struct saved_state state;
	struct err e = {0};
	char words[128];

	for (size_t i = 0; i < f->tail.len; i++)
		if (!f->tail.p[i])
			f->tail.p[i] = '?';
	buf_printf(text, "last lines of the serial log:\n%s\n", last_lines(&f->tail));
	d->describe(f->vm, text);
	/* QEMU's file is written anew. */
	if (!d->values && !f->saved.stream.len && d->saved_file)
		d->saved_file(f->vm, &f->saved.stream);
	f->looked = true;
	f->vm_config.deadline_ns = LAST_LOOK_NS;
	if (!d->stop(f->vm) && !d->save(f->vm, &now, &state)) {
		state_words(&state, words, sizeof(words));
		buf_printf(text, "state saved now: %s\n", words);
		flight_saved_file(f, &now, &file);
		if (file.len && write_file(f->vm_config.dir, "now.bin", file.p, file.len, 0666, &e))
			buf_printf(text, "%s\n", e.text);
	} else {
		buf_printf(text, "its state cannot be saved: %s\n", f->err.text);
	}
	flight_saved_free(&now);
}

/* What a whole log does not say: that the host did its part. */
static void check_own_part(struct flight *f)
{
	const struct flight_config *c = f->config;
	struct flight_result *r = f->result;

	if (FREEZE_BEHIND_MARK(&c->freeze) && !c->control && !r->taken)
		verdict_raise(&r->verdict, WORD_ERROR, OFFSET_BEHIND_END);
	else if (!c->control && !c->resume && r->taken < flight_snapshots(c))
		verdict_raise(&r->verdict, WORD_ERROR, "only %u of %u hops had a snapshot",
			      r->taken, c->hops);
	/* An NMI of ours may be what the guest waited for in vain. */
	if (f->nudges && scenario_exact(c->scenario))
		verdict_raise(&r->verdict, WORD_FAIL, "went on only behind %u NMI%s of the host's",
			      f->nudges, f->nudges > 1 ? "s" : "");
	/* What --kick is for: does that cure it? No proof that KVM is right, then. */
	if (f->kicked && !c->control && r->verdict.word == WORD_PASS)
		verdict_raise(&r->verdict, WORD_SKIP,
			      "passes, but behind the posting the vCPU was taken out of KVM_RUN "
			      "(--kick), which may have cured it");
}

/* What failed in a branch of the log failed in this flight, and stands in one list with the rest.
 */
static void take_branch(struct flight_result *r)
{
	struct guest_log *from = &r->branch, *to = &r->log;

	if (!from->fails)
		return;
	to->fails += from->fails;
	for (unsigned i = 0; i < from->kept; i++) {
		if (to->kept == MAX_FAILS)
			break;
		to->fail[to->kept++] = from->fail[i];
		memset(&from->fail[i], 0, sizeof(from->fail[i]));
	}
	if (r->verdict.word < WORD_FAIL)
		r->verdict.word = WORD_FAIL;
	if (to->word < WORD_FAIL)
		to->word = WORD_FAIL;
}

/*
 * What was saved does not show what L1 was in. By the control L1 does come there, so it is KVM that
 * did not save it; without one, or if L1 says that it has failed on its way, it may be us.
 */
static void judge_lack(struct flight *f, const char *why, const char *where)
{
	struct flight_result *r = f->result;

	if (f->config->control_passed && !r->log.fails && !r->log.errors && !r->log.damage)
		verdict_raise(
			&r->verdict, WORD_FAIL,
			"%s; the control comes by this state, so KVM does not save it (%s, phase "
			"%s)",
			why, where, f->phase);
	else
		verdict_raise(&r->verdict, WORD_ERROR, "%s (%s, phase %s)", why, where, f->phase);
}

void flight_judge(struct flight *f, int ret)
{
	const struct expected want = {f->config->scenario->name, flight_guest_hops(f->config), 0,
				      f->config->seed};
	struct flight_result *r = f->result;
	const struct vm_end *end = f->config->driver->end(f->vm);
	char where[64] = "before the first hop";
	struct err why = f->err; /* what follows may fail as well */
	bool judged = false;

	if (r->log.ready_hop)
		snprintf(where, sizeof(where), "hop %u of %u", r->log.ready_hop, f->config->hops);
	r->phase = f->phase;
	/* Else the host ends it, maybe in the middle of a line: that is no damage. */
	if (ret == VM_ENDED || ret == VM_TIMEOUT)
		assembler_end(&f->assembler);
	switch (ret) {
	case FLIGHT_SAVED:
		break;
	case FLIGHT_NOTHING:
		verdict_raise(&r->verdict, WORD_SKIP, "nothing to break: %s", why.text);
		break;
	case VM_ENDED:
		r->ended_mute = (end->how == END_CRASH || (end->how == END_RESET && end->fault)) &&
				r->proved && f->serial_bytes == f->restored_at;
		if (end->how == END_CRASH && end->own && !f->serial_bytes)
			verdict_raise(&r->verdict, WORD_ERROR, "the VM did not start: %s",
				      end->text);
		else if (end->how == END_CRASH || (end->how == END_RESET && !r->log.verdict))
			verdict_raise(&r->verdict, WORD_CRASH, "%s%s (%s, phase %s)",
				      end->how == END_RESET ? "the guest reset itself: " : "",
				      end->text, where, f->phase);
		else if (!strcmp(f->phase, "restore"))
			verdict_raise(&r->verdict, WORD_CRASH, "%s (%s, phase %s)", end->text,
				      where, f->phase);
		else {
			verdict_judge(&r->verdict, &r->log, &want);
			judged = true;
			if (r->verdict.word == WORD_PASS)
				check_own_part(f);
		}
		break;
	case FLIGHT_LACKS:
		judge_lack(f, why.text, where);
		break;
	case VM_LACKS:
		verdict_raise(&r->verdict, WORD_SKIP, "%s", why.text);
		break;
	case VM_SIGNAL:
		r->interrupted = true;
		verdict_raise(&r->verdict, WORD_ERROR, "interrupted");
		break;
	case VM_TIMEOUT:
		look_at_hang(f);
		verdict_raise(&r->verdict, WORD_HANG, "%s (%s, phase %s)", why.text, where,
			      f->phase);
		break;
	case VM_TAKEN:
		verdict_raise(&r->verdict, WORD_FAIL, "%s (%s)", why.text, where);
		break;
	default: /* what this very KVM has saved it must take */
		verdict_raise(&r->verdict, *r->refused ? WORD_FAIL : WORD_ERROR,
			      "%s (%s, phase %s)", why.text, where, f->phase);
	}
	for (unsigned i = 0; i < r->branch_verdict.findings; i++)
		verdict_raise(&r->verdict, r->branch_verdict.word, "%s",
			      r->branch_verdict.finding[i]);
	take_branch(r);
	if (r->log.damage && !judged)
		verdict_raise(&r->verdict, WORD_FAIL, "log damaged: %s", r->log.damage);
	if (r->log.fails && !judged)
		verdict_raise(&r->verdict, WORD_FAIL, "and checks had failed before");
}
