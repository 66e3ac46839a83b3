// SPDX-License-Identifier: BSD-2-Clause
// Collects the lines of one boot's serial log and notes the first thing that is out of order
// (docs/protocol.md, "Grammar" and "Sums").
#include "host/l1/verdict.h"
#include "host/base/util.h"
#include "lib/sum.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define IN(s)	    (1u << LOG_##s)
#define IN_SCENARIO (IN(SCENARIO) | IN(HOP))

/* Where an event may stand, and what the log has come to with it. */
static const struct rule {
	const char *name;
	unsigned in;
	bool stays;
	enum log_state next; /* unless it stays */
} rules[] = {
	{"hello", IN(PLAN), false, LOG_BETWEEN},
	{"page", IN(BETWEEN) | IN_SCENARIO, .stays = true},
	{"start", IN(BETWEEN), false, LOG_SCENARIO},
	{"expect", IN_SCENARIO, .stays = true},
	{"ready", IN(SCENARIO), false, LOG_HOP},
	{"nudged", IN_SCENARIO, .stays = true},
	{"missed", IN(HOP), false, LOG_SCENARIO},
	{"hop", IN(HOP), false, LOG_SCENARIO},
	{"fail", IN_SCENARIO, .stays = true},
	{"skip", IN_SCENARIO, .stays = true},
	{"error", IN(PLAN) | IN(BETWEEN) | IN_SCENARIO, false, LOG_ERROR},
	{"verdict", IN(BETWEEN) | IN(ERROR), false, LOG_VERDICT},
};

static const char *const state_words[] = {
	[LOG_NOTHING] = "in front of the version line",
	[LOG_VERSION] = "in front of the plan",
	[LOG_PLAN] = "in front of hello",
	[LOG_BETWEEN] = "outside of a scenario",
	[LOG_SCENARIO] = "outside of a hop",
	[LOG_HOP] = "inside a hop",
	[LOG_ERROR] = "behind an error",
	[LOG_VERDICT] = "behind the verdict",
};

