// SPDX-License-Identifier: BSD-2-Clause
// Counts results: what the summary and the exit status come from.
#include "host/report/counts.h"
#include "host/kvm/kvm_state.h"

#include <stdlib.h>
#include <string.h>

void report_init(struct report *r, const struct options *o, FILE *out, const char *log,
		 unsigned lines)
{
	*r = (struct report){.options = o, .out = out, .log = log, .lines = lines};
}

void report_free(struct report *r)
{
	for (unsigned i = 0; i < r->skips; i++)
		free(r->skip[i].reason);
	free(r->skip);
	free(r->bug);
	buf_free(&r->unmet_names);
	buf_free(&r->failed_names);
	buf_free(&r->error_names);
	free(r->worst);
	r->worst = NULL;
	json_decref(r->environment);
	json_decref(r->json);
	r->skip = NULL;
	r->bug = NULL;
	r->skips = r->bugs = 0;
	r->environment = r->json = NULL;
}

const char *report_order(const struct report_entry *entry)
{
	const struct flight_config *c = entry->config;

	return c->control || !c->vm.order ? NULL : c->vm.order->name;
}

static void count_bug(struct report *r, const struct report_line *line)
{
	const char *what = line->control ? "hops" : method_unit(line->method);
	unsigned i;

	for (i = 0; i < r->bugs && strcmp(r->bug[i].known->id, line->known->id); i++)
		;
	if (i == r->bugs) {
		r->bug = xrealloc(r->bug, (i + 1) * sizeof(*r->bug));
		memset(&r->bug[i], 0, sizeof(*r->bug));
		r->bug[r->bugs].known = line->known;
		r->bug[r->bugs++].unit = what;
	}
	r->bug[i].results++;
	r->bug[i].failed += line->failed;
	r->bug[i].hops += line->hops;
	if (strcmp(r->bug[i].unit, what))
		r->bug[i].unit =
			line->control || !strcmp(r->bug[i].unit, "hops") ? "hops" : "moves";
}

static void count_skip(struct report *r, const char *reason)
{
	unsigned i = 0;

	while (i < r->skips && strcmp(r->skip[i].reason, reason) != 0)
		i++;
	if (i == r->skips) {
		r->skip = xrealloc(r->skip, (i + 1) * sizeof(*r->skip));
		r->skip[i].reason = xstrdup(reason);
		r->skip[i].count = 0;
		r->skips++;
	}
	r->skip[i].count++;
}

static void add_name(struct buf *names, const char *name)
{
	buf_printf(names, "%s%s", names->len ? ", " : "", name);
}

/* Which result to look at first. */
static void take_worst(struct report *r, const struct report_line *line)
{
	if (line->word <= WORD_SKIP || (r->worst && (line->known || !r->worst_known)))
		return;
	free(r->worst);
	r->worst = xstrdup(line->name);
	r->worst_known = line->known;
}

void report_count(struct report *r, const struct report_line *line)
{
	r->results++;
	take_worst(r, line);
	if (line->word == WORD_PASS) {
		r->passed++;
		if (line->unmet) {
			r->unmet++;
			add_name(&r->unmet_names, line->name);
		}
	} else if (line->word == WORD_SKIP) {
		r->skipped++;
		count_skip(r, line->notes);
	} else if (line->known) {
		r->known++;
		count_bug(r, line);
	} else if (line->word == WORD_ERROR) {
		r->errors++;
		add_name(&r->error_names, line->name);
	} else {
		r->failed++;
		add_name(&r->failed_names, line->name);
	}
}

int report_status(const struct report *r)
{
	if (r->failed || (r->known && r->options->strict))
		return 1;
	if (r->errors)
		return 2;
	return r->passed || r->known ? 0 : 4;
}

int report_worse(int a, int b)
{
	static const int order[] = {1, 2, 0, 4};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return 2;
}
