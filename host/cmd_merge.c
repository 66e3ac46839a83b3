// SPDX-License-Identifier: BSD-2-Clause
// `midflight merge`: the shards of one run put together. The files are not trusted: what is
// missing, doubled, damaged or does not fit is an error that names the file, and never a pass.
#include "host/cmd.h"
#include "host/json_util.h"
#include "host/merge.h"
#include "host/report.h"
#include "host/report_json.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define PLANNED_MAX 100000
#define NAME_CHARS  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

struct shard_file {
	const char *path;
	json_t *top;
	json_t *results; /* of @top */
	struct shard shard;
	size_t next; /* result that was not handed out yet */
};

/* What a member is: s string, i integer that is not negative, b bool, o object, a array, n null. */
struct member {
	const char *key, *types;
	bool same; /* in all shards of a run */
};

static const struct member top_members[] = {
	{"midflight", "s", true},    {"kernel", "s", true},   {"driver", "s", true},
	{"accel", "s", true},	     {"machine", "s", true},  {"irqchip", "sn", true},
	{"cpu", "sn", true},	     {"without", "sn", true}, {"scenario", "sn", true},
	{"method", "sn", true},	     {"order", "s", true},    {"pages", "s", true},
	{"freeze", "s", true},	     {"hops", "i", true},     {"seed", "i", true},
	{"break", "sn", true},	     {"strict", "b", true},   {"planned", "i", true},
	{"environment", "o", false}, {"started", "s", false}, {"shard", "on", false},
	{"results", "a", false},     {"summary", "o", false}, {"interrupted", "b", false},
	{"exit_status", "i", false},
};

static const struct member shard_members[] = {{"k", "i", false}, {"n", "i", false}};

static const struct member summary_members[] = {
	{"passed", "i", false}, {"failed", "i", false},	 {"errors", "i", false},
	{"known", "i", false},	{"skipped", "i", false},
};

static const struct member result_members[] = {
	{"name", "s", false},	   {"scenario", "s", false},	{"method", "s", false},
	{"control", "b", false},   {"word", "s", false},	{"known", "sn", false},
	{"notes", "s", false},	   {"diagnostics", "s", false}, {"failed_hops", "i", false},
	{"snapshots", "i", false}, {"hops_done", "i", false},	{"known_text", "sn", false},
	{"reason", "sn", false},   {"dir", "sn", false},	{"replay", "sn", false},
	{"failure", "sn", false},
};

static bool is_type(const json_t *v, char type)
{
	switch (type) {
	case 's':
		return json_is_string(v);
	case 'i':
		return json_is_integer(v) && json_integer_value(v) >= 0;
	case 'b':
		return json_is_boolean(v);
	case 'o':
		return json_is_object(v);
	case 'a':
		return json_is_array(v);
	default:
		return json_is_null(v);
	}
}

