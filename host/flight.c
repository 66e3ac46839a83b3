// SPDX-License-Identifier: BSD-2-Clause
// The hop logic: wait for `ready`, freeze, save, make sure that L2 was caught on the CPU, throw the
// VM away, restore it in a new process, let it go on. A hop that catches something else is retaken.
// What the methods have of their own is in flight_move.c.
#include "host/flight_state.h"
#include "host/l0_log.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#define SERIAL_TAIL    65536		   /* bytes kept for the last lines of a HANG */
#define SERIAL_CAP     (64u << 20)	   /* bytes of one boot's log */
#define END_NS	       (10000 * NS_PER_MS) /* from the verdict to the end of the VM */
#define JITTER_STEP    (500 * NS_PER_US)   /* per miss */
#define JITTER_LIMIT   (20 * NS_PER_MS)
#define EXACT_MISSES   3 /* of one hop, where the instant is exact */
#define QUIET_LIMIT_MS 60000
#define CURED_LIMIT    3 /* tries of one hop that an NMI of ours may have cured */
/* Short legs: more of what is seldom in the time that is looked at. */
#define AFTER_WORDS " wait=1 rounds=2"

void flight_phase(struct flight *f, const char *phase)
{
	f->phase = phase;
	timeline_phase(f->timeline, phase);
}

static void page_event(struct flight *f, const struct event *event)
{
	const char *name = event_get(event, "name");
	uint64_t gpa, pages;

	if (name && event_u64(event, "gpa", &gpa) && event_u64(event, "pages", &pages))
		page_names_add(&f->names, name, gpa, pages);
}

/* Only what the event names changes; what cannot be read counts as not said. */
static void expect(struct flight *f, const struct event *event)
{
	const struct {
		const char *key;
		uint64_t *value;
	} keys[] = {{"vector", &f->vector},
		    {"notification", &f->notification},
		    {"descriptor", &f->pi_desc},
		    {"page", &f->page},
		    {"quiet", &f->quiet}};

	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		if (event_get(event, keys[i].key) && !event_u64(event, keys[i].key, keys[i].value))
			*keys[i].value = 0;
}

/* At the end of a hop. */
static void take_digest(struct flight *f, const struct event *event)
{
	const unsigned n = f->result->log.hops_done;
	struct hop_record *hop = n && n <= f->result->hops ? &f->result->hop[n - 1] : NULL;
	uint64_t rounds = 0;

	if (!event_u64(event, "digest", &f->digest))
		f->digest = 0;
	if (hop && event_u64(event, "rounds", &rounds)) {
		hop->digest = f->digest;
		hop->rounds = rounds;
	}
}

/* For how long the guest may rightly be silent. */
static int64_t quiet_ns(const struct flight *f)
{
	const unsigned khz = f->config->tsc_khz;
	const uint64_t ms = f->quiet && khz ? f->quiet / khz + 1 : 0;

	return (int64_t)(ms < QUIET_LIMIT_MS ? ms : QUIET_LIMIT_MS) * NS_PER_MS;
}

/* Silent for longer than that; each try that was cured gives the next one more time. */
static int64_t next_nudge(const struct flight *f)
{
	return now_ns() + quiet_ns(f) + (f->config->nudge_ns << f->cured);
}

/*
 * The hop is flown again, as the guest says: because the host said so, or because an NMI of ours
 * met L2 before anything was found lost. What it was about may have been cured by that, so it does
 * not count as taken.
 */
static void on_missed(struct flight *f, const struct event *event)
{
	struct hop_record *hop = flight_record(f, f->result->log.ready_hop);

	if (!event_get(event, "nudged"))
		return;
	f->cured++;
	f->result->cured++;
	if (!hop || !hop->taken)
		return;
	hop->taken = false;
	f->result->taken--;
	f->result->l2_active -= saved_l2_active(&hop->state);
}

