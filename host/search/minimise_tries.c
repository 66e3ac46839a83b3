// SPDX-License-Identifier: BSD-2-Clause
// Which smaller options are tried, in which order.
#include "host/search/search.h"
#include "host/base/cleanup.h"

#include <string.h>

/* @smaller becomes @best if it fails alike. */
static bool try(struct minimise *m, struct options *best, const struct options *smaller,
		const char *what)
{
	if (m->tries >= MINIMISE_TRIES)
		return false;
	m->tries++;
	if (!m->fails(m->arg, smaller, what))
		return false;
	*best = *smaller;
	return true;
}

/* What is left out, or as if nobody had asked for it. */
static void drop_options(struct minimise *m, struct options *best)
{
	static char eager[] = "eager";
	struct options standard, o = *best;
	struct err e = {0};

	options_init(&standard);
	o.order = standard.order;
	if (strcmp(best->order, o.order) != 0)
		try(m, best, &o, "--order qemu");
	o = *best;
	options_pages(&o, eager, &e);
	if (best->pages_config.mode != PAGES_EAGER)
		try(m, best, &o, "--pages eager");
	o = *best;
	o.kick = false;
	if (best->kick)
		try(m, best, &o, "no --kick");
	o = *best;
	o.no_oracles = true;
	/* Elsewhere there are none. */
	if (!best->no_oracles && !best->breakage && best->pages_config.mode == PAGES_EAGER)
		try(m, best, &o, "--no-oracles");
	o = *best;
	o.seed = o.pages_config.seed = standard.seed;
	if (best->seed != o.seed)
		try(m, best, &o, "--seed 1");
	o = *best;
	o.timeout_s = standard.timeout_s;
	o.nudge_s = standard.nudge_s;
	o.nudge_given = false;
	if (best->timeout_s != o.timeout_s || best->nudge_s < o.nudge_s ||
	    best->nudge_s > o.nudge_s)
		try(m, best, &o, "no --timeout, no --nudge");
}

static bool try_hops(struct minimise *m, struct options *best, unsigned hops)
{
	struct options o = *best;
	char what[40];

	o.hops = hops;
	o.hops_given = true;
	snprintf(what, sizeof(what), "--loops %u", hops);
	return try(m, best, &o, what);
}

static void drop_hops(struct minimise *m, struct options *best)
{
	unsigned low = 1;

	if (best->hops == 1 || try_hops(m, best, 1))
		return;
	while (best->hops - low > 1 && m->tries < MINIMISE_TRIES) {
		const unsigned middle = low + (best->hops - low) / 2;

		if (!try_hops(m, best, middle))
			low = middle;
	}
}

int64_t round_between(int64_t low, int64_t high)
{
	const int64_t middle = low + (high - low) / 2;
	int64_t unit = 1, best = middle;

	for (; unit <= high; unit *= 10) {
		const int64_t below = middle / unit * unit;

		if (below > low)
			best = below;
		else if (below + unit < high)
			best = below + unit;
	}
	return best;
}

/* Freezes at @when, as on the command line. */
static bool try_freeze(struct minimise *m, struct options *best, const char *when)
{
	const unsigned other = !m->used;
	struct options o = *best;
	struct err e = {0};
	char what[60];

	snprintf(m->text[other], sizeof(m->text[other]), "%s", when);
	snprintf(what, sizeof(what), "--freeze %s", when);
	if (options_freeze(&o, m->text[other], &e) || !try(m, best, &o, what))
		return false;
	m->used = other;
	return true;
}

static bool move_freeze(struct minimise *m, struct options *best)
{
	const char *before = best->freeze_text;
	const bool steps = best->freeze.at == FREEZE_STEPS;
	const int64_t exact = steps ? 1 : MINIMISE_STEP_NS;
	unsigned tries = 0;
	int64_t low = steps ? 0 : -1;

	if (best->freeze.at == FREEZE_NOW || try_freeze(m, best, "now"))
		return before != best->freeze_text;
	if (!FREEZE_BEHIND_MARK(&best->freeze))
		return false;
	while (best->freeze.value - low > exact && tries++ < MINIMISE_AFTER_TRIES &&
	       m->tries < MINIMISE_TRIES) {
		const int64_t middle = round_between(low, best->freeze.value);
		char when[40];

		snprintf(when, sizeof(when), "%s=%lld", steps ? "steps" : "after",
			 (long long)middle);
		if (!try_freeze(m, best, when))
			low = middle;
	}
	return before != best->freeze_text;
}

/* Freezes a foreign guest at moments @from to @to only. */
static bool try_freezes(struct minimise *m, struct options *best, unsigned from, unsigned to)
{
	const unsigned other = !m->used;
	struct options o = *best;
	auto_buf struct buf list = {0};
	char what[60];

	for (unsigned n = from; n <= to; n++)
		buf_printf(&list, "%s%u", n > from ? "," : "", n);
	if (list.len >= sizeof(m->text[other]))
		return false;
	strcpy(m->text[other], list.p);
	o.guest.freezes = m->text[other];
	snprintf(what, sizeof(what), "--freezes %u%s%u", from, from < to ? " to " : ", alone, of ",
		 from < to ? to : m->last);
	if (!try(m, best, &o, what))
		return false;
	m->used = other;
	return true;
}

/*
 * Of a foreign guest's freezes one, if that is enough: most likely that in front of what went
 * wrong, or one shortly before. Else the fewest in a row.
 */
static void drop_freezes(struct minimise *m, struct options *best)
{
	unsigned low = 1, high = m->last; /* from @low on it fails, the last alone is not enough */

	if (best->guest.freezes || !m->last)
		return;
	for (unsigned n = m->last; n && m->last - n < MINIMISE_SINGLES; n--)
		if (try_freezes(m, best, n, n))
			return;
	while (high - low > 1 && m->tries < MINIMISE_TRIES) {
		const unsigned middle = low + (high - low) / 2;

		*(try_freezes(m, best, middle, m->last) ? &low : &high) = middle;
	}
}

void minimise(struct minimise *m, struct options *o)
{
	if (o->guest.file) {
		drop_freezes(m, o);
		drop_options(m, o);
		return;
	}
	drop_options(m, o);
	drop_hops(m, o);
	if (!move_freeze(m, o))
		return;
	drop_options(m, o);
	drop_hops(m, o);
}
