// SPDX-License-Identifier: BSD-2-Clause
// L1 with a module of programs on the bare emulated CPU: makes the ISO, follows the serial line.
#include "host/base/cleanup.h"
#include "host/base/jobs.h"
#include "host/base/signals.h"
#include "host/cli/paths.h"
#include "host/fuzz/bare_parts.h"
#include "host/l1/protocol.h"

#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ISO	    "bare.iso"
#define LAB_SECONDS "86400" /* we look for progress ourselves */
#define L1_WORDS    "scenario=program", "hops=1", "sync=none"
/*
 * L1 tells of each program, and a boot with hundreds of them is seconds. An estimate, of wall; a
 * program that was ended too early flies again alone.
 */
#define SILENT_NS (10000 * NS_PER_MS)

struct boot {
	const struct program_record *const *records;
	unsigned count, done;
	struct bare_flown *flown;
	struct line line;
	struct job job;
	int64_t heard_ns, timeout_ns;
	bool began, error; /* L1 spoke; it told an error */
	char last[256];
};

struct script {
	const char *module, *argv[8];
};

static int become(void *arg)
{
	const struct script *c = arg;

	signals_restore();
	if (c->module)
		setenv("MODULE", c->module, 1);
	execv(c->argv[0], (char *const *)c->argv);
	fprintf(stderr, "midflight: cannot start %s: %s\n", c->argv[0], strerror(errno));
	return 2;
}

/* ---- what L1 says --------------------------------------------------------------------------- */

static struct bare_flown *of_event(struct boot *b, const struct event *event)
{
	uint64_t number = 0;

	return b->done < b->count && event_u64(event, "program", &number) &&
			       number == b->records[b->done]->number
		       ? &b->flown[b->done]
		       : NULL;
}

static void take_words(struct program_trace *t, uint64_t at, const char *words)
{
	char *end;

	for (; at < ARRAY_SIZE(t->word); at++) {
		t->word[at] = strtoull(words, &end, 16);
		if (*end != ',')
			return;
		words = end + 1;
	}
}

static void take_event(struct boot *b, const struct event *event)
{
	struct bare_flown *f = of_event(b, event);
	const char *words = event_get(event, "words");
	uint64_t at, count = 0, exits = 0;

	if (!f || !words)
		return;
	if (!strcmp(event->name, "words") && event_u64(event, "at", &at)) {
		take_words(&f->trace, at, words);
	} else if (!strcmp(event->name, "program") && event_u64(event, "words", &count) &&
		   event_u64(event, "exits", &exits)) {
		f->trace.words = (uint32_t)count;
		f->trace.exits = (uint32_t)exits;
		for (size_t i = count; i < ARRAY_SIZE(f->trace.word); i++)
			f->trace.word[i] = 0;
		f->ended = true;
		b->done++;
	}
}

static void take_line(void *arg, unsigned job, enum job_stream stream, const char *text)
{
	struct boot *b = arg;

	(void)job, (void)stream;
	b->heard_ns = now_ns();
	line_parse(&b->line, text, strlen(text));
	if (b->line.kind != LINE_EVENT) {
		if (*text && !b->error)
			snprintf(b->last, sizeof(b->last), "%.255s", text);
		return;
	}
	b->began = true;
	if (!strcmp(b->line.event.name, "error")) {
		b->error = true;
		snprintf(b->last, sizeof(b->last), "%.255s", text);
	}
	take_event(b, &b->line.event);
}

static void look_at_time(void *arg)
{
	struct boot *b = arg;

	const int64_t silent_ns = b->began && b->timeout_ns > SILENT_NS ? SILENT_NS : b->timeout_ns;

	if (b->job.pid <= 0 || now_ns() - b->heard_ns < silent_ns)
		return;
	snprintf(b->last, sizeof(b->last), "nothing was heard any more");
	kill(b->job.pid, SIGTERM);
	b->heard_ns = now_ns();
}

/* ---- a boot --------------------------------------------------------------------------------- */

void bare_expected(const struct program_record *r, struct program_trace *t)
{
	memset(t, 0, sizeof(*t));
	t->exits = r->exits;
	t->words = r->words;
	memcpy(t->word, r + 1, r->words * sizeof(t->word[0]));
}

static int make_iso(const struct bare_cpu *cpu, const struct boot *b, const char *script,
		    const char *iso, struct err *e)
{
	auto_free char *lab = xstrdup(script);
	auto_free char *mkiso = xasprintf("%s/../boot/mkiso.sh", dirname(lab));
	auto_free char *module = xasprintf("%s/bare.module", cpu->log);
	struct program_module own = *cpu->head;
	auto_buf struct buf bytes = {0};
	struct script command = {module, {mkiso, cpu->image, iso, L1_WORDS, NULL}};
	struct job job = {.main = become, .arg = &command};

	own.count = b->count;
	buf_append(&bytes, &own, sizeof(own));
	for (unsigned i = 0; i < b->count; i++)
		buf_append(&bytes, b->records[i],
			   sizeof(*b->records[i]) + b->records[i]->words * sizeof(uint64_t));
	if (write_path(module, bytes.p, bytes.len, e) || jobs_run(&job, 1, 1, NULL, e))
		return -1;
	unlink(module);
	return job.status ? err_set(e, "%s makes no ISO (it needs grub-mkrescue, xorriso, mtools)",
				    mkiso)
			  : 0;
}

/* Flies programs until one does not come to its end. 0, or -1. */
static int boot(const struct bare_cpu *cpu, struct boot *b, struct err *e)
{
	auto_free char *script = lab_script(executable_dir(), e);
	auto_free char *iso = xasprintf("%s/" ISO, cpu->log);
	struct script command = {NULL, {script, "bare", "--timeout", LAB_SECONDS, iso, NULL}};
	const struct jobs_watcher w = {
		.out = true, .err = true, .line = take_line, .tick = look_at_time, .arg = b};
	int ret;

	if (!script)
		return -1;
	b->job = (struct job){.main = become, .arg = &command};
	b->heard_ns = now_ns();
	for (unsigned i = 0; i < b->count; i++)
		bare_expected(b->records[i], &b->flown[i].trace);
	ret = make_iso(cpu, b, script, iso, e) || jobs_run(&b->job, 1, 1, &w, e);
	unlink(iso);
	if (ret)
		return -1;
	if (signals_pending())
		return err_set(e, "interrupted");
	return b->began ? 0 : err_set(e, "L1 does not start on the bare CPU: %s", b->last);
}

int bare_fly(const struct bare_cpu *cpu, const struct program_record *const *records,
	     unsigned count, struct bare_flown *flown, struct err *e)
{
	auto_free struct boot *b = xcalloc(1, sizeof(*b));

	for (unsigned done = 0; done < count; done += b->done) {
		*b = (struct boot){.records = records + done,
				   .count = count - done,
				   .flown = flown + done,
				   .timeout_ns = cpu->timeout_ns};
		if (boot(cpu, b, e))
			return -1;
		if (b->done < b->count) {
			memcpy(b->flown[b->done].text, b->last, sizeof(b->last));
			printf("# program %u has no end without KVM: %s\n",
			       b->records[b->done]->number, b->last);
			fflush(stdout);
			b->done++;
		}
	}
	return 0;
}
