/* SPDX-License-Identifier: BSD-2-Clause */
/* Logs for tests: a good one, and ways to change it. */
#ifndef TESTS_UNIT_LOG_H
#define TESTS_UNIT_LOG_H

#include "tests/unit/unit.h"

#include "host/l1/verdict.h"
#include "lib/sum.h"

#define HELLO                                                                       \
	"KTAP version 1\n1..1\n"                                                    \
	"# @1 hello protocol=2 version=v1 boot=multiboot sync=host hops=2 seed=1\n" \
	"# @2 page name=VMCS gpa=0x1000 pages=1\n"
#define PASSED                                                              \
	HELLO "# @3 start scenario=running\n"                               \
	      "# @4 ready hop=1\n# @5 hop hop=1 failed=0\n"                 \
	      "# @6 ready hop=2\n# @7 missed hop=2\n"                       \
	      "# @8 ready hop=2\n# @9 hop hop=2 failed=0\nok 1 - running\n" \
	      "# @10 verdict word=PASS passed=1 failed=0 skipped=0 errors=0\n"
#define LOST_WAKE_UP                                                       \
	" vector=0x71 on=1 in_pir=1 in_virr=0 in_visr=0 activity_state=1 " \
	"rvi=0x0\n"
#define FAILED_TWICE                                                                     \
	HELLO "# @3 start scenario=halted\n# @4 ready hop=1\n"                           \
	      "# @5 fail scenario=halted check=\"lost wake-up\" hop=1" LOST_WAKE_UP      \
	      "# @6 nudged hop=1 lost=1\n# @7 hop hop=1 failed=1\n# @8 ready hop=2\n"    \
	      "# @9 fail scenario=halted check=\"lost wake-up\" hop=2" LOST_WAKE_UP      \
	      "# @10 nudged hop=2 lost=1\n# @11 hop hop=2 failed=1\nnot ok 1 - halted\n" \
	      "# @12 verdict word=FAIL passed=0 failed=1 skipped=0 errors=0\n"

/* @text with the first @from replaced by @to; the caller frees it. */
static inline char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	if (!at)
		fail_msg("no '%s' to replace", from);
	return xasprintf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

/*
 * @text with a sum behind each event that has none, as L1 sends it; the caller frees it. Lines in
 * front of the version line are not L1's.
 */
static inline char *summed(const char *text)
{
	struct buf out = {0};
	uint32_t sum = 0;
	bool began = !strstr(text, "KTAP version");

	for (size_t len; *text; text += len) {
		const bool event = !strncmp(text, "# @", 3), ends = strchr(text, '\n');
		const bool noise = strncmp(text, "# ", 2) && strncmp(text, "ok ", 3) &&
				   strncmp(text, "not ok ", 7) && strncmp(text, "1..", 3) &&
				   strncmp(text, "KTAP ", 5);
		const char *old;

		len = ends ? strcspn(text, "\n") : strlen(text);
		began |= !strncmp(text, "KTAP version", 12);
		old = memmem(text, len, " sum=0x", 7);
		buf_append(&out, text, len);
		if (began && !noise)
			sum = sum_bytes(sum, text, event && old ? (size_t)(old - text) : len);
		if (event && ends && !old)
			buf_printf(&out, " sum=0x%08x", sum);
		if (event)
			sum = 0;
		else if (began && !noise)
			sum = sum_bytes(sum, "\n", 1);
		if (ends)
			buf_printf(&out, "\n");
		len += ends;
	}
	buf_append(&out, "", 1);
	return out.p;
}

static void log_on_line(void *arg, const struct line *line)
{
	guest_log_line(arg, line);
}

static inline void log_feed(struct guest_log *log, const char *bytes, size_t len)
{
	struct assembler *a = xcalloc(1, sizeof(*a));

	a->on_line = log_on_line;
	a->arg = log;
	assembler_feed(a, bytes, len);
	assembler_end(a);
	free(a);
}

static inline void log_feed_summed(struct guest_log *log, const char *text)
{
	char *sent = summed(text);

	log_feed(log, sent, strlen(sent));
	free(sent);
}

#endif
