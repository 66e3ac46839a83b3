// SPDX-License-Identifier: BSD-2-Clause
// The shards of one run put together. The files are not trusted: what is missing, doubled,
// damaged or does not fit is an error that names the file, and never a pass.
#include "host/run/run.h"
#include "host/base/json.h"
#include "host/report/result_json.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>

struct shard_file {
	const char *path;
	json_t *top;
	json_t *results; /* of @top */
	struct shard shard;
	size_t next; /* result that was not handed out yet */
};

/* The same in all shards of a run. */
static const char *const same_members[] = {
	"midflight",	"kernel",  "patch",	 "driver", "accel",	 "machine",   "irqchip",
	"cpu",		"without", "to_tsc_khz", "from",   "save_order", "save_roam", "no_cap",
	"save_wait_ms", "like",	   "scenario",	 "method", "order",	 "pages",     "freeze",
	"hops",		"seed",	   "break",	 "strict", "planned",
};

/*
 * It is whole as well: a run that came to its end, with each of its own results; or with @cut one
 * that has the first of them.
 */
static int check_whole(struct shard_file *f, bool cut, struct err *e)
{
	const json_t *shard = json_object_get(f->top, "shard"), *result;
	json_int_t want, got = 0;
	size_t i;

	f->shard = (struct shard){1, 1};
	if (json_is_object(shard))
		f->shard = (struct shard){(unsigned)json_member_integer(shard, "k"),
					  (unsigned)json_member_integer(shard, "n")};
	if (!cut && json_member_true(f->top, "interrupted"))
		return err_set(e, "that run was interrupted");
	json_array_foreach(f->results, i, result)
		got += !json_member_true(result, "control");
	if (json_array_size(f->results) == 1 && !json_member_true(f->top, "from") &&
	    !json_member_true(json_array_get(f->results, 0), "control"))
		return err_set(e, "%s stands there without its control",
			       json_text_of(json_array_get(f->results, 0), "name"));
	want = (json_member_integer(f->top, "planned") + f->shard.n - f->shard.k) / f->shard.n;
	if (got == want || (got < want && json_member_true(f->top, "interrupted")))
		return 0;
	return err_set(e, "it should have %lld results and has %lld", (long long)want,
		       (long long)got);
}

static int load(struct shard_file *f, bool cut, struct err *e)
{
	struct err why = {0};

	f->top = report_json_load(f->path, e);
	if (!f->top)
		return -1;
	f->results = json_object_get(f->top, "results");
	if (!check_whole(f, cut, &why))
		return 0;
	return err_set(e, "%s: %s", f->path, why.text);
}

/* All are of one run. */
static int check_same(const struct shard_file *first, const struct shard_file *f, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(same_members); i++) {
		const char *key = same_members[i];

		if (!json_equal(json_object_get(first->top, key), json_object_get(f->top, key)))
			return err_set(e, "%s: its '%s' is not that of %s", f->path, key,
				       first->path);
	}
	if (f->shard.n == first->shard.n)
		return 0;
	return err_set(e, "%s is shard %u of %u, but %s is one of %u", f->path, f->shard.k,
		       f->shard.n, first->path, first->shard.n);
}

/*
 * Sorts @files by shard into @sorted, which has room for all @n; none may be doubled, and none of
 * those missing that have a part of @whole.
 */
static int sort_shards(struct shard_file *files, unsigned count, const struct shard *whole,
		       struct shard_file **sorted, unsigned n, struct err *e)
{
	for (unsigned i = 0; i < count; i++) {
		struct shard_file **place = &sorted[files[i].shard.k - 1];

		if (*place)
			return err_set(e, "%s is shard %u of %u, as %s is", files[i].path,
				       files[i].shard.k, n, (*place)->path);
		*place = &files[i];
	}
	for (unsigned k = 0; k < n; k++)
		if (!sorted[k] && k % whole->n == whole->k - 1)
			return err_set(e, "shard %u of %u is missing (%s is shard %u)", k + 1, n,
				       files[0].path, files[0].shard.k);
	return 0;
}

unsigned merge_badness(const struct report_line *line)
{
	return line->word == WORD_PASS	 ? 0
	       : line->word == WORD_SKIP ? 1
	       : line->known		 ? 2
					 : 1 + (unsigned)line->word;
}

static unsigned badness(const json_t *result)
{
	const struct report_line line = report_json_line(result);

	return merge_badness(&line);
}

/* The worst control of @scenario in all files, and the number of its file. */
static json_t *find_control(struct shard_file *files, unsigned count, const char *scenario,
			    unsigned *from)
{
	json_t *worst = NULL, *result;
	size_t n;

	for (unsigned i = 0; i < count; i++)
		json_array_foreach(files[i].results, n, result) {
			if (json_member_true(result, "control") &&
			    !strcmp(json_text_of(result, "scenario"), scenario) &&
			    (!worst || badness(result) > badness(worst))) {
				worst = result;
				*from = i;
			}
		}
	return worst;
}

/* The next result of @f that is no control. */
static json_t *next_result(struct shard_file *f)
{
	json_t *result;

	do
		result = json_array_get(f->results, f->next++);
	while (json_member_true(result, "control"));
	return result;
}

static void add(struct merged *m, json_t *list, json_t *result, unsigned from)
{
	const size_t count = json_array_size(list);

	m->from = xrealloc(m->from, (count + 1) * sizeof(*m->from));
	m->from[count] = from;
	json_append(list, json_incref(result));
}