static void damage(struct guest_log *log, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void damage(struct guest_log *log, const char *fmt, ...)
{
	va_list ap;

	if (log->damage)
		return;
	va_start(ap, fmt);
	if (vasprintf(&log->damage, fmt, ap) < 0)
		log->damage = xstrdup("(out of memory)");
	va_end(ap);
}

static void replace(char **where, const char *text)
{
	char *copy = xstrdup(text);

	free(*where);
	*where = copy;
}

/* Number of @key; a missing one is damage. */
static uint64_t number(struct guest_log *log, const struct event *event, const char *key)
{
	uint64_t value = 0;

	if (!event_u64(event, key, &value))
		damage(log, "event %" PRIu64 " (%s) has no number %s", event->seq, event->name,
		       key);
	return value;
}

/* Text of @key; a missing one is damage. */
static const char *text(struct guest_log *log, const struct event *event, const char *key)
{
	const char *value = event_get(event, key);

	if (!value)
		damage(log, "event %" PRIu64 " (%s) has no %s", event->seq, event->name, key);
	return value ? value : "";
}

static void on_hello(struct guest_log *log, const struct event *event)
{
	if (event->seq != 1 || log->hello)
		damage(log, "hello is event %" PRIu64 ": the VM booted again", event->seq);
	if (number(log, event, "protocol") != PROTOCOL_VERSION)
		replace(&log->other, text(log, event, "protocol"));
	log->hello = true;
	log->hello_hops = number(log, event, "hops");
	log->hello_seed = number(log, event, "seed");
	replace(&log->hello_sync, text(log, event, "sync"));
	replace(&log->version_text, text(log, event, "version"));
	replace(&log->boot, text(log, event, "boot"));
}

/* The scenario that @event is of, which must be the one that was started. */
static const char *scenario(struct guest_log *log, const struct event *event)
{
	const char *name = text(log, event, "scenario");

	if (log->started && strcmp(name, log->started))
		damage(log, "event %" PRIu64 " (%s) is of %s in %s", event->seq, event->name, name,
		       log->started);
	return name;
}

static void on_fail(struct guest_log *log, const struct event *event, bool error)
{
	struct buf evidence = {0};
	struct fail *fail;

	log->errors += error;
	log->fails += !error;
	if (log->kept == MAX_FAILS)
		return;
	fail = &log->fail[log->kept++];
	fail->hop = log->ready_hop;
	fail->scenario = xstrdup(error ? "" : scenario(log, event));
	fail->check = xstrdup(text(log, event, error ? "what" : "check"));
	for (unsigned i = 0; i < event->keys; i++) {
		const char *key = event->pair[i].key;

		if (!strcmp(key, error ? "what" : "check") || !strcmp(key, "scenario"))
			continue;
		buf_printf(&evidence, "%s%s=%s", evidence.len ? " " : "", key,
			   event->pair[i].value);
	}
	fail->evidence = evidence.p ? evidence.p : xstrdup("");
}

static void on_verdict(struct guest_log *log, const struct event *event)
{
	const char *word = text(log, event, "word");

	log->passed = number(log, event, "passed");
	log->failed = number(log, event, "failed");
	log->skipped_count = number(log, event, "skipped");
	log->error_count = number(log, event, "errors");
	log->verdict = true;
	for (log->word = WORD_PASS; log->word <= WORD_FAIL; log->word++)
		if (!strcmp(word_name(log->word), word))
			return;
	log->word = WORD_FAIL;
	damage(log, "unknown verdict %s", word);
}

/* The hop that @event is of, which must be the one that is flown. */
static void check_hop(struct guest_log *log, const struct event *event)
{
	const uint64_t hop = number(log, event, "hop");

	if (hop != log->ready_hop)
		damage(log, "event %" PRIu64 " (%s) is of hop %" PRIu64 " in hop %u", event->seq,
		       event->name, hop, log->ready_hop);
}

/* Whether @event may stand where it does; goes on to what follows from it. */
static void take_step(struct guest_log *log, const struct event *event)
{
	const struct rule *rule = table_find(rules, name, event->name);

	if (!rule)
		return damage(log, "unknown event %s", event->name);
	if (!(rule->in & 1u << log->state))
		damage(log, "event %" PRIu64 " (%s) is out of place, %s", event->seq, event->name,
		       state_words[log->state]);
	if (!rule->stays)
		log->state = rule->next;
}

static void on_event(struct guest_log *log, const struct event *event)
{
	const char *name = event->name;
	uint64_t hop;

	if (event->seq != log->last_seq + 1)
		damage(log, "event %" PRIu64 " after %" PRIu64, event->seq, log->last_seq);
	log->last_seq = event->seq;
	if (event->seq == 1 && strcmp(name, "hello") && strcmp(name, "error"))
		damage(log, "the first event is %s, not hello", name);

	if (!strcmp(name, "hello"))
		on_hello(log, event);
	take_step(log, event);
	if (!strcmp(name, "start")) {
		replace(&log->started, text(log, event, "scenario"));
		log->ready_hop = log->hops_done = 0;
		log->skip_said = false;
	} else if (!strcmp(name, "ready")) {
		hop = number(log, event, "hop");
		if (hop != log->hops_done + 1ull)
			damage(log, "hop %" PRIu64 " is ready after %u finished", hop,
			       log->hops_done);
		log->ready_hop = (unsigned)hop;
	} else if (!strcmp(name, "hop")) {
		hop = number(log, event, "hop");
		if (hop != log->hops_done + 1ull || hop != log->ready_hop)
			damage(log, "hop %" PRIu64 " is over after %u finished, %u ready", hop,
			       log->hops_done, log->ready_hop);
		log->hops_done++;
		log->failed_checks += number(log, event, "failed");
	} else if (!strcmp(name, "missed")) {
		check_hop(log, event);
		log->missed++;
	} else if (!strcmp(name, "nudged")) {
		check_hop(log, event);
		log->nudged++;
		log->lost += number(log, event, "lost") != 0;
	} else if (!strcmp(name, "fail")) {
		on_fail(log, event, false);
	} else if (!strcmp(name, "error")) {
		on_fail(log, event, true);
	} else if (!strcmp(name, "skip")) {
		scenario(log, event);
		log->skip_said = true;
		if (!log->skip_reason)
			replace(&log->skip_reason, text(log, event, "reason"));
	} else if (!strcmp(name, "verdict")) {
		on_verdict(log, event);
	}
}

/* Whether result @line may stand where it does. */
static void take_result_step(struct guest_log *log, const struct line *line)
{
	const bool ok = line->result.ok, skip = line->result.skip;
	const bool given_up = log->state == LOG_ERROR;

	if (given_up ? ok : log->state != LOG_SCENARIO && (log->state != LOG_HOP || (ok && !skip)))
		damage(log, "result %u is out of place, %s", line->result.number,
		       state_words[log->state]);
	else if (!given_up && log->started && strcmp(line->result.name, log->started))
		damage(log, "result %u is called %s, but %s was started", line->result.number,
		       line->result.name, log->started);
	else if (ok && skip != log->skip_said)
		damage(log, "result %u and the skip events disagree", line->result.number);
	if (!given_up)
		log->state = LOG_BETWEEN;
}

static void on_result(struct guest_log *log, const struct line *line)
{
	if (line->result.number != log->results + 1)
		damage(log, "result %u after %u", line->result.number, log->results);
	else if (log->plan && line->result.number > log->planned)
		damage(log, "result %u of %u planned", line->result.number, log->planned);
	take_result_step(log, line);
	log->results++;
	log->ok += line->result.ok;
	log->not_ok += !line->result.ok;
	if (line->result.skip) {
		log->skipped++;
		if (!log->skip_reason)
			replace(&log->skip_reason, line->result.reason);
	}
	if (log->results == 1)
		replace(&log->result_name, line->result.name);
}

/* Adds @line to the sum; that of an event must be right. */
static bool take_sum(struct guest_log *log, const struct line *line)
{
	const bool ends = line->kind == LINE_EVENT && line->event.summed;
	uint32_t sum;

	if (log->state == LOG_NOTHING && line->kind != LINE_VERSION)
		return true; /* not L1's */
	sum = sum_bytes(log->sum, line->text, ends ? line->event.before_sum : line->len);
	log->sum = ends ? 0 : sum_bytes(sum, "\n", 1);
	return !ends || sum == line->event.sum;
}

static void on_version(struct guest_log *log)
{
	if (log->version)
		damage(log, "second version line: the VM booted again");
	else if (log->state != LOG_NOTHING || log->last_seq)
		damage(log, "the version line is not the first");
	log->version = true;
	log->state = LOG_VERSION;
}

static void on_plan(struct guest_log *log, const struct line *line)
{
	if (log->plan)
		damage(log, "second plan");
	else if (log->state != LOG_VERSION)
		damage(log, "the plan is out of place, %s", state_words[log->state]);
	log->plan = true;
	log->planned = line->planned;
	log->state = LOG_PLAN;
}

void guest_log_line(struct guest_log *log, const struct line *line)
{
	bool sum_good;

	if (line->kind == LINE_NOISE)
		return;
	log->lines++;
	if (log->verdict)
		log->after_verdict = true;
	sum_good = take_sum(log, line);
	switch (line->kind) {
	case LINE_VERSION:
		on_version(log);
		break;
	case LINE_PLAN:
		on_plan(log, line);
		break;
	case LINE_RESULT:
		on_result(log, line);
		break;
	case LINE_EVENT:
		on_event(log, &line->event);
		if (!line->event.summed && !log->other)
			damage(log, "event %" PRIu64 " (%s) has no sum", line->event.seq,
			       line->event.name);
		break;
	case LINE_DAMAGED:
		damage(log, "%s in line '%.80s'", line->why, line->text);
		break;
	case LINE_DIAGNOSTIC:
	case LINE_NOISE:
		break;
	}
	/* Last: what else is wrong says more. */
	if (!sum_good)
		damage(log,
		       "the sum of event %" PRIu64 " is wrong: it, or a line since event "
		       "%" PRIu64 ", has other bytes than L1 sent",
		       line->event.seq, line->event.seq - 1);
}

void guest_log_free(struct guest_log *log)
{
	for (unsigned i = 0; i < log->kept; i++) {
		free(log->fail[i].scenario);
		free(log->fail[i].check);
		free(log->fail[i].evidence);
	}
	free(log->result_name);
	free(log->skip_reason);
	free(log->damage);
	free(log->other);
	free(log->hello_sync);
	free(log->version_text);
	free(log->boot);
	free(log->started);
	memset(log, 0, sizeof(*log));
}
