// SPDX-License-Identifier: BSD-2-Clause
// One campaign in several labs at once: makes of what they have left what one would have.
#include "host/base/cleanup.h"
#include "host/base/signals.h"
#include "host/fuzz/campaign.h"
#include "host/lab/coverage.h"
#include "host/report/run_dir.h"
#include "host/run/labs.h"

static int join(const struct setup *setup, const struct labs *l, struct err *e)
{
	auto_by(joined_free) struct joined j = {0};
	int status = labs_worst(l);

	if (fuzz_join(&j, l->dir, l->count, true, e) ||
	    fuzz_join_write(&j, l->dir, setup->log, e) ||
	    coverage_join(setup->log, l->dir, l->count, e))
		return give_up(e->text);
	for (unsigned i = 0; i < l->count; i++)
		run_dir_clean_programs(l->dir[i]);
	if (run_dir_join(setup->log, l->dir, l->count, j.top, NULL, e))
		status = give_up(e->text);
	labs_tell_cut(l);
	fuzz_json_findings(j.top, stdout);
	fuzz_json_tell(j.top, stdout);
	return status;
}

int fuzz_shards(const struct options *o, const struct setup *setup, const struct left *left,
		unsigned count)
{
	auto_by(labs_free) struct labs l = {0};
	struct err e = {0};
	int status;

	puts("KTAP version 1");
	status = labs_fly(&l, o, setup, left, count, &e) ? give_up(e.text) : join(setup, &l, &e);
	return signals_pending() ? 128 + signals_pending() : status;
}
