// SPDX-License-Identifier: BSD-2-Clause
// What the user gets to read: KTAP on stdout. Every failure says what, where and how to repeat it.
#include "host/report/ktap.h"
#include "host/flight/break_came.h"
#include "host/l0/environment.h"
#include "host/base/json.h"
#include "host/report/replay.h"
#include "host/report/result_json.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>

void report_begin(struct report *r, const struct options *o, FILE *out, const char *log,
		  unsigned lines, unsigned planned)
{
	report_init(r, o, out, log, lines);
	r->planned = planned;
	r->json = json_got(json_array());
	report_time(r->started);
	if (o->shown_started)
		snprintf(r->started, sizeof(r->started), "%s", o->shown_started);
	r->environment = environment_json(strcmp(o->driver, "qemu") ? NULL : o->qemu);
	report_plan(r);
}

void report_plan(const struct report *r)
{
	fprintf(r->out, "KTAP version 1\n1..%u\n", r->lines);
	fflush(r->out);
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
	auto_buf struct buf came = {0};

	fprintf(f, "%u hop%s", result->log.hops_done, result->log.hops_done == 1 ? "" : "s");
	if (result->taken && entry->config->scenario->guest)
		fprintf(f, ", L2 active in %u of %u %s", result->l2_active, result->taken,
			unit(entry));
	else if (entry->config->resume)
		fprintf(f, ", restored from a file");
	else if (entry->config->control)
		fprintf(f, " without snapshots");
	else
		fprintf(f, ", %s in %u of %u %s",
			entry->config->scenario->l2 ? "L2 active" : "proved",
			entry->config->scenario->l2 ? result->l2_active : result->taken,
			result->taken, unit(entry));
	if (*result->said)
		fprintf(f, ": %s", result->said);
	break_came_text(entry->key, entry->config, result, &came);
	fputs(buf_text(&came), f);
}

/* What was not as it should be at once, and cost a second try. */
static void print_tries(FILE *f, const struct report_entry *entry)
{
	const struct flight_result *r = entry->result;
	auto_buf struct buf text = {0};

	if (r->missed)
		buf_printf(&text, ", %u times stopped at another moment and stopped again",
			   r->missed);
	if (r->cured)
		buf_printf(&text, ", %u hops made again as an NMI of the host's had met L2",
			   r->cured);
	if (r->log.nudged)
		buf_printf(&text, ", silent until the host sent an NMI in %u hops", r->log.nudged);
	if (text.len)
		fprintf(f, "%s: %s\n", entry->name, text.p + strlen(", "));
}

/* What stands in front of the result line. */
static void print_diagnostics(FILE *f, const struct failure *failure)
{
	const struct report_entry *entry = failure->entry;
	const struct flight_result *result = entry->result;
	const struct known *known = known_of(entry->key, entry->config);
	auto_buf struct buf moves = {0};

	if (result->verdict.word == WORD_SKIP)
		return;
	if (result->verdict.word != WORD_PASS)
		failure_print(failure, false, f);
	else if (known && !entry->config->control &&
		 break_came(entry->config, result) == BREAK_NONE)
		fprintf(f, "%s" REPORT_UNMET "'%s' did not happen in %u %s\n", entry->name,
			known->text, result->taken, method_unit(entry->config->method));
	if (result->hop)
		report_moves(result->hop, result->hops, &moves);
	if (moves.len)
		fprintf(f, "%s: %s\n", entry->name, moves.p);
	print_tries(f, entry);
}

static void print_reason(FILE *f, const struct report_entry *entry)
{
	const struct verdict *v = &entry->result->verdict;
	const char *reason = v->findings ? v->finding[0] : "no reason";

	fprintf(f, "%.*s", (int)strcspn(reason, "\n"), reason);
}

/* The numbers that print_notes() has printed. */
static void read_notes(struct report_line *line)
{
	const char *proved = strstr(line->notes, " in ");

	if (sscanf(line->notes, "%u hop", &line->hops_done) != 1 || !proved ||
	    sscanf(proved, " in %u of %u ", &line->l2_active, &line->taken) != 2)
		return;
	if (strstr(line->notes, ", proved in "))
		line->l2_active = 0;
}