/* Those of @results whose scenarios had come no further when the run was cut off. */
static void add_controls(struct shard_file *files, unsigned count, const json_t *results,
			 struct merged *m, json_t *list, json_t *seen)
{
	json_t *result;
	size_t n;

	json_array_foreach(results, n, result) {
		const char *name = json_text_of(result, "name");
		unsigned from = 0;

		if (!json_member_true(result, "control") || json_object_get(seen, name))
			continue;
		result = find_control(files, count, json_text_of(result, "scenario"), &from);
		json_set(seen, name, json_true());
		add(m, list, result, from);
	}
}

/* The results in the order of a run without shards, into @list. 0, or -1 with @e filled. */
static int put_together(struct shard_file *files, unsigned count, struct shard_file **sorted,
			struct merged *m, json_t *list, struct err *e)
{
	const json_int_t planned = json_member_integer(files[0].top, "planned");
	json_auto_t *seen = json_got(json_object());

	for (json_int_t i = 0; i < planned; i++) {
		struct shard_file *f = sorted[i % files[0].shard.n];
		json_t *result = f ? next_result(f) : NULL;
		const char *name = json_text_of(result, "name");
		const char *scenario = json_text_of(result, "scenario");
		auto_free char *control = xasprintf("%s.control", scenario);

		if (!result)
			continue;
		if (!json_object_get(seen, control)) {
			unsigned from = 0;
			json_t *worst = find_control(files, count, scenario, &from);

			json_set(seen, control, json_true());
			if (worst) /* second halves have none */
				add(m, list, worst, from);
		}
		if (json_object_get(seen, name))
			return err_set(e, "%s: %s is there twice", f->path, name);
		json_set(seen, name, json_true());
		add(m, list, result, (unsigned)(f - files));
	}
	for (unsigned i = 0; i < count; i++)
		add_controls(files, count, files[i].results, m, list, seen);
	return 0;
}

/* Makes of the first file's object that of the whole run. */
static void make_whole(struct merged *m, struct shard_file *files, unsigned count,
		       const struct shard *whole, json_t *list)
{
	const char *started = json_text_of(files[0].top, "started");
	const struct options o = {.strict = json_member_true(files[0].top, "strict")};
	auto_by(report_free) struct report r = {0};

	for (unsigned i = 1; i < count; i++)
		if (strcmp(json_text_of(files[i].top, "started"), started) < 0)
			started = json_text_of(files[i].top, "started");
	m->top = json_incref(files[0].top);
	json_set(m->top, "started", json_text(started));
	json_set(m->top, "shard", report_json_shard(whole));
	report_init(&r, &o, stdout, NULL, 0);
	report_json_count(list, &r);
	for (unsigned i = 0; i < count; i++)
		r.interrupted |= json_member_true(files[i].top, "interrupted");
	r.json = json_incref(list);
	report_json_counts(m->top, &r);
}

int merge_files(struct merged *m, char *const *paths, unsigned count, const struct shard *whole,
		bool cut, struct err *e)
{
	const struct shard part = whole->n ? *whole : (struct shard){1, 1};
	auto_free struct shard_file *files = xcalloc(count, sizeof(*files));
	auto_free struct shard_file **sorted = NULL;
	json_auto_t *list = json_got(json_array());
	int ret = 0;

	memset(m, 0, sizeof(*m));
	for (unsigned i = 0; i < count && !ret; i++) {
		files[i].path = paths[i];
		ret = load(&files[i], cut, e);
		if (!ret)
			ret = check_same(&files[0], &files[i], e);
	}
	if (!ret) {
		sorted = xcalloc(files[0].shard.n, sizeof(struct shard_file *));
		ret = sort_shards(files, count, &part, sorted, files[0].shard.n, e);
	}
	if (!ret)
		ret = put_together(files, count, sorted, m, list, e);
	if (!ret)
		make_whole(m, files, count, whole, list);
	else
		merged_free(m);
	for (unsigned i = 0; i < count; i++)
		json_decref(files[i].top);
	return ret;
}

void merged_free(struct merged *m)
{
	json_decref(m->top);
	free(m->from);
	memset(m, 0, sizeof(*m));
}

/* What lies beside a shard's file does not lie beside the merged one. */
static void forget_files(json_t *result)
{
	static const char *const files[] = {"dir", "replay", "failure"}, *const hop_files[] = {
										 "timeline",
										 "pages"};
	json_t *hop;
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		json_set(result, files[i], json_null());
	json_array_foreach(json_object_get(result, "hops"), n, hop) {
		for (size_t i = 0; i < ARRAY_SIZE(hop_files) && json_is_object(hop); i++)
			json_set(hop, hop_files[i], json_null());
	}
}

/* Prints and writes what @m has. The exit status, or -1 with @e filled. */
static int tell(const struct options *o, const struct merged *m, FILE *out, struct err *e)
{
	const json_t *list = json_object_get(m->top, "results");
	struct options shown = *o;
	auto_by(report_free) struct report r = {0};
	json_t *result;
	size_t i;

	shown.strict = json_member_true(m->top, "strict");
	report_init(&r, &shown, out, NULL, (unsigned)json_array_size(list));
	report_plan(&r);
	json_array_foreach(list, i, result) {
		const struct report_line line = report_json_line(result);

		report_line(&r, &line);
		forget_files(result);
	}
	report_summary(&r);
	return report_json_copies(o, m->top, e) ? -1 : report_status(&r);
}

int merge(const struct options *o, FILE *out, struct err *e)
{
	static const struct shard all = {0};
	auto_by(merged_free) struct merged m = {0};

	return merge_files(&m, o->files, o->file_count, &all, false, e) ? -1 : tell(o, &m, out, e);
}