static void on_line(void *arg, const struct line *line)
{
	struct flight *f = arg;
	const char *name;

	guest_log_line(&f->result->log, line);
	if (line->kind != LINE_EVENT || f->again)
		return;
	flight_timeline_event(f, &line->event);
	name = line->event.name;
	if (!strcmp(name, "page"))
		page_event(f, &line->event);
	if (!strcmp(name, "expect"))
		expect(f, &line->event);
	if (!strcmp(name, "ready")) {
		if (!f->result->ready_ns)
			f->result->ready_ns = now_ns() - f->start_ns;
		f->ready = true;
		f->waiting = event_get(&line->event, "wait") != NULL;
		f->nudge_ns = 0;
	} else if (!strcmp(name, "missed")) {
		f->nudge_ns = 0;
		on_missed(f, &line->event);
	} else if (!strcmp(name, "hop")) {
		f->nudge_ns = 0;
		f->cured = 0;
		take_digest(f, &line->event);
	} else if (f->nudge_ns) {
		f->nudge_ns = next_nudge(f);
	}
	/* A nudge is our doing; a failed check can repeat for ever, as a VM that boots again. */
	if (strcmp(name, "nudged") && strcmp(name, "fail") && !f->result->log.damage)
		f->progress_ns = now_ns();
}

void flight_serial(void *arg, const char *bytes, size_t len)
{
	struct flight *f = arg;

	f->serial_bytes += len;
	if (f->serial_bytes <= SERIAL_CAP && !f->log_failed)
		f->log_failed =
			fwrite(bytes, 1, len, f->serial_log) != len || fflush(f->serial_log);
	if (f->tail.len > SERIAL_TAIL) {
		f->tail.len -= SERIAL_TAIL / 2;
		memmove(f->tail.p, f->tail.p + SERIAL_TAIL / 2, f->tail.len);
	}
	buf_append(&f->tail, bytes, len);
	if (f->serial_bytes <= SERIAL_CAP)
		buf_append(&f->whole, bytes, len);
	assembler_feed(&f->assembler, bytes, len);
}

static const char *mp_state_word(uint32_t mp_state)
{
	switch (mp_state) {
	case KVM_MP_STATE_RUNNABLE:
		return "runnable";
	case KVM_MP_STATE_HALTED:
		return "halted";
	default:
		return "neither runnable nor halted";
	}
}

void state_words(const struct saved_state *state, char *text, size_t size)
{
	snprintf(text, size, "L2 %s%s, vCPU %s (mp_state %u)",
		 saved_l2_active(state) ? "active" : "not active",
		 state->nested ? "" : " (no nested state at all)", mp_state_word(state->mp_state),
		 state->mp_state);
}

/* The guest has been told something: from now on it owes us an event. */
void flight_expect_event(struct flight *f)
{
	f->ready = false;
	f->progress_ns = now_ns();
	f->nudge_ns = next_nudge(f);
}

/* Whether NMIs of ours spoil the flight: a hop again and again, or one that is flown only once. */
static bool is_cured(struct flight *f, unsigned hop)
{
	const bool once = hop || FREEZE_BEHIND_MARK(&f->config->freeze);

	if (f->cured < (once ? 1 : CURED_LIMIT))
		return false;
	err_set(&f->err,
		"an NMI of the host's met L2 in hop %u, %u times, and may have cured what it is "
		"about: a longer --nudge",
		f->result->log.ready_hop, f->cured);
	return true;
}

