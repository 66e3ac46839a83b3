// SPDX-License-Identifier: BSD-2-Clause
// What the user gets to read: KTAP on stdout. Every failure says what, where and how to repeat it.
#include "host/report.h"
#include "host/report_json.h"
#include "host/report_moves.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SHOWN 10 /* failed checks per result; serial.log has all */

void report_begin(struct report *r, const struct options *o, FILE *out, const char *log,
		  unsigned lines, unsigned planned)
{
	memset(r, 0, sizeof(*r));
	r->options = o;
	r->out = out;
	r->log = log;
	r->planned = planned;
	r->json = report_json_begin();
	fprintf(out, "KTAP version 1\n1..%u\n", lines);
	fflush(out);
}

void report_repro(const struct options *o, const struct scenario *scenario, enum method method,
		  struct buf *text)
{
	struct options one = *o;

	if (o->method_text)
		one.method_text = method_name(method);
	one.shard = (struct shard){0};
	buf_printf(text, "%s", o->shown_command);
	options_words(&one, scenario, text);
}

/* Guest text is not trusted: print_lines() lets no control characters through. */
static void print_fails(FILE *f, const struct report_entry *entry)
{
	const struct guest_log *log = &entry->result->log;
	unsigned shown = log->kept < MAX_SHOWN ? log->kept : MAX_SHOWN;

	for (unsigned i = 0; i < shown; i++) {
		const struct fail *fail = &log->fail[i];
		struct buf line = {0};

		if (fail->hop)
			buf_printf(&line, "hop %u of %u: ", fail->hop, entry->config->hops);
		else
			buf_printf(&line, "before the first hop: ");
		buf_printf(&line, "%s%s%s%s", *fail->scenario ? "" : "error: ", fail->check,
			   *fail->evidence ? ": " : "", fail->evidence);
		print_lines(f, "  ", line.p);
		buf_free(&line);
	}
	if (log->fails + log->errors > shown)
		fprintf(f, "  ... and %u more in serial.log\n", log->fails + log->errors - shown);
}

static void print_oracles(FILE *f, const struct oracle_report *oracle)
{
	for (unsigned i = 0; i < oracle->findings && i < MAX_SHOWN; i++) {
		struct buf line = {0};

		buf_printf(&line, "oracle %s: %s: %s", oracle->finding[i].oracle,
			   oracle->finding[i].field, oracle->finding[i].text);
		print_lines(f, "  ", line.p);
		buf_free(&line);
	}
	if (oracle->findings + oracle->more > MAX_SHOWN)
		fprintf(f, "  ... and %u more\n", oracle->findings + oracle->more - MAX_SHOWN);
}

static void print_failure(FILE *f, const struct report *r, const struct report_entry *entry)
{
	const struct flight_result *result = entry->result;
	const struct verdict *v = &result->verdict;
	struct buf text = {0};

	fprintf(f, "%s: %s%s\n", entry->name, word_name(v->word), entry->known ? ", known" : "");
	for (unsigned i = 0; i < v->findings; i++)
		print_lines(f, "  ", v->finding[i]);
	print_fails(f, entry);
	print_oracles(f, &result->oracle);
	if (result->details.len)
		print_lines(f, "  | ", result->details.p);
	if (result->messages.len && !entry->known) {
		fprintf(f, "  QEMU's own words:\n");
		print_lines(f, "  | ", result->messages.p);
	}
	if (!entry->config->control && !entry->control_passed && !entry->known)
		fprintf(f, "  The control without snapshots did not pass either: this says nothing "
			   "about snapshots.\n");
	report_repro(r->options, entry->config->scenario, entry->config->method, &text);
	print_lines(f, "  again: ", text.p);
	fprintf(f, "  log: %s/%s\n", r->log, entry->name);
	if (entry->known)
		fprintf(f, "  see docs/known-failures.md#%s\n", entry->known->id);
	buf_free(&text);
}

/* A stopped VM that was saved is a snapshot, whatever happened to it then. */
static const char *unit(const struct report_entry *entry)
{
	const enum method_kind kind = method_info(entry->config->method)->kind;

	return kind == KIND_FREEZE || kind == KIND_PAUSE ? "snapshots"
							 : method_unit(entry->config->method);
}

static void print_notes(FILE *f, const struct report_entry *entry)
{
	const struct flight_result *result = entry->result;

	fprintf(f, "%u hops", result->log.hops_done);
	if (entry->config->resume)
		fprintf(f, ", restored from a file");
	else if (entry->config->control)
		fprintf(f, " without snapshots");
	else
		fprintf(f, ", %s in %u of %u %s",
			entry->config->scenario->l2 ? "L2 active" : "proved",
			entry->config->scenario->l2 ? result->l2_active : result->taken,
			result->taken, unit(entry));
	if (result->missed)
		fprintf(f, ", %u missed and retaken", result->missed);
	if (result->log.nudged)
		fprintf(f, ", %u nudged", result->log.nudged);
}

