// SPDX-License-Identifier: BSD-2-Clause
// What is said of a failure. Guest text is not trusted: print_lines() lets no control characters
// through.
#include "host/report/ktap.h"
#include "host/l0/environment.h"
#include "host/inspect/inspect.h"
#include "host/base/json.h"
#include "host/base/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SHOWN    10 /* failed checks on the screen; failure.txt has all that are kept */
#define SERIAL_LINES 12 /* of the serial log on the screen ... */
#define SERIAL_WHOLE 80 /* ... and in failure.txt */
#define SERIAL_TAIL  (64 << 10)
#define DIFFERENCES  20 /* lines on the screen of what has changed since the snapshot */
#define FILE_MAX     (256 << 20)

/* Guest text, indented. */
#define INDENT "  "
#define QUOTED "  | "

/* Whether a check of the same name failed before the @i-th: of a known bug once is enough. */
static bool told(const struct guest_log *log, unsigned i)
{
	for (unsigned n = 0; n < i; n++)
		if (!strcmp(log->fail[n].check, log->fail[i].check))
			return true;
	return false;
}

static void print_fails(FILE *out, const struct report_entry *entry, unsigned most)
{
	const struct guest_log *log = &entry->result->log;
	const bool once = entry->known && most < MAX_FAILS;
	unsigned shown = 0;

	for (unsigned i = 0; i < log->kept && shown < most; i++) {
		const struct fail *fail = &log->fail[i];
		auto_buf struct buf line = {0};

		if (once && told(log, i))
			continue;
		shown++;
		if (fail->hop)
			buf_printf(&line, "hop %u of %u: ", fail->hop, entry->config->hops);
		else
			buf_printf(&line, "before the first hop: ");
		buf_printf(&line, "%s%s%s%s", *fail->scenario ? "" : "error: ", fail->check,
			   *fail->evidence ? ": " : "", fail->evidence);
		print_lines(out, INDENT, line.p);
	}
	if (log->fails + log->errors > shown)
		fprintf(out, INDENT "... and %u more%s in serial.log\n",
			log->fails + log->errors - shown, once ? " of the kind" : "");
}

static void print_oracles(FILE *out, const struct oracle_report *oracle, unsigned most)
{
	for (unsigned i = 0; i < oracle->findings && i < most; i++) {
		auto_buf struct buf line = {0};

		buf_printf(&line, "oracle %s: %s: %s", oracle->finding[i].oracle,
			   oracle->finding[i].field, oracle->finding[i].text);
		print_lines(out, INDENT, line.p);
	}
	if (oracle->findings + oracle->more > most)
		fprintf(out, INDENT "... and %u more\n", oracle->findings + oracle->more - most);
}

static void print_what(FILE *out, const struct failure *f, bool whole)
{
	const struct report_entry *entry = f->entry;
	const struct flight_result *result = entry->result;
	const struct verdict *v = &result->verdict;
	const unsigned most = whole ? MAX_FAILS : MAX_SHOWN;

	fprintf(out, "%s: %s%s%s\n", entry->name, word_name(v->word),
		entry->known ? SCREEN_KNOWN : "", entry->known ? entry->known->text : "");
	for (unsigned i = 0; i < v->findings; i++)
		print_lines(out, INDENT, v->finding[i]);
	print_fails(out, entry, most);
	print_oracles(out, &result->oracle, most);
	if (result->details.len)
		print_lines(out, QUOTED, result->details.p);
	if (result->messages.len && (whole || !entry->known)) {
		fprintf(out, INDENT "QEMU's own words:\n");
		print_lines(out, QUOTED, result->messages.p);
	}
	if (!entry->config->control && !entry->control_passed && !entry->known)
		fprintf(out, INDENT "The control without snapshots did not pass either: this says "
				    "nothing about snapshots.\n");
}

