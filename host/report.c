// SPDX-License-Identifier: BSD-2-Clause
// What the user gets to read: KTAP on stdout. Every failure says what, where and how to repeat it.
#include "host/report.h"
#include "host/report_json.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SHOWN 10 /* failed checks per result; serial.log has all */

void report_begin(struct report *r, const struct options *o, const char *log, unsigned planned)
{
	memset(r, 0, sizeof(*r));
	r->options = o;
	r->log = log;
	r->json = report_json_begin();
	printf("KTAP version 1\n1..%u\n", planned);
	fflush(stdout);
}

void report_repro(const struct options *o, const struct scenario *scenario, struct buf *text)
{
	buf_printf(text, "%s", o->shown_command);
	options_words(o, scenario, text);
}

/* Guest text is not trusted: one line, no control characters. */
static void say(const char *prefix, const char *text)
{
	print_lines(stdout, prefix, text);
}

static void print_fails(const struct report_entry *entry)
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
		say("#   ", line.p);
		buf_free(&line);
	}
	if (log->fails + log->errors > shown)
		printf("#   ... and %u more in serial.log\n", log->fails + log->errors - shown);
}

static void print_oracles(const struct oracle_report *oracle)
{
	for (unsigned i = 0; i < oracle->findings && i < MAX_SHOWN; i++) {
		struct buf line = {0};

		buf_printf(&line, "oracle %s: %s: %s", oracle->finding[i].oracle,
			   oracle->finding[i].field, oracle->finding[i].text);
		say("#   ", line.p);
		buf_free(&line);
	}
	if (oracle->findings + oracle->more > MAX_SHOWN)
		printf("#   ... and %u more\n", oracle->findings + oracle->more - MAX_SHOWN);
}

static void print_failure(const struct report *r, const struct report_entry *entry)
{
	const struct flight_result *result = entry->result;
	const struct verdict *v = &result->verdict;
	struct buf text = {0};

	printf("# %s: %s%s\n", entry->name, word_name(v->word), entry->known ? ", known" : "");
	for (unsigned i = 0; i < v->findings; i++)
		say("#   ", v->finding[i]);
	print_fails(entry);
	print_oracles(&result->oracle);
	if (result->details.len)
		say("#   | ", result->details.p);
	if (result->messages.len && !entry->known) {
		printf("#   QEMU's own words:\n");
		say("#   | ", result->messages.p);
	}
	if (!entry->config->control && !entry->control_passed && !entry->known)
		printf("#   The control without snapshots did not pass either: this says nothing "
		       "about snapshots.\n");
	report_repro(r->options, entry->config->scenario, &text);
	say("#   again: ", text.p);
	printf("#   log: %s/%s\n", r->log, entry->name);
	buf_free(&text);
}

static void print_notes(const struct report_entry *entry)
{
	const struct flight_result *result = entry->result;

	printf("%u hops", result->log.hops_done);
	if (entry->config->resume)
		printf(", restored from a file");
	else if (entry->config->control)
		printf(" without snapshots");
	else
		printf(entry->config->scenario->l2 ? ", L2 active in %u of %u snapshots"
						   : ", proved in %u of %u snapshots",
		       entry->config->scenario->l2 ? result->l2_active : result->taken,
		       result->taken);
	if (result->missed)
		printf(", %u missed and retaken", result->missed);
	if (result->log.nudged)
		printf(", %u nudged", result->log.nudged);
}

static void print_known(struct report *r, const struct report_entry *entry)
{
	const struct flight_result *result = entry->result;
	const struct known *known = entry->known;
	unsigned i;

	printf("#   see docs/known-failures.md#%s\n", known->id);
	printf("not ok %u - %s # TODO known KVM bug: %s\n", r->results, entry->name, known->id);
	for (i = 0; i < r->bugs && strcmp(r->bug[i].known->id, known->id); i++)
		;
	if (i == ARRAY_SIZE(r->bug))
		return; /* the result line has named it all the same */
	if (i == r->bugs)
		r->bug[r->bugs++].known = known;
	r->bug[i].failed += failed_hops(&result->log);
	r->bug[i].hops += entry->config->control ? result->log.hops_done : result->taken;
	r->bug[i].control |= entry->config->control;
}

static void print_bugs(const struct report *r)
{
	printf(", %u known KVM bug%s found: ", r->bugs, r->bugs > 1 ? "s" : "");
	for (unsigned i = 0; i < r->bugs; i++)
		printf("%s%s (%u of %u %s)", i ? "; " : "", r->bug[i].known->text, r->bug[i].failed,
		       r->bug[i].hops,
		       r->bug[i].control ? "hops" : r->bug[i].known->traits & METHOD_RESTORES ? "restores" : "pauses");
}

void report_result(struct report *r, const struct report_entry *entry)
{
	const struct verdict *v = &entry->result->verdict;
	const struct known *known = known_of(entry->name, entry->config->method);

	r->results++;
	report_json_result(r->json, entry);
	switch (v->word) {
	case WORD_PASS:
		r->passed++;
		if (known && !entry->config->control)
			printf("# %s: known failure passed: '%s' did not happen in %u %s\n",
			       entry->name, known->text, entry->result->taken,
			       method_unit(entry->config->method));
		printf("ok %u - %s # ", r->results, entry->name);
		print_notes(entry);
		printf("\n");
		break;
	case WORD_SKIP:
		r->skipped++;
		printf("ok %u - %s # SKIP ", r->results, entry->name);
		say("", v->findings ? v->finding[0] : "no reason");
		break;
	default:
		print_failure(r, entry);
		if (entry->known) {
			r->known++;
			print_known(r, entry);
			break;
		}
		if (v->word == WORD_ERROR)
			r->errors++;
		else
			r->failed++;
		printf("not ok %u - %s # %s, ", r->results, entry->name, word_name(v->word));
		print_notes(entry);
		printf("\n");
	}
	fflush(stdout);
}

int report_status(const struct report *r)
{
	if (r->failed || (r->known && r->options->strict))
		return 1;
	if (r->errors)
		return 2;
	return r->passed || r->known ? 0 : 4;
}

int report_end(struct report *r, const char *dir, struct err *e)
{
	int ret = report_json_end(r, dir, e);

	if (!r->options->quiet) {
		printf("# midflight: %u passed, %u failed", r->passed, r->failed);
		if (r->errors)
			printf(", %u errors (the harness or L1, not KVM)", r->errors);
		if (r->skipped)
			printf(", %u skipped", r->skipped);
		if (r->known)
			print_bugs(r);
		printf("%s\n# logs: %s\n", r->interrupted ? "; interrupted" : "", r->log);
	}
	if (ret)
		printf("# %s\n", e->text);
	fflush(stdout);
	return ret;
}
