// SPDX-License-Identifier: BSD-2-Clause
// What moves of a VM cost, over several hops: downtime, bytes, rounds, pages that were asked for.
#include "host/report/ktap.h"
#include "host/base/cleanup.h"
#include "host/lab/lab.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 32

bool move_told(const struct move_record *move)
{
	return move->downtime_ns > 0 || move->total_ns > 0 || move->bytes > 0;
}

struct range {
	int64_t min, max, sum;
	unsigned count;
};

static void take(struct range *r, int64_t value)
{
	if (value < 0)
		return;
	if (!r->count || value < r->min)
		r->min = value;
	if (!r->count || value > r->max)
		r->max = value;
	r->sum += value;
	r->count++;
}

static void part(struct buf *text, size_t start)
{
	if (text->len > start)
		buf_printf(text, ", ");
}

/* `12.1 to 31.0 ms`, or one of the two if they are the same. */
static void say_ms(struct buf *text, const struct range *r)
{
	const double min = (double)r->min / NS_PER_MS, max = (double)r->max / NS_PER_MS;

	buf_printf(text, "downtime %.1f", min);
	if (r->max > r->min)
		buf_printf(text, " to %.1f", max);
	buf_printf(text, " ms%s", lab_time());
}

static void say_bytes(struct buf *text, const struct range *r)
{
	const double mean = (double)r->sum / r->count;

	if (mean >= 1024 * 1024)
		buf_printf(text, "%.1f MiB per move", mean / (1024 * 1024));
	else
		buf_printf(text, "%.0f KiB per move", mean / 1024);
}

static void say_rounds(struct buf *text, const struct range *r)
{
	buf_printf(text, "memory sent in %lld", (long long)r->min);
	if (r->max > r->min)
		buf_printf(text, " to %lld", (long long)r->max);
	buf_printf(text, " round%s", r->max == 1 ? "" : "s");
}

/* ` (virtual-APIC page, MSR bitmap; EPT table x4; other x30)`: KVM's own pages of vmcs12 first. */
static void say_pages(struct buf *text, const struct hop_record *hop, unsigned hops)
{
	struct {
		const char *name;
		unsigned count;
	} seen[NAMES_MAX];
	unsigned names = 0, other = 0, said = 0;

	for (unsigned i = 0; i < hops; i++)
		for (unsigned f = 0; f < hop[i].fetches; f++) {
			const char *name = hop[i].fetch[f].name;
			unsigned n = 0;

			while (n < names && strcmp(seen[n].name, name))
				n++;
			if (n == NAMES_MAX || !*name || !strcmp(name, "other")) {
				other++;
				continue;
			}
			if (n == names) {
				seen[names].name = name;
				seen[names++].count = 0;
			}
			seen[n].count++;
		}
	for (int vmcs12 = 1; vmcs12 >= 0; vmcs12--)
		for (unsigned n = 0; n < names; n++) {
			if (page_name_is_vmcs12(seen[n].name) != vmcs12)
				continue;
			buf_printf(text, "%s%s", !said ? " (" : vmcs12 ? ", " : "; ", seen[n].name);
			if (!vmcs12)
				buf_printf(text, " x%u", seen[n].count);
			said++;
		}
	if (other)
		buf_printf(text, "%sother x%u", said++ ? "; " : " (", other);
	if (said)
		buf_printf(text, ")");
}

void report_moves(const struct hop_record *hop, unsigned hops, struct buf *text)
{
	struct range downtime = {0}, bytes = {0}, rounds = {0}, requests = {0};
	const size_t start = text->len;
	unsigned fetches = 0;

	for (unsigned i = 0; i < hops; i++) {
		if (!hop[i].taken || !move_told(&hop[i].move))
			continue;
		take(&downtime, hop[i].move.downtime_ns);
		take(&bytes, hop[i].move.bytes);
		take(&rounds, hop[i].move.rounds);
		take(&requests, hop[i].move.page_requests);
		fetches += hop[i].fetches;
	}
	if (downtime.count)
		say_ms(text, &downtime);
	if (bytes.count && bytes.sum) {
		part(text, start);
		say_bytes(text, &bytes);
	}
	if (rounds.count && rounds.sum) {
		part(text, start);
		say_rounds(text, &rounds);
	}
	if (requests.count) {
		part(text, start);
		buf_printf(text, "%lld page request%s", (long long)requests.sum,
			   requests.sum == 1 ? "" : "s");
	} else if (fetches) {
		part(text, start);
		buf_printf(text, "%u page request%s", fetches, fetches == 1 ? "" : "s");
	}
	if (fetches)
		say_pages(text, hop, hops);
}

void report_pages(FILE *out, const char *name, const struct flight_result *result, bool all,
		  const char *late)
{
	for (unsigned i = 0; i < result->hops && (all || !i); i++) {
		const struct hop_record *hop = &result->hop[i];
		auto_buf struct buf text = {0};

		if (!hop->fetch)
			continue;
		pages_report(hop->fetch, hop->fetches, known_kernel(), late, &text);
		if (name)
			fprintf(out, "# %s: hop %u\n", name, i + 1);
		print_lines(out, "#   ", text.p);
	}
}