struct report_line report_told(const struct screen_result *told)
{
	const char *known = told->todo ? strrchr(told->text, ' ') : NULL;
	const size_t len = strcspn(told->text, ",");
	const int word = told->skip ? WORD_SKIP : told->ok ? WORD_PASS : word_find(told->text, len);
	struct report_line line = {
		.name = told->name,
		.word = word < 0 ? WORD_FAIL : (enum word)word,
		.known = known ? known_find(known + 1) : NULL,
		.diagnostics = "",
		.notes = told->text,
	};

	if (line.word > WORD_SKIP && word >= 0) /* behind `WORD, ` */
		line.notes += len + strspn(told->text + len, ", ");
	read_notes(&line);
	return line;
}

/* Long lines go on below, but for commands, which are there to be copied. */
static void print_comment(FILE *out, const char *text)
{
	while (*text) {
		const size_t len = strcspn(text, "\n");
		auto_free char *line = xasprintf("%.*s", (int)len, text);
		const char *word = line + strspn(line, " ");

		if (!strncmp(word, FAILURE_AGAIN, strlen(FAILURE_AGAIN)) ||
		    !strncmp(word, FAILURE_ALONE, strlen(FAILURE_ALONE)))
			print_lines(out, "# ", line);
		else
			print_wrapped(out, "# ", line);
		text += len + (text[len] == '\n');
	}
}

static void print_line(const struct report *r, const struct report_line *line)
{
	const bool fine = line->word == WORD_PASS || line->word == WORD_SKIP;

	print_comment(r->out, line->diagnostics);
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

void report_line(struct report *r, const struct report_line *line)
{
	report_count(r, line);
	print_line(r, line);
}

/* failure.txt and replay.json, which @result, its object in result.json, then names. */
static void write_failure(const struct failure *f, const char *run, json_t *result)
{
	const char *name = f->entry->name;
	auto_free char *failure = xasprintf("%s/failure.txt", name);
	auto_free char *file = xasprintf("%s/replay.json", name);
	struct err e = {0};
	json_auto_t *replay = replay_json(f->options, f->entry, result, run, &e);
	auto_free char *dump = replay ? json_dumps(replay, JSON_INDENT(1)) : NULL;

	if (!dump || write_file(f->dir, "replay.json", dump, strlen(dump), 0666, &e))
		fprintf(stderr, "midflight: %s\n", e.text);
	else
		json_set(result, "replay", json_text(file));
	if (failure_write(f, &e))
		fprintf(stderr, "midflight: %s\n", e.text);
	else
		json_set(result, "failure", json_text(failure));
}

void report_result(struct report *r, const struct report_entry *entry)
{
	const struct flight_result *result = entry->result;
	auto_free char *diagnostics = NULL, *notes = NULL;
	auto_free char *dir =
		r->dir && result->hop ? xasprintf("%s/%s", r->dir, entry->name) : NULL;
	auto_free char *shown = r->log ? xasprintf("%s/%s", r->log, entry->name) : NULL;
	const struct failure failure = {r->options, entry, r->environment, dir, shown};
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
	json_t *object;

	if (!d || !n)
		exit(give_up("out of memory"));
	print_diagnostics(d, &failure);
	if (result->oracle.findings && !r->oracles_told)
		fputs("  (oracle: a check of any snapshot, whatever the guest does. What was "
		      "restored and saved again "
		      "must be the same: in place, in the same vCPU; new VM, in another. L0 logs "
		      "no warning.)\n",
		      d);
	r->oracles_told |= result->oracle.findings > 0;
	if (line.word == WORD_SKIP)
		print_reason(n, entry);
	else
		print_notes(n, entry);
	fclose(d);
	fclose(n);
	line.diagnostics = diagnostics;
	line.unmet = strstr(diagnostics, REPORT_UNMET) != NULL;
	line.notes = notes;
	object = report_json_result(r, entry, &line);
	if (dir && line.word > WORD_SKIP)
		write_failure(&failure, r->run ? r->run : ".", object);
	report_count(r, &line);
	if (r->on_result)
		r->on_result(r->arg, r);
	print_line(r, &line);
}

int report_end(struct report *r, const char *dir, struct err *e)
{
	json_auto_t *top = report_json_end(r);
	const int ret = report_json_write(top, dir, e);

	report_summary(r);
	if (ret)
		fprintf(r->out, "# %s\n", e->text);
	fflush(r->out);
	report_free(r);
	return ret;
}