/* What stands in front of the result line. */
static void print_diagnostics(FILE *f, const struct report *r, const struct report_entry *entry)
{
	const struct flight_result *result = entry->result;
	const struct known *known = known_of(entry->key, entry->config->method);
	struct buf moves = {0};

	if (result->verdict.word == WORD_SKIP)
		return;
	if (result->verdict.word != WORD_PASS)
		print_failure(f, r, entry);
	else if (known && !entry->config->control)
		fprintf(f, "%s: known failure passed: '%s' did not happen in %u %s\n", entry->name,
			known->text, result->taken, method_unit(entry->config->method));
	if (result->hop)
		report_moves(result->hop, result->hops, &moves);
	if (moves.len)
		fprintf(f, "%s: %s\n", entry->name, moves.p);
	buf_free(&moves);
}

static void print_reason(FILE *f, const struct report_entry *entry)
{
	const struct verdict *v = &entry->result->verdict;
	const char *reason = v->findings ? v->finding[0] : "no reason";

	fprintf(f, "%.*s", (int)strcspn(reason, "\n"), reason);
}

static void count_bug(struct report *r, const struct report_line *line)
{
	const char *what = line->control ? "hops" : method_unit(line->method);
	unsigned i;

	for (i = 0; i < r->bugs && strcmp(r->bug[i].known->id, line->known->id); i++)
		;
	if (i == ARRAY_SIZE(r->bug))
		return; /* the result line has named it all the same */
	if (i == r->bugs) {
		r->bug[r->bugs].known = line->known;
		r->bug[r->bugs++].unit = what;
	}
	r->bug[i].failed += line->failed;
	r->bug[i].hops += line->hops;
	if (strcmp(r->bug[i].unit, what))
		r->bug[i].unit =
			line->control || !strcmp(r->bug[i].unit, "hops") ? "hops" : "moves";
}

static void print_bugs(const struct report *r)
{
	fprintf(r->out, ", %u known KVM bug%s found: ", r->bugs, r->bugs > 1 ? "s" : "");
	for (unsigned i = 0; i < r->bugs; i++)
		fprintf(r->out, "%s%s (%u of %u %s)", i ? "; " : "", r->bug[i].known->text,
			r->bug[i].failed, r->bug[i].hops, r->bug[i].unit);
}

void report_count(struct report *r, const struct report_line *line)
{
	r->results++;
	if (line->word == WORD_PASS) {
		r->passed++;
	} else if (line->word == WORD_SKIP) {
		r->skipped++;
	} else if (line->known) {
		r->known++;
		count_bug(r, line);
	} else if (line->word == WORD_ERROR) {
		r->errors++;
	} else {
		r->failed++;
	}
}

void report_line(struct report *r, const struct report_line *line)
{
	const bool fine = line->word == WORD_PASS || line->word == WORD_SKIP;

	report_count(r, line);
	print_lines(r->out, "# ", line->diagnostics);
	fprintf(r->out, "%sok %u - %s # ", fine ? "" : "not ", r->results, line->name);
	if (line->known)
		fprintf(r->out, "TODO known KVM bug: %s", line->known->id);
	else if (line->word == WORD_SKIP)
		fprintf(r->out, "SKIP ");
	else if (line->word != WORD_PASS)
		fprintf(r->out, "%s, ", word_name(line->word));
	if (line->known || !*line->notes)
		fprintf(r->out, "\n");
	else
		print_lines(r->out, "", line->notes);
	fflush(r->out);
}

void report_result(struct report *r, const struct report_entry *entry)
{
	const struct flight_result *result = entry->result;
	char *diagnostics = NULL, *notes = NULL;
	size_t size;
	FILE *d = open_memstream(&diagnostics, &size), *n = open_memstream(&notes, &size);
	struct report_line line = {
		.name = entry->name,
		.word = result->verdict.word,
		.control = entry->config->control,
		.method = entry->config->method,
		.known = entry->known,
		.failed = failed_hops(&result->log),
		.hops = entry->config->control ? result->log.hops_done : result->taken,
	};

	if (!d || !n) {
		fputs("midflight: out of memory\n", stderr);
		exit(2);
	}
	print_diagnostics(d, r, entry);
	if (line.word == WORD_SKIP)
		print_reason(n, entry);
	else
		print_notes(n, entry);
	fclose(d);
	fclose(n);
	line.diagnostics = diagnostics;
	line.notes = notes;
	report_line(r, &line);
	report_json_result(r->json, entry, &line);
	free(diagnostics);
	free(notes);
}

int report_status(const struct report *r)
{
	if (r->failed || (r->known && r->options->strict))
		return 1;
	if (r->errors)
		return 2;
	return r->passed || r->known ? 0 : 4;
}

void report_summary(const struct report *r)
{
	if (r->options->quiet)
		return;
	fprintf(r->out, "# midflight: %u passed, %u failed", r->passed, r->failed);
	if (r->errors)
		fprintf(r->out, ", %u errors (the harness or L1, not KVM)", r->errors);
	if (r->skipped)
		fprintf(r->out, ", %u skipped", r->skipped);
	if (r->known)
		print_bugs(r);
	fprintf(r->out, "%s\n", r->interrupted ? "; interrupted" : "");
	if (r->log)
		fprintf(r->out, "# logs: %s\n", r->log);
}

int report_end(struct report *r, const char *dir, struct err *e)
{
	int ret = report_json_end(r, dir, e);

	report_summary(r);
	if (ret)
		fprintf(r->out, "# %s\n", e->text);
	fflush(r->out);
	return ret;
}