/* What was flown, and how far it came. */
static void print_where(FILE *out, const struct failure *f)
{
	const struct options *o = f->options;
	const struct flight_result *r = f->entry->result;
	const struct flight_config *c = f->entry->config;
	unsigned hop = r->log.kept ? r->log.fail[0].hop : r->log.ready_hop;
	struct options standard;
	auto_buf struct buf text = {0};

	options_init(&standard);
	buf_printf(&text, "scenario %s (%s), method %s, driver %s, seed %llu", c->scenario->name,
		   c->scenario->title, c->control ? "none: the control" : method_name(c->method),
		   o->driver, (unsigned long long)o->seed);
	if (report_order(f->entry) && strcmp(report_order(f->entry), standard.order) != 0)
		buf_printf(&text, ", order %s", report_order(f->entry));
	if (strcmp(o->pages, standard.pages) != 0)
		buf_printf(&text, ", pages %s", o->pages);
	if (strcmp(o->freeze_text, standard.freeze_text) != 0)
		buf_printf(&text, ", freeze %s", o->freeze_text);
	if (o->breakage)
		buf_printf(&text, ", broken on purpose: %s", o->breakage);
	print_lines(out, INDENT, text.p);
	text.len = 0;
	buf_printf(&text, "step: hop %u of %u", hop, c->hops);
	if (r->phase)
		buf_printf(&text, "; it ended in hop %u, phase %s", r->log.ready_hop, r->phase);
	print_lines(out, INDENT, text.p);
}

/* All of @dir/@name, or its last @tail bytes; false: there is none. */
static bool read_whole(const char *dir, const char *name, long tail, struct buf *bytes)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	auto_fclose FILE *f = fopen(path, "re");
	char piece[65536];
	size_t n;

	if (!f)
		return false;
	if (tail && fseek(f, -tail, SEEK_END))
		rewind(f); /* it is shorter */
	while (bytes->len < FILE_MAX && (n = fread(piece, 1, sizeof(piece), f)))
		buf_append(bytes, piece, n);
	return bytes->len != 0;
}

/* The first @most lines of @text. */
static void print_first(FILE *out, struct buf *text, unsigned most)
{
	unsigned lines = 0, cut = 0;
	size_t end = text->len;

	for (size_t i = 0; i < text->len; i++)
		if (text->p[i] == '\n' && ++lines == most)
			end = i + 1;
	for (size_t i = end; i < text->len; i++)
		cut += text->p[i] == '\n';
	if (end < text->len)
		text->p[end] = '\0';
	print_lines(out, QUOTED, buf_text(text));
	if (cut)
		fprintf(out, QUOTED "... and %u more in failure.txt\n", cut);
}

static unsigned last_taken(const struct flight_result *r)
{
	unsigned hop = 0;

	for (unsigned i = 0; r->hop && i < r->hops; i++)
		if (r->hop[i].bytes || r->hop[i].taken)
			hop = i + 1;
	return hop;
}

/* The nested state at the last snapshot, and what has become of it. */
static void print_state(FILE *out, const struct failure *f, bool whole)
{
	const struct flight_result *r = f->entry->result;
	const unsigned hop = last_taken(r);
	auto_buf struct buf then = {0}, now = {0}, text = {0};
	const bool saved = f->dir && read_whole(f->dir, "snapshot.bin", 0, &then);

	if (saved) {
		fprintf(out, INDENT "at the last snapshot (of hop %u, snapshot.bin):\n", hop);
		inspect_snapshot(&then, !whole, &text);
		print_lines(out, QUOTED, buf_text(&text));
	} else {
		fprintf(out, INDENT "no snapshot is left: %s\n",
			f->entry->config->control ? "a control takes none"
			: hop			  ? "this method leaves none in a file"
						  : "none was taken");
	}
	text.len = 0;
	if (f->dir && read_whole(f->dir, "now.bin", 0, &now)) {
		if (whole || !saved) {
			fprintf(out, INDENT "when it was given up (now.bin):\n");
			inspect_snapshot(&now, !whole, &text);
			print_lines(out, QUOTED, buf_text(&text));
		}
		text.len = 0;
		if (saved) {
			fprintf(out, INDENT
				"changed since the snapshot, when it was given up (now.bin):\n");
			if (!inspect_compare(&then, &now, &text))
				buf_printf(&text, "nothing\n");
			print_first(out, &text, whole ? UINT_MAX : DIFFERENCES);
		}
	} else {
		fprintf(out, INDENT "no state of now: %s\n",
			r->verdict.word == WORD_HANG ? "it could not be saved"
						     : "only a HANG has one");
	}
}