/* Waits for `ready`, or with @hop for the end of that hop; nudges a VM that stays silent. */
int flight_wait(struct flight *f, unsigned hop)
{
	const struct driver *d = f->config->driver;
	int ret = VM_OK;

	flight_phase(f, "run");
	while (!ret && (hop ? f->result->log.hops_done < hop : !f->ready)) {
		bool over = f->result->log.verdict;
		int64_t limit =
			over && END_NS < f->config->timeout_ns ? END_NS : f->config->timeout_ns;
		int64_t until = f->progress_ns + limit + quiet_ns(f), now = now_ns();

		if (f->log_failed || f->serial_bytes > SERIAL_CAP) {
			if (f->log_failed)
				err_set(&f->err, "cannot write serial.log: %s", strerror(errno));
			else
				err_set(&f->err, "the serial log is larger than %u MiB",
					SERIAL_CAP >> 20);
			return VM_HARNESS;
		}
		if (now >= until && over) {
			err_set(&f->err, "the VM does not end after its verdict");
			return VM_HARNESS;
		}
		if (now >= until) {
			err_set(&f->err, "no progress for %lld s",
				(long long)((limit + quiet_ns(f)) / NS_PER_MS / 1000));
			return VM_TIMEOUT;
		}
		if (is_cured(f, hop))
			break;
		if (f->nudge_ns && now >= f->nudge_ns) {
			f->nudge_ns = next_nudge(f);
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

/* After a miss the next try comes at another moment of L2's round. */
static int jitter(struct flight *f, unsigned missed)
{
	int64_t range = missed * JITTER_STEP, until;
	int ret = VM_OK;

	if (!missed)
		return VM_OK;
	if (range > JITTER_LIMIT)
		range = JITTER_LIMIT;
	until = now_ns() + (int64_t)(random_next(&f->random) % (uint64_t)range);
	while (!ret && now_ns() < until)
		ret = f->config->driver->wait(f->vm, until);
	return ret;
}

int flight_answer(struct flight *f, char byte)
{
	flight_phase(f, byte == 'r' || byte == 'q' ? "retry" : "keep");
	flight_expect_event(f);
	return f->config->driver->send(f->vm, byte);
}

/* The page requests of the VM that was restored last go to its hop. */
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

/* Throws the VM away and restores it from the snapshot in a new one, stopped. */
int flight_restore(struct flight *f)
{
	const struct driver *d = f->config->driver;
	int ret;

	flight_phase(f, "quit");
	ret = d->quit(f->vm);
	if (ret)
		return ret;
	flight_phase(f, "restore");
	ret = d->restore(f->vm, &f->saved);
	if (ret == VM_REFUSED)
		snprintf(f->result->refused, sizeof(f->result->refused), "%.255s", f->err.text);
	return ret;
}

/* The posting comes before the snapshot, which may then find L2 on its way out of HLT, or done. */
static bool posts_before(const struct flight *f)
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
	if (!ret)
		ret = f->config->driver->cont(f->vm);
	return ret ? ret : flight_answer(f, posts_before(f) ? 'q' : 'r');
}

/* Whether the snapshot fell where the scenario wants it: 1, 0 or, with err filled, -1. */
int flight_wanted(struct flight *f, const struct saved_state *state)
{
	const struct scenario *s = f->config->scenario;
	struct err e = {0};
	int ret;

	if (f->config->any_state)
		return 1;
	if (posts_before(f))
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

/* Stops and saves. VM_OK with *@caught. */
static int take_snapshot(struct flight *f, struct hop_record *hop, bool *caught)
{
	const struct driver *d = f->config->driver;
	int64_t start = now_ns(), stopped;
	int ret;

	*caught = false;
	hop->bytes = 0;
	f->why[0] = '\0';
	if (posts_before(f)) {
		ret = flight_wait_blocked(f);
		if (!ret)
			ret = flight_post(f);
		if (ret)
			return ret;
	}
	ret = flight_freeze(f);
	stopped = now_ns();
	if (ret)
		return ret;
	flight_take_fetches(f);
	hop->stop_ns = stopped - start;
	flight_phase(f, "snapshot");
	hop->kvm_says = d->l2_active(f->vm);
	if (hop->kvm_says == 0 && !f->config->any_state && f->config->scenario->l2)
		return VM_OK; /* a cheap miss: nothing need be saved */
	ret = d->save(f->vm, &f->saved, &hop->state);
	if (ret)
		return ret;
	hop->save_ns = now_ns() - stopped;
	hop->bytes = flight_saved_bytes(f);
	if (hop->kvm_says == 1 && !saved_l2_active(&hop->state)) {
		err_set(&f->err,
			"KVM's statistics say that L2 is active, its nested state says not");
		return FLIGHT_LACKS;
	}
	ret = flight_wanted(f, &hop->state);
	if (ret < 0)
		return VM_HARNESS;
	*caught = ret;
	if (!*caught)
		return VM_OK;
	if (f->config->scenario->posts && f->config->post == POST_PAUSED)
		ret = flight_post(f);
	else if (flight_acts_when(f, WHEN_PAUSED))
		ret = flight_act(f, false);
	else
		return VM_OK;
	return ret ? ret : d->save(f->vm, &f->saved, &hop->state);
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

/* The act at the same instant, in a VM that goes on. */
static int control_act(struct flight *f)
{
	bool live = f->config->scenario->when == WHEN_BLOCKED;
	int ret = live ? flight_send_go(f) : flight_freeze(f);

	if (!ret && live)
		ret = flight_wait_blocked(f);
	if (!ret && !flight_acts_before_freeze(f))
		ret = flight_act(f, live);
	if (!ret && !live)
		ret = f->config->driver->cont(f->vm);
	return ret ? ret : flight_answer(f, 'k');
}

/* A hop without a snapshot. */
static int hop_control(struct flight *f)
{
	int ret;

	if (f->config->scenario->act != ACT_NONE)
		return control_act(f);
	ret = flight_send_go(f);
	if (ret || !f->config->scenario->posts)
		return ret ? ret : flight_answer(f, 'k');
	ret = flight_wait_blocked(f);
	if (!ret)
		ret = flight_post_live(f);
	return ret ? ret : flight_answer(f, 'p');
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
		ret = flight_act(f, false);
	flight_phase(f, "cont");
	if (!ret)
		ret = d->cont(f->vm);
	if (!ret && flight_acts_when(f, WHEN_BLOCKED)) {
		ret = flight_wait_blocked(f);
		if (!ret)
			ret = flight_act(f, true);
	}
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

/* The restored VM goes on from @hop. */
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

/* What was saved at `ready`: the log says all that was learned up to there. */
static int resume(struct flight *f)
{
	const struct flight_resume *from = f->config->resume;
	unsigned n;
	struct hop_record *hop;
	int64_t start = now_ns();
	int ret;

	flight_phase(f, "restore");
	flight_serial(f, from->log.p, from->log.len);
	n = f->result->log.ready_hop;
	if (!f->ready || !n || n > f->config->hops) {
		err_set(&f->err, "the saved log does not end with `ready`");
		return VM_HARNESS;
	}
	hop = &f->result->hop[n - 1];
	flight_timeline_begin(f, hop);
	ret = flight_saved_read(f, &from->snapshot);
	if (!ret)
		ret = f->config->driver->restore(f->vm, &f->saved);
	if (ret || FREEZE_BEHIND_MARK(&f->config->freeze)) /* which begins at the guest's `ready` */
		return ret;
	hop->state = from->state;
	hop->bytes = from->snapshot.len;
	hop->restore_ns = now_ns() - start;
	return flight_land(f, hop);
}

/* One `ready` of the guest, answered. */
static int hop_once(struct flight *f)
{
	struct flight_result *r = f->result;
	unsigned n = r->log.ready_hop;
	struct hop_record *hop;
	int64_t start;
	bool caught;
	int ret;

	if (!n || n > flight_guest_hops(f->config)) {
		err_set(&f->err, "the guest is ready for hop %u of %u", n,
			flight_guest_hops(f->config));
		return VM_HARNESS;
	}
	if (f->config->progress)
		f->config->progress(f->config->arg, n, r->missed);
	if (FREEZE_BEHIND_MARK(&f->config->freeze))
		return flight_hop_after(f, n);
	if (f->config->control && n != f->config->save_hop)
		return hop_control(f);
	hop = flight_record(f, n);
	flight_timeline_begin(f, hop);
	ret = flight_choose_method(f, n);
	if (ret)
		return ret;
	if (flight_moves(f))
		return flight_hop_by_method(f, hop, n);
	hop->method = f->method;
	ret = jitter(f, hop->missed);
	if (!ret)
		ret = take_snapshot(f, hop, &caught);
	if (ret)
		return ret;
	if (!caught)
		return flight_miss(f, hop);
	if (n == f->config->save_hop) {
		r->saved = true;
		return FLIGHT_SAVED;
	}

	if (method_info(f->method)->kind != KIND_PAUSE) {
		ret = flight_examine(f, true);
		if (ret)
			return ret;
		r->proved++;
		start = now_ns();
		ret = flight_restore(f);
		hop->restore_ns = now_ns() - start;
		if (ret)
			return ret;
	}
	return flight_land(f, hop);
}

unsigned flight_snapshots(const struct flight_config *config)
{
	return FREEZE_BEHIND_MARK(&config->freeze) ? 1 : config->hops;
}

char *flight_cmdline(const struct flight_config *config)
{
	return xasprintf("scenario=%s hops=%u sync=host seed=%llu%s%s%s%s", config->scenario->name,
			 flight_guest_hops(config), (unsigned long long)config->seed,
			 flight_goes_live(config)	       ? " wait=1 sleep=5"
			 : FREEZE_BEHIND_MARK(&config->freeze) ? AFTER_WORDS
							       : "",
			 config->scenario->vcpus > 1 ? " vcpus=2" : "",
			 config->breakage ? " break=" : "",
			 config->breakage ? config->breakage : "");
}

/* Takes in what L0 has logged; a finding of any oracle fails the flight. */
static void count_oracles(struct flight *f)
{
	struct flight_result *r = f->result;

	if (f->config->l0_log)
		l0_log_read(&r->oracle, &f->l0_text);
	if (r->oracle.findings && r->verdict.word < WORD_FAIL)
		r->verdict.word = WORD_FAIL; /* what they found is told on its own */
}

/* Whatever the guest says: on a kernel that is broken it proves nothing. */
static void judge_l0(struct flight *f)
{
	const char *line;
	const enum l0_sign death = l0_log_death(&line);

	if (death != L0_QUIET)
		verdict_raise(&f->result->verdict, death == L0_HANG ? WORD_HANG : WORD_CRASH,
			      L0_DEATH "%s", line);
}

/* With a complaint its whole context is worth keeping: registers, stack, what came before. */
static void keep_l0_log(struct flight *f)
{
	const struct oracle_report *oracle = &f->result->oracle;
	bool complained = false;

	for (unsigned i = 0; i < oracle->findings; i++)
		complained |= !strcmp(oracle->finding[i].oracle, L0_LOG);
	if (complained && write_file(f->config->vm.dir, "l0.log", buf_text(&f->l0_text),
				     f->l0_text.len, 0666, &f->err))
		verdict_raise(&f->result->verdict, WORD_ERROR, "%s", f->err.text);
}

static void fly(const struct flight_config *config, struct flight_result *result)
{
	struct flight *f = xcalloc(1, sizeof(*f));
	char *cmdline = flight_cmdline(config);
	char *path = xasprintf("%s/serial.log", config->vm.dir);
	int64_t start = now_ns();
	struct buf file = {0};
	bool keep = false;
	int ret;

	f->config = config;
	f->result = result;
	f->random = config->seed;
	f->method = config->method;
	if (config->timeline && !config->control)
		f->timeline = timeline_create();
	flight_phase(f, "start");
	f->assembler.on_line = on_line;
	f->assembler.arg = f;
	f->progress_ns = f->start_ns = start;
	f->vm_config = config->vm;
	f->vm_config.cmdline = cmdline;
	f->vm_config.names = &f->names;
	f->vm_config.method = config->method;
	f->vm_config.vcpus = config->scenario->vcpus;
	f->vm_config.deadline_ns = config->timeout_ns;
	f->vm_config.timeline = f->timeline;
	f->vm_config.err = &f->err;
	f->vm_config.on_serial = flight_serial;
	f->vm_config.arg = f;
	if (config->l0_log)
		l0_log_rearm(); /* the run has said if it fails */
	result->hop = xcalloc(config->hops, sizeof(*result->hop));
	result->hops = config->hops;
	f->serial_log = fopen(path, "we");
	if (!f->serial_log) {
		verdict_raise(&result->verdict, WORD_ERROR, "cannot create %s: %s", path,
			      strerror(errno));
	} else {
		f->vm = config->driver->create(&f->vm_config);
		ret = config->resume ? resume(f) : config->driver->start(f->vm);
		if (!ret && config->driver->use && !config->control && !flight_goes_live(config))
			ret = config->driver->use(f->vm, f->method, f->random);
		while (!ret) {
			unsigned missed = result->missed;

			ret = flight_wait(f, 0);
			if (!ret)
				ret = hop_once(f);
			/*
			 * Only now: it would count as time of the hop that began meanwhile. A
			 * guest that was told of a miss will be ready at once.
			 */
			if (!ret && result->missed == missed)
				flight_timeline_write(f);
		}
		if (config->driver->span)
			result->after_ns = config->driver->span(f->vm);
		result->trace = hash_bytes(result->trace, f->whole.p, f->whole.len);
		flight_judge(f, ret);
		count_oracles(f);
		flight_take_fetches(f);
		flight_timeline_end(f);
		buf_printf(&result->messages, "%s", config->driver->messages(f->vm));
		keep = !result->interrupted &&
		       (config->keep_snapshot || result->saved || result->verdict.word > WORD_SKIP);
		if (keep && !(f->looked && !flight_saved_bytes(f)))
			flight_saved_file(f, &f->saved, &file);
		config->driver->destroy(f->vm);
		count_oracles(f); /* the end of a VM is L0's doing, too */
		judge_l0(f);
		keep_l0_log(f);
		if (fclose(f->serial_log))
			verdict_raise(&result->verdict, WORD_ERROR, "cannot write %s: %s", path,
				      strerror(errno));
	}
	if (file.len && write_file(config->vm.dir, "snapshot.bin", file.p, file.len, 0666, &f->err))
		verdict_raise(&result->verdict, WORD_ERROR, "%s", f->err.text);
	result->duration_ns = now_ns() - start;
	free(path);
	free(cmdline);
	buf_free(&f->tail);
	buf_free(&f->whole);
	buf_free(&f->l0_text);
	flight_saved_free(&f->saved);
	buf_free(&file);
	page_names_free(&f->names);
	timeline_free(f->timeline);
	free(f);
}

void flight_run(const struct flight_config *config, struct flight_result *result)
{
	const char *line;

	/* Who flies several ends as if told to. */
	if (l0_log_death(&line) != L0_QUIET) {
		result->interrupted = true;
		verdict_raise(&result->verdict, WORD_ERROR, "not flown: " L0_DEATH "%s", line);
		return;
	}
	fly(config, result);
}

void flight_result_free(struct flight_result *result)
{
	verdict_free(&result->verdict);
	guest_log_free(&result->log);
	guest_log_free(&result->branch);
	verdict_free(&result->branch_verdict);
	for (unsigned i = 0; i < result->hops; i++)
		free(result->hop[i].fetch);
	free(result->hop);
	buf_free(&result->details);
	buf_free(&result->messages);
	memset(result, 0, sizeof(*result));
}
