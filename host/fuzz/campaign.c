// SPDX-License-Identifier: BSD-2-Clause
// A campaign: which program flies next, what is new in its trace, when it is over.
#include "host/base/signals.h"
#include "host/fuzz/campaign.h"
#include "host/fuzz/trace.h"

#define KEPT_MAX      4096
#define TELL_NS	      (30 * 1000 * NS_PER_MS) /* from one line of progress to the next */
#define ORACLES_EVERY 8			      /* they take as long as the rest */

/* ---- what is new ---------------------------------------------------------------------------- */

static void take_feature(void *arg, uint64_t feature)
{
	struct campaign *c = arg;
	unsigned i = (unsigned)feature & (FEATURES - 1);

	feature |= 1; /* 0 is an empty place */
	while (c->feature[i] && c->feature[i] != feature)
		i = (i + 1) & (FEATURES - 1);
	if (c->feature[i] || c->met > FEATURES / 2)
		return;
	c->feature[i] = feature;
	c->met++;
	c->fresh_feature = true;
}

static void keep_program(struct campaign *c, const struct program_lists *p)
{
	c->fresh_feature = false;
	trace_features(&c->compared.control.trace, take_feature, c);
	if (!c->fresh_feature || c->kepts == KEPT_MAX)
		return;
	c->kept = xrealloc(c->kept, (c->kepts + 1) * sizeof(*c->kept));
	c->kept[c->kepts++] = *p;
}

static void next_program(struct campaign *c, struct program_lists *p)
{
	if (c->kepts && random_next(&c->random) % 4)
		program_change(p, &c->kept[random_next(&c->random) % c->kepts], &c->random);
	else
		program_draw(p, &c->random);
}

/* ---- flying --------------------------------------------------------------------------------- */

static int fly_one(struct campaign *c, struct err *e)
{
	struct program_lists p;
	enum fuzz_word word;
	int mark;

	next_program(c, &p);
	c->vm.oracles = !c->o->no_oracles && random_next(&c->random) % ORACLES_EVERY == 0;
	mark = (int)(random_next(&c->random) % 4);
	word = fuzz_controls(&c->vm, &p, false, &c->compared);
	if (word == FUZZ_ALIKE && c->compared.control.marks)
		mark %= (int)c->compared.control.marks;
	if (word == FUZZ_ALIKE)
		word = fuzz_frozen(&c->vm, &p, mark, false, &c->compared);
	c->flown++;
	c->counts[word]++;
	if (word == FUZZ_ERROR)
		return err_set(e, "%s", c->compared.why);
	if (word != FUZZ_DROPPED && word != FUZZ_INEXACT)
		keep_program(c, &p);
	return word == FUZZ_FOUND ? findings_add(c, &p, mark, e) : 0;
}

static bool over(const struct campaign *c)
{
	if (signals_pending())
		return true;
	if (c->o->hops_given)
		return c->flown >= c->o->hops;
	return now_ns() - c->started_ns >= (int64_t)c->o->for_s * 1000 * NS_PER_MS;
}

static void tell(const struct campaign *c, FILE *f)
{
	fprintf(f,
		"# %u programs: %u alike, %u found, %u not exact, %u without an end, "
		"%u without a mark; %u states, %u kept\n",
		c->flown, c->counts[FUZZ_ALIKE], c->counts[FUZZ_FOUND], c->counts[FUZZ_INEXACT],
		c->counts[FUZZ_DROPPED], c->counts[FUZZ_NO_MARK], c->met, c->kepts);
}

int campaign_fly(struct campaign *c, struct err *e)
{
	int64_t told = now_ns();

	while (!over(c)) {
		if (fly_one(c, e))
			return 2;
		if (now_ns() - told < TELL_NS || c->o->quiet)
			continue;
		tell(c, stderr);
		told = now_ns();
	}
	for (unsigned i = 0; i < c->findings; i++)
		printf("not ok %u - finding-%u # FAIL %s, %u time%s\n", i + 1, i + 1,
		       c->finding[i].why, c->finding[i].hits, c->finding[i].hits > 1 ? "s" : "");
	tell(c, stdout);
	printf("# %lld ms in flights, %lld ms of that in saving and restoring, of %lld ms; L0's "
	       "time\n",
	       (long long)(c->vm.flown_ns / NS_PER_MS), (long long)(c->vm.moved_ns / NS_PER_MS),
	       (long long)((now_ns() - c->started_ns) / NS_PER_MS));
	return c->findings ? 1 : c->counts[FUZZ_ALIKE] ? 0 : 4;
}
