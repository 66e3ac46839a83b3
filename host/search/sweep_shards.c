// SPDX-License-Identifier: BSD-2-Clause
// Sweeps in the lab: in one, or each moment in one of several at once.
#include "host/base/cleanup.h"
#include "host/base/json.h"
#include "host/base/signals.h"
#include "host/report/counts.h"
#include "host/report/run_dir.h"
#include "host/report/schemas.h"
#include "host/run/labs.h"
#include "host/search/sweep.h"

#include <string.h>
#include <unistd.h>

/* What lab @i has left: NULL, if it came to no end, or with @e filled if its file is damaged. */
static json_t *read_part(const struct labs *l, unsigned i, struct err *e)
{
	auto_free char *path = xasprintf("%s/" SWEEP_FILE, l->dir[i]);
	json_t *top = access(path, F_OK) ? NULL : json_read(path, SWEEP_SCHEMA, SWEEP_VERSION, e),
	       *sweep;
	size_t n;

	json_array_foreach(json_object_get(top, "sweeps"), n, sweep) {
		if (!sweep_check(sweep, e))
			continue;
		json_decref(top);
		return NULL;
	}
	return top;
}

/* Joins sweep @n of what the labs have left in @part, of which @first is the first. */
static json_t *join_one(json_t *const *part, unsigned parts, const json_t *first, size_t n)
{
	const char *name =
		json_text_of(json_array_get(json_object_get(first, "sweeps"), n), "scenario");
	const json_t *sweep[SHARDS_MAX];

	for (unsigned i = 0; i < parts; i++) {
		sweep[i] = json_array_get(json_object_get(part[i], "sweeps"), n);
		if (strcmp(json_text_of(sweep[i], "scenario"), name) != 0)
			sweep[i] = NULL;
	}
	return sweep_join(sweep, parts);
}

static int join(const struct options *o, const struct setup *setup, const struct labs *l,
		struct err *e)
{
	auto_free char *path = xasprintf("%s/" SWEEP_FILE, setup->log);
	json_t *part[SHARDS_MAX] = {NULL};
	json_auto_t *all = json_got(json_array());
	const json_t *first = NULL;
	int status = 4;

	for (unsigned i = 0; i < l->count && !*e->text; i++) {
		part[i] = read_part(l, i, e);
		first = first ?: part[i];
	}
	if (!first && !*e->text)
		err_set(e, "no lab has left any " SWEEP_FILE);
	for (size_t n = 0; !*e->text && n < json_array_size(json_object_get(first, "sweeps"));
	     n++) {
		json_t *sweep = join_one(part, l->count, first, n);

		status =
			report_worse(status, sweep_tell(sweep, (unsigned)n + 1, o->strict, stdout));
		json_append(all, sweep);
	}
	if (!*e->text) {
		json_auto_t *top = json_got(json_copy((json_t *)(uintptr_t)first));

		json_set(top, "sweeps", json_incref(all));
		if (!json_write(top, path, e))
			run_dir_join(setup->log, l->dir, l->count, top, NULL, e);
	}
	for (unsigned i = 0; i < l->count; i++)
		json_decref(part[i]);
	labs_tell_cut(l);
	return *e->text ? give_up(e->text) : labs_worst(l) == 2 ? 2 : status;
}

static int sweep_lab(struct options *o, const struct setup *setup)
{
	auto_by(labs_free) struct labs l = {0};
	struct err e = {0};
	int status;

	if (o->jobs < 2)
		return fly_in_lab(o, setup, &sweep_left);
	printf("KTAP version 1\n1..%u\n", o->scenarios);
	fflush(stdout);
	status = labs_fly(&l, o, setup, &sweep_left, o->jobs, &e) ? give_up(e.text)
								  : join(o, setup, &l, &e);
	return signals_pending() ? 128 + signals_pending() : status;
}

const struct left sweep_left = {SWEEP_FILE, "every moment", SWEEP_SCHEMA, SWEEP_VERSION, sweep_lab};