static int check_members(const struct shard_file *f, const char *what, const json_t *object,
			 const struct member *members, size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		const json_t *v = json_object_get(object, members[i].key);
		bool good = false;

		for (const char *type = members[i].types; v && *type; type++)
			good |= is_type(v, *type);
		if (good)
			continue;
		err_set(e, "%s: %s has no good '%s'", f->path, what, members[i].key);
		return -1;
	}
	return 0;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static bool bool_of(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static int find_word(const char *name)
{
	return report_word(name, strlen(name));
}

/* What is printed of @result, which was checked. */
static struct report_line line_of(const json_t *result)
{
	const char *known = text_of(result, "known");
	const bool control = bool_of(result, "control");

	return (struct report_line){
		.name = text_of(result, "name"),
		.word = (enum word)find_word(text_of(result, "word")),
		.control = control,
		.method = method_find(text_of(result, "method")),
		.known = known ? known_find(known) : NULL,
		.failed = (unsigned)number_of(result, "failed_hops"),
		.hops = (unsigned)number_of(result, control ? "hops_done" : "snapshots"),
		.diagnostics = text_of(result, "diagnostics"),
		.notes = text_of(result, "notes"),
	};
}

static int check_result(const struct shard_file *f, size_t number, const json_t *result,
			struct err *e)
{
	char what[40];
	const char *name, *scenario, *known;
	size_t len;
	int word;

	snprintf(what, sizeof(what), "result %zu", number);
	if (check_members(f, what, result, result_members, ARRAY_SIZE(result_members), e))
		return -1;
	name = text_of(result, "name");
	scenario = text_of(result, "scenario");
	known = text_of(result, "known");
	word = find_word(text_of(result, "word"));
	len = strlen(scenario);
	if (!*name || strspn(name, NAME_CHARS) != strlen(name))
		err_set(e, "%s: %s has an odd name", f->path, what);
	else if (!len || strncmp(name, scenario, len) || (name[len] && name[len] != '.') ||
		 bool_of(result, "control") != !strcmp(name + len, ".control"))
		err_set(e, "%s: %s, %s, is not called as one of scenario '%s'", f->path, what, name,
			scenario);
	else if (method_find(text_of(result, "method")) == METHODS)
		err_set(e, "%s: %s: there is no method '%s'", f->path, name,
			text_of(result, "method"));
	else if (word < 0)
		err_set(e, "%s: %s: '%s' is no word for a result", f->path, name,
			text_of(result, "word"));
	else if (known && (word == WORD_PASS || word == WORD_SKIP || !known_find(known)))
		err_set(e, "%s: %s: '%s' is no known bug that explains it", f->path, name, known);
	else if (number_of(result, "failed_hops") > UINT_MAX ||
		 number_of(result, "snapshots") > UINT_MAX ||
		 number_of(result, "hops_done") > UINT_MAX)
		err_set(e, "%s: %s: a number is too large", f->path, name);
	else if (strchr(text_of(result, "notes"), '\n'))
		err_set(e, "%s: %s: 'notes' has more than one line", f->path, name);
	else
		return 0;
	return -1;
}

/* The file agrees with itself: its summary is what its results come to. */
static int check_counts(const struct shard_file *f, struct err *e)
{
	const json_t *summary = json_object_get(f->top, "summary");
	const struct options o = {.strict = bool_of(f->top, "strict")};
	struct report r;
	bool good;
	size_t i;
	json_t *result;

	report_init(&r, &o, stdout, NULL, 0);
	json_array_foreach(f->results, i, result)
	{
		const struct report_line line = line_of(result);

		report_count(&r, &line);
	}
	good = number_of(summary, "passed") == r.passed &&
	       number_of(summary, "failed") == r.failed &&
	       number_of(summary, "errors") == r.errors && number_of(summary, "known") == r.known &&
	       number_of(summary, "skipped") == r.skipped &&
	       number_of(f->top, "exit_status") == report_status(&r);
	report_free(&r);
	if (good)
		return 0;
	err_set(e, "%s: its summary is not what its results come to", f->path);
	return -1;
}

static int check_shard(struct shard_file *f, struct err *e)
{
	const json_t *shard = json_object_get(f->top, "shard");
	json_int_t k, n;

	f->shard = (struct shard){1, 1};
	if (json_is_null(shard))
		return 0;
	if (check_members(f, "the shard", shard, shard_members, ARRAY_SIZE(shard_members), e))
		return -1;
	k = number_of(shard, "k");
	n = number_of(shard, "n");
	if (!k || k > n || n > SHARDS_MAX) {
		err_set(e, "%s: there is no shard %lld of %lld", f->path, (long long)k,
			(long long)n);
		return -1;
	}
	f->shard = (struct shard){(unsigned)k, (unsigned)n};
	return 0;
}

/* Its own results are all there, each behind its control. */
static int check_results(const struct shard_file *f, struct err *e)
{
	const json_int_t planned = number_of(f->top, "planned");
	const json_int_t want = (planned + f->shard.n - f->shard.k) / f->shard.n;
	const char *control = "";
	json_int_t got = 0;
	size_t i;
	json_t *result;

	json_array_foreach(f->results, i, result)
	{
		if (check_result(f, i + 1, result, e))
			return -1;
		if (bool_of(result, "control"))
			control = text_of(result, "scenario");
		else
			got++;
		if (!strcmp(control, text_of(result, "scenario")))
			continue;
		err_set(e, "%s: %s stands there without its control", f->path,
			text_of(result, "name"));
		return -1;
	}
	if (got == want)
		return 0;
	err_set(e, "%s: it should have %lld results and has %lld", f->path, (long long)want,
		(long long)got);
	return -1;
}

static int load(struct shard_file *f, struct err *e)
{
	f->top = report_json_load(f->path, e);
	if (!f->top)
		return -1;
	f->results = json_object_get(f->top, "results");
	if (check_members(f, "it", f->top, top_members, ARRAY_SIZE(top_members), e) ||
	    check_members(f, "the summary", json_object_get(f->top, "summary"), summary_members,
			  ARRAY_SIZE(summary_members), e) ||
	    check_shard(f, e))
		return -1;
	if (bool_of(f->top, "interrupted")) {
		err_set(e, "%s: that run was interrupted", f->path);
		return -1;
	}
	if (number_of(f->top, "planned") > PLANNED_MAX) {
		err_set(e, "%s: 'planned' is too large", f->path);
		return -1;
	}
	return check_results(f, e) || check_counts(f, e) ? -1 : 0;
}

/* All are of one run. */
static int check_same(const struct shard_file *first, const struct shard_file *f, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(top_members); i++) {
		const char *key = top_members[i].key;

		if (top_members[i].same &&
		    !json_equal(json_object_get(first->top, key), json_object_get(f->top, key))) {
			err_set(e, "%s: its '%s' is not that of %s", f->path, key, first->path);
			return -1;
		}
	}
	if (f->shard.n == first->shard.n)
		return 0;
	err_set(e, "%s is shard %u of %u, but %s is one of %u", f->path, f->shard.k, f->shard.n,
		first->path, first->shard.n);
	return -1;
}

