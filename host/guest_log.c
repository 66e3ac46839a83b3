// SPDX-License-Identifier: BSD-2-Clause
// Collects the lines of one boot's serial log and notes the first thing that is out of order.
#include "host/verdict.h"
#include "host/util.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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
		damage(log, "the guest speaks protocol %s", text(log, event, "protocol"));
	log->hello = true;
	log->hello_hops = number(log, event, "hops");
	log->hello_seed = number(log, event, "seed");
	replace(&log->hello_sync, text(log, event, "sync"));
	replace(&log->version_text, text(log, event, "version"));
	replace(&log->boot, text(log, event, "boot"));
}

static void on_fail(struct guest_log *log, const struct event *event, bool error)
{
	struct buf evidence = {0};
	struct fail *fail;

	if (error)
		log->errors++;
	else
		log->fails++;
	if (log->kept == MAX_FAILS)
		return;
	fail = &log->fail[log->kept++];
	fail->hop = log->ready_hop;
	fail->scenario = xstrdup(error ? "" : text(log, event, "scenario"));
	fail->check = xstrdup(text(log, event, error ? "what" : "check"));
	for (unsigned i = 0; i < event->keys; i++) {
		const char *key = event->pair[i].key;

		if (!strcmp(key, error ? "what" : "check") || !strcmp(key, "scenario"))
			continue;
		buf_printf(&evidence, "%s%s=%s", evidence.len ? " " : "", key,
			   event->pair[i].value);
	}
	fail->evidence = xstrdup(buf_text(&evidence));
	buf_free(&evidence);
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

static void on_event(struct guest_log *log, const struct event *event)
{
	const char *name = event->name;
	uint64_t hop;

	if (event->seq != log->last_seq + 1)
		damage(log, "event %" PRIu64 " after %" PRIu64, event->seq, log->last_seq);
	log->last_seq = event->seq;
	if (event->seq == 1 && strcmp(name, "hello") && strcmp(name, "error"))
		damage(log, "the first event is %s, not hello", name);

	if (!strcmp(name, "hello")) {
		on_hello(log, event);
	} else if (!strcmp(name, "start")) {
		replace(&log->started, text(log, event, "scenario"));
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
		log->missed++;
	} else if (!strcmp(name, "nudged")) {
		log->nudged++;
		log->lost += number(log, event, "lost") != 0;
	} else if (!strcmp(name, "fail")) {
		on_fail(log, event, false);
	} else if (!strcmp(name, "error")) {
		on_fail(log, event, true);
	} else if (!strcmp(name, "skip")) {
		if (!log->skip_reason)
			replace(&log->skip_reason, text(log, event, "reason"));
	} else if (!strcmp(name, "verdict")) {
		on_verdict(log, event);
	} else if (strcmp(name, "page") && strcmp(name, "expect")) {
		damage(log, "unknown event %s", name);
	}
}

static void on_result(struct guest_log *log, const struct line *line)
{
	if (!log->plan)
		damage(log, "result %u before the plan", line->result.number);
	if (line->result.number != log->results + 1)
		damage(log, "result %u after %u", line->result.number, log->results);
	else if (log->plan && line->result.number > log->planned)
		damage(log, "result %u of %u planned", line->result.number, log->planned);
	log->results++;
	if (line->result.ok)
		log->ok++;
	else
		log->not_ok++;
	if (line->result.skip) {
		log->skipped++;
		if (!log->skip_reason)
			replace(&log->skip_reason, line->result.reason);
	}
	if (log->results == 1)
		replace(&log->result_name, line->result.name);
}

void guest_log_line(struct guest_log *log, const struct line *line)
{
	if (line->kind == LINE_NOISE)
		return;
	log->lines++;
	if (log->verdict)
		log->after_verdict = true;
	switch (line->kind) {
	case LINE_VERSION:
		if (log->version)
			damage(log, "second version line: the VM booted again");
		log->version = true;
		break;
	case LINE_PLAN:
		if (log->plan)
			damage(log, "second plan");
		log->plan = true;
		log->planned = line->planned;
		break;
	case LINE_RESULT:
		on_result(log, line);
		break;
	case LINE_EVENT:
		on_event(log, &line->event);
		break;
	case LINE_DAMAGED:
		damage(log, "%s in line '%.80s'", line->why, line->text);
		break;
	case LINE_DIAGNOSTIC:
	case LINE_NOISE:
		break;
	}
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
	free(log->hello_sync);
	free(log->version_text);
	free(log->boot);
	free(log->started);
	memset(log, 0, sizeof(*log));
}
