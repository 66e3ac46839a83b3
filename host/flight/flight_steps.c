// SPDX-License-Identifier: BSD-2-Clause
// The steps that the hops of all methods are made of: wait, answer, examine, restore, land.
#include "host/flight/flight_state.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

#define END_NS (10000 * NS_PER_MS) /* from the verdict to the end of the VM */

#define EXACT_MISSES 3 /* of one hop, where the instant is exact */
#define CURED_LIMIT  3 /* tries of one hop that an NMI of ours may have cured */

static const char *mp_state_word(uint32_t mp_state)
{
	return mp_state == KVM_MP_STATE_RUNNABLE ? "runnable"
	       : mp_state == KVM_MP_STATE_HALTED ? "halted"
						 : "neither runnable nor halted";
}

void state_words(const struct saved_state *state, char *text, size_t size)
{
	snprintf(text, size, "L2 %s%s, vCPU %s (mp_state %u)",
		 saved_l2_active(state) ? "active" : "not active",
		 state->nested ? "" : " (no nested state at all)", mp_state_word(state->mp_state),
		 state->mp_state);
}

void flight_expect_event(struct flight *f)
{
	f->ready = false;
	f->progress_ns = now_ns();
	f->nudge_ns = flight_next_nudge(f);
}

/* Whether NMIs of ours spoil the flight: a hop again and again, or one that is flown only once. */
static bool is_cured(struct flight *f, unsigned hop)
{
	const bool once = hop || FREEZE_BEHIND_MARK(&f->config->freeze);

	if (f->cured < (once ? 1 : CURED_LIMIT))
		return false;
	return err_as(
		true, &f->err,
		"an NMI of the host's met L2 in hop %u, %u times, and may have cured what it is "
		"about: a longer --nudge",
		f->result->log.ready_hop, f->cured);
}

int flight_wait(struct flight *f, unsigned hop)
{
	const struct driver *d = f->config->driver;
	int ret = VM_OK;

	flight_phase(f, "run");
	while (!ret && (hop ? f->result->log.hops_done < hop : !f->ready)) {
		bool over = f->result->log.verdict;
		int64_t limit =
			over && END_NS < f->config->timeout_ns ? END_NS : f->config->timeout_ns;
		int64_t until = f->progress_ns + limit + flight_quiet_ns(f), now = now_ns();

		if (f->log_failed)
			return err_set(&f->err, "cannot write serial.log: %s", strerror(errno));
		if (f->serial_bytes > SERIAL_CAP)
			return err_set(&f->err, "the serial log is larger than %u MiB",
				       SERIAL_CAP >> 20);
		if (now >= until && over)
			return err_set(&f->err, "the VM does not end after its verdict");
		if (now >= until)
			return err_as(VM_TIMEOUT, &f->err, "no progress for %lld s",
				      (long long)((limit + flight_quiet_ns(f)) / NS_PER_MS / 1000));
		if (is_cured(f, hop))
			break;
		if (f->nudge_ns && now >= f->nudge_ns) {
			f->nudge_ns = flight_next_nudge(f);
			f->nudges++;
			ret = d->nmi(f->vm);
			timeline_span(f->timeline, LANE_INTERRUPTS, TIMELINE_INTERRUPT, now,
				      now_ns(), "NMI to a silent VM");
			continue;
		}
		if (f->nudge_ns && f->nudge_ns < until)
			until = f->nudge_ns;
		ret = d->wait(f->vm, until);
	}
	return !ret && is_cured(f, hop) ? VM_HARNESS : ret;
}

int flight_answer(struct flight *f, char byte)
{
	flight_phase(f, byte == 'r' || byte == 'q' ? "retry" : "keep");
	flight_expect_event(f);
	return f->config->driver->send(f->vm, byte);
}

void flight_take_fetches(struct flight *f)
{
	const struct driver *d = f->config->driver;

	if (f->restored && d->fetches && !f->restored->fetch)
		f->restored->fetches = d->fetches(f->vm, &f->restored->fetch);
	/* Post-copy is over only now. */
	if (f->restored && d->moved)
		d->moved(f->vm, &f->restored->move);
	f->restored = NULL;
}

int flight_restore_saved(struct flight *f)
{
	int ret;

	flight_phase(f, "restore");
	f->restored_at = f->serial_bytes;
	ret = f->config->driver->restore(f->vm, &f->saved);
	if (ret == VM_REFUSED)
		snprintf(f->result->refused, sizeof(f->result->refused), "%.255s", f->err.text);
	return ret;
}

int flight_restore(struct flight *f)
{
	const struct driver *d = f->config->driver;
	int ret;

	flight_phase(f, "quit");
	ret = d->quit(f->vm);
	if (ret)
		return ret;
	return flight_restore_saved(f);
}

