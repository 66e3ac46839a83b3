// SPDX-License-Identifier: BSD-2-Clause
// fuzz.json: checks what was read, and tells it as the campaign itself does.
#include "host/report/fuzz_json.h"
#include "host/base/cleanup.h"
#include "host/report/schemas.h"

#include <string.h>

#define FINDINGS_MAX 10000
#define PARTS_MAX    1000
#define COUNT_MAX    (1ll << 40)

static const struct json_member top_members[] = {
	{"midflight", "s"}, {"kernel", "s"},   {"order", "s"},	  {"enlightened", "b"},
	{"oracles", "b"},   {"control", "b"},  {"break", "sn"},	  {"flown", "u"},
	{"read", "u"},	    {"alike", "u"},    {"found", "u"},	  {"not_exact", "u"},
	{"no_end", "u"},    {"no_mark", "u"},  {"states", "u"},	  {"kept", "u"},
	{"parts", "a"},	    {"features", "a"}, {"findings", "a"},
};

static const struct json_member finding_members[] = {
	{"kind", "s"}, {"why", "s"},  {"program", "s"}, {"mark", "u"},
	{"hits", "u"}, {"more", "u"}, {"known", "sn"},
};

static const struct json_member part_members[] = {
	{"seed", "u"}, {"shard", "on"}, {"code", "un"}, {"points", "a"}};
static const struct json_member shard_members[] = {{"k", "u"}, {"n", "u"}};

/* What is added up must not overflow. */
static int check_counts(const json_t *object, const char *const *keys, size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++)
		if (json_member_integer(object, keys[i]) > COUNT_MAX)
			return err_set(e, "its '%s' is larger than %lld", keys[i],
				       (long long)COUNT_MAX);
	return 0;
}

static int check_part(const json_t *part, struct err *e)
{
	const json_t *shard = json_object_get(part, "shard"), *point, *word;
	json_int_t flown = -1;
	size_t i, n;

	if (JSON_CHECK("a part", part, part_members, e))
		return -1;
	if (json_is_object(shard) && JSON_CHECK("its shard", shard, shard_members, e))
		return -1;
	json_array_foreach(json_object_get(part, "points"), i, point) {
		if (json_array_size(point) < FUZZ_POINT_WORDS)
			return err_set(e, "point %zu is none", i + 1);
		json_array_foreach(point, n, word)
			if (!json_is_integer(word) || json_integer_value(word) < 0)
				return err_set(e, "point %zu is none", i + 1);
		if (json_integer_value(json_array_get(point, 0)) <= flown)
			return err_set(e, "point %zu is not behind the one before", i + 1);
		flown = json_integer_value(json_array_get(point, 0));
	}
	return 0;
}

int fuzz_json_check(const json_t *top, struct err *e)
{
	static const char *const counts[] = {FUZZ_COUNTS}, *const of_finding[] = {"hits", "more"};
	const json_t *one;
	size_t i;

	if (!json_is_schema(top, FUZZ_SCHEMA, FUZZ_VERSION))
		return err_set(e, "it is no %s of version %d", FUZZ_SCHEMA, FUZZ_VERSION);
	if (JSON_CHECK("it", top, top_members, e) ||
	    check_counts(top, counts, ARRAY_SIZE(counts), e))
		return -1;
	if (json_array_size(json_object_get(top, "findings")) > FINDINGS_MAX ||
	    json_array_size(json_object_get(top, "parts")) > PARTS_MAX)
		return err_set(e, "it has more than %d findings or %d parts", FINDINGS_MAX,
			       PARTS_MAX);
	json_array_foreach(json_object_get(top, "features"), i, one)
		if (!json_is_string(one))
			return err_set(e, "feature %zu is none", i + 1);
	json_array_foreach(json_object_get(top, "findings"), i, one)
		if (JSON_CHECK("a finding", one, finding_members, e) ||
		    check_counts(one, of_finding, ARRAY_SIZE(of_finding), e))
			return -1;
	json_array_foreach(json_object_get(top, "parts"), i, one)
		if (check_part(one, e))
			return -1;
	return 0;
}

json_t *fuzz_json_load(const char *path, struct err *e)
{
	json_auto_t *top = json_read(path, FUZZ_SCHEMA, FUZZ_VERSION, e);
	struct err why = {0};

	if (!top)
		return NULL;
	if (fuzz_json_check(top, &why))
		return err_as(NULL, e, "%s: %s", path, why.text);
	return keep(top);
}

void fuzz_json_tell(const json_t *top, FILE *out)
{
	json_int_t code = 0;
	bool blind = false;
	const json_t *part;
	size_t i;

#define COUNT(key) (long long)json_member_integer(top, key)
	fprintf(out,
		"# %lld programs: %lld alike, %lld found, %lld not exact, %lld without an end, "
		"%lld without a mark; %lld states, %lld kept, ",
		COUNT("flown"), COUNT("alike"), COUNT("found"), COUNT("not_exact"), COUNT("no_end"),
		COUNT("no_mark"), COUNT("states"), COUNT("kept"));
#undef COUNT
	json_array_foreach(json_object_get(top, "parts"), i, part) {
		if (json_member_integer(part, "code") > code)
			code = json_member_integer(part, "code");
		blind |= json_is_null(json_object_get(part, "code"));
	}
	if (blind)
		fprintf(out, "blind: nobody records which code of KVM ran\n");
	else
		fprintf(out, "%lld instructions of KVM%s\n", (long long)code,
			i > 1 ? " in one of the labs" : "");
}

void fuzz_json_findings(const json_t *top, FILE *out)
{
	const json_t *f;
	size_t i;

	json_array_foreach(json_object_get(top, "findings"), i, f) {
		const long long hits = json_member_integer(f, "hits"),
				more = json_member_integer(f, "more");
		const char *known = json_member(f, "known");
		auto_free char *line = xasprintf(
			"not ok %u - " FUZZ_FINDING " # %s%s, %lld time%s", (unsigned)i + 1,
			(unsigned)i + 1, known ? "TODO known KVM bug: " : "FAIL ",
			known ?: json_text_of(f, "why"), hits, hits == 1 ? "" : "s");

		print_lines(out, "", line);
		if (more)
			fprintf(out, "#   and %lld more of the kind, not made smaller\n", more);
	}
}

int fuzz_json_status(const json_t *top)
{
	const json_t *f;
	size_t i;

	json_array_foreach(json_object_get(top, "findings"), i, f)
		if (!json_member(f, "known"))
			return 1;
	return i || json_member_integer(top, "alike") ? 0 : 4;
}

void fuzz_json_part(const json_t *part, struct buf *text)
{
	const json_t *shard = json_object_get(part, "shard");

	buf_printf(text, "seed %lld", (long long)json_member_integer(part, "seed"));
	if (json_is_object(shard))
		buf_printf(text, ", shard %lld/%lld", (long long)json_member_integer(shard, "k"),
			   (long long)json_member_integer(shard, "n"));
}