/* Sorts @files by shard into @sorted, which has room for all @n; none may be missing or doubled. */
static int sort_shards(struct shard_file *files, unsigned count, struct shard_file **sorted,
		       unsigned n, struct err *e)
{
	for (unsigned i = 0; i < count; i++) {
		struct shard_file **place = &sorted[files[i].shard.k - 1];

		if (*place) {
			err_set(e, "%s is shard %u of %u, as %s is", files[i].path,
				files[i].shard.k, n, (*place)->path);
			return -1;
		}
		*place = &files[i];
	}
	for (unsigned k = 0; k < n; k++)
		if (!sorted[k]) {
			err_set(e, "shard %u of %u is missing (%s is shard %u)", k + 1, n,
				files[0].path, files[0].shard.k);
			return -1;
		}
	return 0;
}

/* The worse of two results is what counts: PASS, SKIP, known, then the words as they are. */
static int badness(const json_t *result)
{
	const struct report_line line = line_of(result);

	return line.word == WORD_PASS	? 0
	       : line.word == WORD_SKIP ? 1
	       : line.known		? 2
					: 1 + line.word;
}

/* The worst control of @scenario in all files. */
static json_t *find_control(struct shard_file *files, unsigned count, const char *scenario)
{
	json_t *worst = NULL, *result;
	size_t n;

	for (unsigned i = 0; i < count; i++)
		json_array_foreach(files[i].results, n,
				   result) if (bool_of(result, "control") &&
					       !strcmp(text_of(result, "scenario"), scenario) &&
					       (!worst || badness(result) > badness(worst))) worst =
			result;
	return worst;
}

/* The next result of @f that is no control. */
static json_t *next_result(struct shard_file *f)
{
	json_t *result;

	do
		result = json_array_get(f->results, f->next++);
	while (bool_of(result, "control"));
	return result;
}