bool flight_posts_before(const struct flight *f)
{
	return f->config->scenario->posts && f->config->post == POST_BEFORE;
}

/* An exact instant is met or not: another try meets the same. */
static unsigned miss_limit(const struct flight *f)
{
	return f->config->scenario->freeze == AT_SOON || f->config->miss_limit < EXACT_MISSES
		       ? f->config->miss_limit
		       : EXACT_MISSES;
}

/* This snapshot isn't what the scenario is about. */
int flight_miss(struct flight *f, struct hop_record *hop)
{
	char words[128] = "L2 not active";
	int ret = VM_OK;

	f->result->missed++;
	if (hop->bytes)
		state_words(&hop->state, words, sizeof(words));
	if (++hop->missed >= miss_limit(f)) {
		err_set(&f->err, "could not catch L2 %s: %u snapshot%s missed, the last: %s%s%s",
			f->config->scenario->freeze == AT_SOON ? "on the CPU" : "in this state",
			hop->missed, hop->missed > 1 ? "s" : "", words, *f->why ? "; " : "",
			f->why);
		return scenario_exact(f->config->scenario) ? FLIGHT_LACKS : VM_HARNESS;
	}
	/*
	 * A VM whose registers were read is not just continued: QEMU would write them back without
	 * the nested state, which KVM bug cr-read-shadow-lost turns into a failure of its own.
	 * Method `pause` is the test for that.
	 */
	if (hop->bytes && method_info(f->method)->kind != KIND_PAUSE)
		ret = flight_restore(f);
	flight_phase(f, "cont after a miss");
	ret = ret ?: f->config->driver->cont(f->vm);
	return ret ?: flight_answer(f, flight_posts_before(f) ? 'q' : 'r');
}

/* Whether the snapshot fell where the scenario wants it: 1, 0 or, with err filled, -1. */
int flight_wanted(struct flight *f, const struct saved_state *state)
{
	const struct scenario *s = f->config->scenario;
	struct err e = {0};
	int ret;

	if (f->config->any_state)
		return 1;
	if (flight_posts_before(f))
		return saved_l2_active(state);
	if (!f->config->driver->values)
		return saved_l2_active(state) == s->l2 && state->mp_state == s->mp_state;
	ret = flight_proves(f, 0, s->proof, &e);
	if (ret > 0 && s->vcpus > 1)
		ret = flight_proves(f, 1, s->proof1, &e);
	snprintf(f->why, sizeof(f->why), "%.511s", ret > 0 ? "" : e.text);
	if (ret < 0)
		f->err = e;
	return ret;
}

int flight_examine(struct flight *f, bool oracles)
{
	const struct driver *d = f->config->driver;

	flight_trace_saved(f);
	if (oracles && f->config->oracles && d->oracles) {
		flight_phase(f, "oracles");
		if (d->oracles(f->vm, &f->saved.value, &f->result->oracle))
			return VM_HARNESS;
		f->result->oracles_run++;
	}
	return flight_break(f);
}

/* The restored VM goes on, with a posting at its moment. */
static int go_on(struct flight *f)
{
	const struct driver *d = f->config->driver;
	enum post when = f->config->scenario->posts ? f->config->post : POST_NONE;
	int ret = VM_OK;

	if (when == POST_RUNNABLE)
		ret = d->make_runnable(f->vm);
	if (!ret && (when == POST_RESTORED || when == POST_RUNNABLE))
		ret = flight_post(f);
	if (!ret && flight_acts_when(f, WHEN_RESTORED))
		ret = flight_act(f, WHEN_RESTORED);
	flight_phase(f, "cont");
	ret = ret ?: d->cont(f->vm);
	if (!ret && flight_acts_when(f, WHEN_BLOCKED))
		ret = flight_wait_blocked(f) ?: flight_act(f, WHEN_BLOCKED);
	if (!ret && when == POST_BLOCKED)
		ret = flight_wait_blocked(f);
	return ret || when != POST_BLOCKED ? ret : flight_post_live(f);
}

void flight_taken(struct flight *f, struct hop_record *hop)
{
	hop->taken = true;
	hop->taken_ns = now_ns();
	if (f->config->driver->moved)
		f->config->driver->moved(f->vm, &hop->move);
	f->result->taken++;
	f->result->l2_active += saved_l2_active(&hop->state);
}

int flight_land(struct flight *f, struct hop_record *hop)
{
	int64_t start = now_ns();
	int ret = go_on(f);

	hop->cont_ns = now_ns() - start;
	if (ret)
		return ret;
	flight_taken(f, hop);
	if (method_info(f->method)->kind != KIND_PAUSE)
		f->restored = hop;
	return flight_answer(f, f->config->scenario->posts && f->config->post != POST_NONE ? 'p'
											   : 'k');
}
