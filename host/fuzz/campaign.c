// SPDX-License-Identifier: BSD-2-Clause
// A campaign: which program flies next, what is new in its trace, when it is over.
#include "host/base/cleanup.h"
#include "host/base/signals.h"
#include "host/fuzz/campaign.h"
#include "host/fuzz/trace.h"
#include "host/lab/ran.h"

#include <stdlib.h>

#define TELL_NS	      (30 * 1000 * NS_PER_MS) /* from one line of progress to the next */
#define ORACLES_EVERY 8			      /* they take as long as the rest */
#define POINT_EVERY   8			      /* programs, at first */
#define LEAVE_EVERY   32

/* A shard draws from a stream of its own, which the number of shards does not change. */
static uint64_t stream_of(const struct options *o)
{
	const uint64_t k = o->shard.k;

	return o->shard.n > 1 ? hash_bytes(o->seed, &k, sizeof(k)) : o->seed;
}

void campaign_init(struct campaign *c, const struct options *o, const struct setup *setup,
		   const struct corpus *given)
{
	c->o = o;
	c->setup = setup;
	c->given = given;
	c->random = stream_of(o);
	c->point_every = POINT_EVERY;
	c->started_ns = now_ns();
}

void campaign_free(struct campaign *c)
{
	corpus_free(&c->kept);
	free(c->finding);
}

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

/* Whether what flew last did anything that nothing before it did: in its trace, or in KVM. */
static bool is_new(struct campaign *c, bool fresh_code)
{
	c->fresh_feature = fresh_code;
	trace_features(&c->compared.control.trace, take_feature, c);
	return c->fresh_feature;
}

/* If @p is worth to be changed later. */
static int keep_program(struct campaign *c, const struct program_lists *p, bool fresh_code,
			struct err *e)
{
	auto_free char *dir = xasprintf("%s/" FUZZ_CORPUS, c->setup->log);
	struct corpus last;

	if (!is_new(c, fresh_code) || !corpus_add(&c->kept, p))
		return 0;
	last = (struct corpus){&c->kept.program[c->kept.count - 1], 1};
	return corpus_write(&last, dir, e);
}

static void next_program(struct campaign *c, struct program_lists *p)
{
	if (c->kept.count && random_next(&c->random) % 4)
		program_change(p, &c->kept.program[random_next(&c->random) % c->kept.count].lists,
			       &c->random);
	else
		program_draw(p, &c->random);
}

/* ---- flying --------------------------------------------------------------------------------- */

/*
 * A point of the series, if it is time: by programs, so that it repeats. When there are too many
 * each second one goes. All that there is leaves the lab then, but not so often that it costs.
 */
static int add_point(struct campaign *c, struct err *e)
{
	const struct campaign_point now = {c->flown, c->met, c->kept.count, c->findings};

	if (c->flown % c->point_every)
		return 0;
	c->point[c->points++] = now;
	if (c->points == POINTS) {
		for (unsigned i = 0; i < POINTS / 2; i++)
			c->point[i] = c->point[2 * i + 1];
		c->points = POINTS / 2;
		c->point_every *= 2;
	}
	return c->flown % LEAVE_EVERY ? 0 : campaign_write(c, e);
}

static int fly_one(struct campaign *c, struct program_lists *p, struct err *e)
{
	enum fuzz_word word;
	long code;
	int mark;

	lab_ran_new(); /* by what made the last finding smaller */
	c->vm.oracles = !c->o->no_oracles && random_next(&c->random) % ORACLES_EVERY == 0;
	mark = (int)(random_next(&c->random) % 4);
	word = fuzz_controls(&c->vm, p, false, &c->compared);
	if (word == FUZZ_ALIKE && c->compared.control.marks)
		mark %= (int)c->compared.control.marks;
	if (word == FUZZ_ALIKE)
		word = fuzz_frozen(&c->vm, p, mark, false, &c->compared);
	c->flown++;
	c->counts[word]++;
	code = lab_ran_new();
	c->code = code < 0 ? -1 : c->code + code;
	if (word == FUZZ_ERROR)
		return err_set(e, "%s", c->compared.why);
	/* What comes to no mark is no parent: its children would come to none either. */
	if ((word == FUZZ_ALIKE || word == FUZZ_FOUND) && keep_program(c, p, code > 0, e))
		return -1;
	if (word == FUZZ_FOUND && findings_add(c, p, mark, e))
		return -1;
	return add_point(c, e);
}

/* What is left of --loops for this shard, as `run` deals its results. */
static unsigned loops_of(const struct options *o)
{
	return o->shard.n ? (o->hops + o->shard.n - o->shard.k) / o->shard.n : o->hops;
}

static bool over(const struct campaign *c)
{
	if (signals_pending())
		return true;
	if (c->o->hops_given)
		return c->flown - c->read >= loops_of(c->o);
	return now_ns() - c->started_ns >= (int64_t)c->o->for_s * 1000 * NS_PER_MS;
}

static void tell(const struct campaign *c, FILE *f)
{
	json_auto_t *top = campaign_json(c);

	fuzz_json_tell(top, f);
}

static bool is_own(const struct options *o, unsigned i)
{
	return !o->shard.n || i % o->shard.n == o->shard.k - 1;
}

/* What was kept elsewhere comes first; what of it meets nothing new here is not kept again. */
static int fly_given(struct campaign *c, struct err *e)
{
	for (unsigned i = 0; c->given && i < c->given->count && !signals_pending(); i++) {
		struct program_lists p = c->given->program[i].lists;

		if (!is_own(c->o, i))
			continue;
		c->read++;
		if (fly_one(c, &p, e))
			return -1;
	}
	if (c->read)
		printf("# %u programs of the corpus flew, %u of them are kept\n", c->read,
		       c->kept.count);
	return 0;
}

int campaign_fly(struct campaign *c, struct err *e)
{
	int64_t told = now_ns();
	json_auto_t *top = NULL;

	if (fly_given(c, e))
		return 2;
	while (!over(c)) {
		struct program_lists p;

		next_program(c, &p);
		if (fly_one(c, &p, e))
			return 2;
		if (now_ns() - told < TELL_NS || c->o->quiet)
			continue;
		tell(c, stderr);
		told = now_ns();
	}
	top = campaign_json(c);
	fuzz_json_findings(top, stdout);
	fuzz_json_tell(top, stdout);
	printf("# %lld ms in flights, %lld ms of that in saving and restoring, of %lld ms; L0's "
	       "time\n",
	       (long long)(c->vm.flown_ns / NS_PER_MS), (long long)(c->vm.moved_ns / NS_PER_MS),
	       (long long)((now_ns() - c->started_ns) / NS_PER_MS));
	return fuzz_json_status(top);
}
