// SPDX-License-Identifier: BSD-2-Clause
// The verdict on a finished log. Only a whole log that agrees with itself can pass.
#include "host/l1/verdict.h"
#include "host/base/util.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
	[WORD_PASS] = "PASS", [WORD_SKIP] = "SKIP", [WORD_ERROR] = "ERROR",
	[WORD_FAIL] = "FAIL", [WORD_HANG] = "HANG", [WORD_CRASH] = "CRASH",
};

const char *word_name(enum word word)
{
	return names[word];
}

void verdict_raise(struct verdict *v, enum word word, const char *fmt, ...)
{
	va_list ap;
	char *text;

	if (word > v->word)
		v->word = word;
	if (v->findings == MAX_FINDINGS) {
		free(v->finding[MAX_FINDINGS - 1]);
		v->finding[MAX_FINDINGS - 1] = xasprintf("... and %u more", ++v->more + 1);
		return;
	}
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = xstrdup("(out of memory)");
	va_end(ap);
	v->finding[v->findings++] = text;
}

void verdict_free(struct verdict *v)
{
	for (unsigned i = 0; i < v->findings; i++)
		free(v->finding[i]);
	memset(v, 0, sizeof(*v));
}

unsigned failed_hops(const struct guest_log *log)
{
	unsigned hops = 0;

	for (unsigned i = 0; i < log->kept; i++) {
		bool again = !*log->fail[i].scenario; /* an error, no failed check */

		for (unsigned j = 0; j < i && !again; j++)
			again = *log->fail[j].scenario && log->fail[j].hop == log->fail[i].hop;
		hops += !again;
	}
	return hops;
}

/* Is everything there that a complete log has? Says what isn't. */
static bool check_whole(struct verdict *v, const struct guest_log *log)
{
	unsigned before = v->findings;

	if (log->damage)
		verdict_raise(v, WORD_FAIL, "log damaged: %s", log->damage);
	if (log->other)
		verdict_raise(v, WORD_ERROR,
			      "the guest speaks protocol %s, this is Midflight of protocol %d",
			      log->other, PROTOCOL_VERSION);
	if (!log->lines) {
		verdict_raise(v, WORD_FAIL, "log truncated: the VM never wrote a line");
		return false;
	}
	if (!log->version)
		verdict_raise(v, WORD_FAIL, "log incomplete: no 'KTAP version 1' line");
	if (!log->plan)
		verdict_raise(v, WORD_FAIL, "log incomplete: no plan line");
	if (!log->verdict)
		verdict_raise(v, WORD_FAIL, "log truncated: no verdict line after event %" PRIu64,
			      log->last_seq);
	else if (log->results < log->planned)
		verdict_raise(v, WORD_FAIL, "log incomplete: %u results of %u planned",
			      log->results, log->planned);
	if (log->after_verdict)
		verdict_raise(v, WORD_FAIL, "log damaged: more lines after the verdict");
	return v->findings == before;
}

/* Do results, events and the verdict's counts agree? */
static bool check_agreement(struct verdict *v, const struct guest_log *log)
{
	enum word word = log->word;
	unsigned before = v->findings;

	if (log->passed != log->ok - log->skipped || log->skipped_count != log->skipped ||
	    log->failed > log->not_ok || log->error_count != log->not_ok - log->failed)
		verdict_raise(v, WORD_FAIL,
			      "verdict disagrees with the results: it counts passed=%" PRIu64
			      " failed=%" PRIu64 " skipped=%" PRIu64 " errors=%" PRIu64
			      ", the log has %u ok, %u not ok, %u skipped",
			      log->passed, log->failed, log->skipped_count, log->error_count,
			      log->ok - log->skipped, log->not_ok, log->skipped);
	if ((word == WORD_PASS && (log->not_ok || log->ok == log->skipped)) ||
	    (word == WORD_SKIP && (log->not_ok || log->ok != log->skipped)) ||
	    ((word == WORD_FAIL || word == WORD_ERROR) && !log->not_ok))
		verdict_raise(v, WORD_FAIL, "verdict %s disagrees with the results",
			      word_name(word));
	if ((word == WORD_PASS || word == WORD_SKIP) &&
	    (log->fails || log->errors || log->failed_checks || log->lost))
		verdict_raise(v, WORD_FAIL, "verdict %s disagrees with %u fail and %u error events",
			      word_name(word), log->fails, log->errors);
	if (word == WORD_FAIL && !log->fails)
		verdict_raise(v, WORD_FAIL, "verdict FAIL without a fail event");
	if (log->lost > log->fails)
		verdict_raise(v, WORD_FAIL, "%u lost wake-ups but %u fail events", log->lost,
			      log->fails);
	return v->findings == before;
}

/* Did the guest do what it was asked for? */
static bool check_expected(struct verdict *v, const struct guest_log *log,
			   const struct expected *want)
{
	unsigned before = v->findings, hops;

	if (!log->hello) {
		verdict_raise(v, WORD_FAIL, "log incomplete: no hello event");
		return false;
	}
	if (log->hello_hops != want->hops || log->hello_seed != want->seed ||
	    strcmp(log->hello_sync, "host"))
		verdict_raise(v, WORD_ERROR,
			      "the guest took another command line: hops=%" PRIu64 " seed=%" PRIu64
			      " sync=%s",
			      log->hello_hops, log->hello_seed, log->hello_sync);
	if (log->planned != 1)
		verdict_raise(v, WORD_ERROR, "the guest planned %u scenarios, asked for 1",
			      log->planned);
	if (log->results && !log->errors && strcmp(log->result_name, want->scenario))
		verdict_raise(v, WORD_ERROR, "the guest ran %s, asked for %s", log->result_name,
			      want->scenario);
	/* After a failure L1 may give up; a pass owes every hop. */
	hops = want->ended_at ? want->ended_at : want->hops;
	if (log->word == WORD_PASS && log->hops_done != hops)
		verdict_raise(v, WORD_FAIL, "log incomplete: %u of %u hops were finished",
			      log->hops_done, hops);
	return v->findings == before;
}

void verdict_judge(struct verdict *v, const struct guest_log *log, const struct expected *want)
{
	bool whole = check_whole(v, log);

	v->complete = whole && check_agreement(v, log);
	/* A guest that ends in an error may not have got as far as hello. */
	if (v->complete && (log->hello || log->word != WORD_ERROR))
		v->complete = check_expected(v, log, want);
	if (log->verdict && log->word == WORD_SKIP)
		verdict_raise(v, WORD_SKIP, "%s", log->skip_reason ?: "no reason");
	else if (log->verdict && log->word > v->word)
		v->word = log->word;
	if (log->fails && v->word < WORD_FAIL)
		v->word = WORD_FAIL;
	if (log->errors && v->word < WORD_ERROR)
		v->word = WORD_ERROR;
}

int word_find(const char *name, size_t len)
{
	for (int w = WORD_PASS; w <= WORD_CRASH; w++)
		if (strlen(word_name((enum word)w)) == len &&
		    !memcmp(name, word_name((enum word)w), len))
			return w;
	return -1;
}