static void print_serial(FILE *out, const struct failure *f, bool whole)
{
	const unsigned most = whole ? SERIAL_WHOLE : SERIAL_LINES;
	auto_buf struct buf log = {0};
	unsigned lines = 0;
	size_t at;

	/* The details of a HANG have them already. */
	if (!f->dir || (!whole && f->entry->result->details.len) ||
	    !read_whole(f->dir, "serial.log", SERIAL_TAIL, &log))
		return;
	for (at = 0; at < log.len; at++)
		if (!log.p[at])
			log.p[at] = '?';
	for (; at; at--)
		if (log.p[at - 1] == '\n' && at != log.len && ++lines == most)
			break;
	fprintf(out, INDENT "the serial log ends:\n");
	print_lines(out, QUOTED, log.p + at);
}

static const char *or_unknown(const char *text)
{
	return text ? text : "unknown";
}

static void print_environment(FILE *out, const struct failure *f, bool whole)
{
	auto_buf struct buf text = {0};

	if (whole) {
		fprintf(out, INDENT "environment:\n");
		environment_text(f->environment, &text);
		print_lines(out, INDENT INDENT, buf_text(&text));
	} else {
		buf_printf(&text, "on Linux %s, %s",
			   or_unknown(json_member(f->environment, "kernel")),
			   or_unknown(json_member(f->environment, "cpu")));
		if (json_is_string(json_object_get(f->environment, "qemu")))
			buf_printf(&text, ", %s", json_text_of(f->environment, "qemu"));
		buf_printf(&text, ", Midflight %s",
			   or_unknown(json_member(f->environment, "midflight")));
		print_lines(out, INDENT, text.p);
	}
}

void failure_print(const struct failure *f, bool whole, FILE *out)
{
	const struct report_entry *entry = f->entry;
	auto_buf struct buf text = {0};

	print_what(out, f, whole);
	if (whole || (!entry->known && f->dir)) {
		print_where(out, f);
		print_environment(out, f, whole);
		print_state(out, f, whole);
		print_serial(out, f, whole);
	}
	options_repro(f->options, entry->config->scenario, entry->config->method,
		      report_order(f->entry), &text);
	print_lines(out, INDENT FAILURE_AGAIN, text.p);
	text.len = 0;
	if (f->dir && (whole || !entry->known)) {
		auto_free char *file = xasprintf("%s/replay.json", f->shown);

		buf_printf(&text, "%s ", f->options->shown_replay);
		buf_shell_quote(&text, file);
		print_lines(out, INDENT FAILURE_ALONE, text.p);
	}
	if (f->shown)
		fprintf(out, INDENT "log: %s%s\n", f->shown,
			f->dir && !whole && !entry->known ? " (failure.txt has all of this)" : "");
	if (entry->known)
		fprintf(out, INDENT "see " KNOWN_LINK "%s%s%s\n", entry->known->id,
			*entry->known->fixed ? "; Linux has mended it: " : "", entry->known->fixed);
}

int failure_write(const struct failure *f, struct err *e)
{
	auto_free char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return err_set(e, "cannot write failure.txt: %s", strerror(errno));
	failure_print(f, true, out);
	return fclose(out) ? -1 : write_file(f->dir, "failure.txt", text, size, 0666, e);
}