/* The results in the order of a run without shards. 0, or -1 with @e filled. */
static int put_together(struct shard_file *files, unsigned count, struct shard_file **sorted,
			json_t *list, struct err *e)
{
	const json_int_t planned = number_of(files[0].top, "planned");
	json_t *seen = json_got(json_object());
	int ret = 0;

	for (json_int_t i = 0; i < planned && !ret; i++) {
		struct shard_file *f = sorted[i % files[0].shard.n];
		json_t *result = next_result(f);
		char *control = xasprintf("%s.control", text_of(result, "scenario"));

		if (!json_object_get(seen, control)) {
			json_set(seen, control, json_true());
			json_append(list, json_incref(find_control(files, count,
								   text_of(result, "scenario"))));
		}
		free(control);
		if (json_object_get(seen, text_of(result, "name"))) {
			err_set(e, "%s: %s is there twice", f->path, text_of(result, "name"));
			ret = -1;
		}
		json_set(seen, text_of(result, "name"), json_true());
		json_append(list, json_incref(result));
	}
	json_decref(seen);
	return ret;
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
	json_array_foreach(json_object_get(result, "hops"), n, hop)
	{
		for (size_t i = 0; i < ARRAY_SIZE(hop_files) && json_is_object(hop); i++)
			json_set(hop, hop_files[i], json_null());
	}
}

/* The first shard's file with all results. */
static int write_merged(const struct options *o, struct shard_file *files, unsigned count,
			struct report *r, struct err *e)
{
	json_t *top = files[0].top, *result;
	const char *started = text_of(top, "started");
	size_t n;

	for (unsigned i = 1; i < count; i++)
		if (strcmp(text_of(files[i].top, "started"), started) < 0)
			started = text_of(files[i].top, "started");
	json_set(top, "started", json_text(started));
	json_set(top, "shard", json_null());
	json_array_foreach(r->json, n, result)
	{
		forget_files(result);
	}
	report_json_counts(top, r);
	return report_json_copies(o, top, e);
}

static int merge_loaded(const struct options *o, struct shard_file *files, unsigned count,
			FILE *out, struct err *e)
{
	const unsigned n = files[0].shard.n;
	struct shard_file **sorted = xcalloc(n, sizeof(struct shard_file *));
	struct options shown = *o;
	struct report r;
	json_t *list = json_got(json_array()), *result;
	size_t i;
	int ret = sort_shards(files, count, sorted, n, e);

	if (!ret)
		ret = put_together(files, count, sorted, list, e);
	if (!ret) {
		shown.strict = bool_of(files[0].top, "strict");
		report_begin(&r, &shown, out, NULL, (unsigned)json_array_size(list),
			     (unsigned)number_of(files[0].top, "planned"));
		json_array_foreach(list, i, result)
		{
			const struct report_line line = line_of(result);

			report_line(&r, &line);
			json_append(r.json, json_incref(result));
		}
		report_summary(&r);
		ret = report_status(&r);
		if (write_merged(o, files, count, &r, e))
			ret = -1;
		report_free(&r);
	}
	json_decref(list);
	free(sorted);
	return ret;
}

int merge(const struct options *o, FILE *out, struct err *e)
{
	struct shard_file *files = xcalloc(o->file_count, sizeof(*files));
	int ret = 0;

	for (unsigned i = 0; i < o->file_count && !ret; i++) {
		files[i].path = o->files[i];
		ret = load(&files[i], e);
		if (!ret)
			ret = check_same(&files[0], &files[i], e);
	}
	if (!ret)
		ret = merge_loaded(o, files, o->file_count, out, e);
	for (unsigned i = 0; i < o->file_count; i++)
		json_decref(files[i].top);
	free(files);
	return ret;
}

int cmd_merge(struct options *o)
{
	struct err e = {0};
	int ret = merge(o, stdout, &e);

	return ret < 0 ? fail(e.text) : ret;
}
