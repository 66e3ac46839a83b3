// SPDX-License-Identifier: BSD-2-Clause
// What came of a sweep, from its object in sweep.json: told to people, and put together of the
// parts that several labs have flown.
#include "host/base/cleanup.h"
#include "host/base/json.h"
#include "host/flight/known.h"
#include "host/search/sweep.h"

#include <stdlib.h>
#include <string.h>

const struct sweep_state sweep_states[SWEEP_STATES] = {
#define S(name, proof, text) {name, proof, text},
#include "host/search/sweep_states.def"
#undef S
};

static const char *const counts[] = {"planned", "flown", "passed", "behind_end", "unbroken"};

json_t *sweep_none(const char *scenario, bool skip, const char *why)
{
	return json_got(json_pack("{s:o, s:b, s:o}", "scenario", json_text(scenario), "skip",
				  (int)skip, "reason", json_text(why)));
}

int sweep_check(const json_t *sweep, struct err *e)
{
	static const struct json_member members[] = {
		{"scenario", "s"}, {"planned", "u"},  {"span_ns", "u"}, {"step_ns", "u"},
		{"flown", "u"},	   {"passed", "u"},   {"loops", "u"},	{"behind_end", "u"},
		{"states", "a"},   {"unbroken", "u"}, {"points", "a"},	{"ways", "a"},
	};
	static const struct json_member point[] = {
		{"at_ns", "u"},	 {"word", "s"},	 {"way", "sn"},
		{"states", "a"}, {"trace", "s"}, {"dir", "sn"},
	};
	static const struct json_member way[] = {
		{"way", "s"}, {"known", "sn"}, {"count", "u"}, {"first", "u"}};
	static const struct json_member none[] = {
		{"scenario", "s"}, {"skip", "b"}, {"reason", "s"}};
	const json_t *one;
	size_t i;

	if (json_member(sweep, "reason"))
		return JSON_CHECK("a sweep", sweep, none, e);
	if (JSON_CHECK("a sweep", sweep, members, e))
		return -1;
	json_array_foreach(json_object_get(sweep, "points"), i, one) {
		if (JSON_CHECK("a moment", one, point, e))
			return -1;
	}
	json_array_foreach(json_object_get(sweep, "ways"), i, one) {
		if (JSON_CHECK("a way to fail", one, way, e))
			return -1;
	}
	return 0;
}

/* ---- telling ------------------------------------------------------------------------------ */

static void tell_states(const json_t *sweep, FILE *out)
{
	fprintf(out, "#   %8s %14s  %s\n", "points", "first at ns", "state");
	for (size_t i = 0; i < SWEEP_STATES; i++) {
		const json_t *s = json_array_get(json_object_get(sweep, "states"), i);
		const long long hits = json_member_integer(s, "points");

		fprintf(out, "#   %8lld ", hits);
		if (hits)
			fprintf(out, "%14lld", (long long)json_member_integer(s, "first_ns"));
		else
			fprintf(out, "%14s", "-");
		fprintf(out, "  %s: %s\n", sweep_states[i].name, sweep_states[i].text);
	}
}

static void tell_count(const json_t *sweep, const char *key, const char *what, bool always,
		       FILE *out)
{
	const long long count = json_member_integer(sweep, key);

	if (count || always)
		fprintf(out, "#   %8lld %14s  %s\n", count, "", what);
}

static void tell_results(const json_t *sweep, FILE *out)
{
	const json_t *way;
	size_t i;

	fprintf(out, "#   %8s %14s  %s\n", "points", "first at ns", "result");
	tell_count(sweep, "passed", "as never frozen", true, out);
	tell_count(sweep, "behind_end", "the VM had ended before", false, out);
	tell_count(sweep, "unbroken", "nothing to break", false, out);
	json_array_foreach(json_object_get(sweep, "ways"), i, way) {
		fprintf(out, "#   %8lld %14lld  ", (long long)json_member_integer(way, "count"),
			(long long)json_member_integer(way, "first"));
		print_lines(out, "", json_text_of(way, "way"));
	}
}

static bool is_known(const json_t *sweep, const char *text)
{
	const json_t *way;
	size_t i;

	json_array_foreach(json_object_get(sweep, "ways"), i, way)
		if (!strcmp(json_text_of(way, "way"), text))
			return json_member(way, "known") != NULL;
	return false;
}

/* Whether a flight failed, and whether one came to no verdict. */
static void judge(const json_t *sweep, bool strict, bool *failed, bool *errors)
{
	const json_t *point;
	size_t i;

	*failed = *errors = false;
	json_array_foreach(json_object_get(sweep, "points"), i, point) {
		const char *way = json_member(point, "way"), *word = json_text_of(point, "word");
		const bool error =
			!strcmp(word, word_name(WORD_ERROR)) || !strcmp(word, word_name(WORD_SKIP));

		if (!way)
			continue;
		if (is_known(sweep, way))
			*failed |= strict;
		else
			*(error ? errors : failed) = true;
	}
}

static int tell_none(const json_t *sweep, unsigned number, FILE *out)
{
	const bool skip = json_member_true(sweep, "skip");

	fprintf(out, "%sok %u - %s # %s", skip ? "" : "not ", number,
		json_text_of(sweep, "scenario"), skip ? "SKIP " : "ERROR, ");
	print_lines(out, "", json_text_of(sweep, "reason"));
	fflush(out);
	return skip ? 4 : 2;
}

int sweep_tell(const json_t *sweep, unsigned number, bool strict, FILE *out)
{
	const json_int_t flown = json_member_integer(sweep, "flown"),
			 passed = json_member_integer(sweep, "passed");
	const bool cut = flown<json_member_integer(sweep, "planned"),
			       ways = json_array_size(json_object_get(sweep, "ways"))> 0;
	bool failed, errors;
	int status;

	if (json_member(sweep, "reason"))
		return tell_none(sweep, number, out);
	judge(sweep, strict, &failed, &errors);
	status = failed					  ? 1
		 : errors || cut			  ? 2
		 : passed || ways			  ? 0
		 : json_member_integer(sweep, "unbroken") ? 4
							  : 2;
	tell_states(sweep, out);
	tell_results(sweep, out);
	fprintf(out, "%sok %u - %s # %s%lld moments, %lld as never frozen%s%s\n",
		status == 0 || status == 4 ? "" : "not ", number, json_text_of(sweep, "scenario"),
		status == 4 ? "SKIP nothing to break: " : "", (long long)flown, (long long)passed,
		!status && ways ? ", the others by known KVM bugs" : "",
		cut ? ", interrupted" : "");
	fflush(out);
	return status;
}

/* ---- parts put together ------------------------------------------------------------------- */

static int by_number(const void *a, const void *b, void *key)
{
	const json_int_t x = json_member_integer(*(json_t *const *)a, key),
			 y = json_member_integer(*(json_t *const *)b, key);

	return x < y ? -1 : x > y;
}

/* Sorts member @list of @sweep by the number @key, with the earlier first. */
static void sort(json_t *sweep, const char *list, char *key)
{
	json_t *old = json_object_get(sweep, list), *new = json_got(json_array());
	const size_t n = json_array_size(old);
	auto_free json_t **item = xcalloc(n + 1, sizeof(json_t *));

	for (size_t i = 0; i < n; i++)
		item[i] = json_array_get(old, i);
	qsort_r(item, n, sizeof(*item), by_number, key);
	for (size_t i = 0; i < n; i++)
		json_append(new, json_incref(item[i]));
	json_set(sweep, list, new);
}

/* Adds @ways to @all: how often, and where first. */
static void join_ways(json_t *all, const json_t *ways)
{
	const json_t *way;
	json_t *same = NULL;
	size_t i, n;

	json_array_foreach(ways, i, way) {
		json_array_foreach(all, n, same) {
			if (!strcmp(json_text_of(same, "way"), json_text_of(way, "way")))
				break;
		}
		if (n == json_array_size(all)) {
			json_append(all, json_got(json_deep_copy(way)));
			continue;
		}
		json_set(same, "count",
			 json_integer(json_member_integer(same, "count") +
				      json_member_integer(way, "count")));
		if (json_member_integer(way, "first") < json_member_integer(same, "first"))
			json_set(same, "first", json_incref(json_object_get(way, "first")));
	}
}

static void join_states(json_t *all, const json_t *states)
{
	json_t *state;
	size_t i;

	json_array_foreach(all, i, state) {
		const json_t *more = json_array_get(states, i);
		const json_int_t hits = json_member_integer(state, "points"),
				 others = json_member_integer(more, "points");

		if (others && (!hits || json_member_integer(more, "first_ns") <
						json_member_integer(state, "first_ns")))
			json_set(state, "first_ns", json_incref(json_object_get(more, "first_ns")));
		json_set(state, "points", json_integer(hits + others));
	}
}

/* The points of @part, whose flights are kept in lab @number's directory. */
static void take_points(json_t *all, const json_t *part, unsigned number)
{
	const json_t *point;
	size_t i;

	json_array_foreach(json_object_get(part, "points"), i, point) {
		json_t *one = json_got(json_deep_copy(point));
		const char *dir = json_member(point, "dir");
		auto_free char *path = dir ? xasprintf("lab-%u/%s", number, dir) : NULL;

		json_set(one, "dir", json_text(path));
		json_append(all, one);
	}
}

json_t *sweep_join(const json_t *const *part, unsigned parts)
{
	char at[] = "at_ns", first_of_way[] = "first";
	unsigned first = 0;
	json_t *all, *points;

	while (!part[first])
		first++;
	all = json_got(json_deep_copy(part[first]));
	if (json_member(all, "reason")) /* none can */
		return all;
	points = json_got(json_array());
	for (unsigned i = first; i < parts; i++) {
		if (!part[i])
			continue;
		take_points(points, part[i], i + 1);
		for (size_t c = 0; i > first && c < ARRAY_SIZE(counts); c++)
			json_set(all, counts[c],
				 json_integer(json_member_integer(all, counts[c]) +
					      json_member_integer(part[i], counts[c])));
		if (i == first)
			continue;
		join_states(json_object_get(all, "states"), json_object_get(part[i], "states"));
		join_ways(json_object_get(all, "ways"), json_object_get(part[i], "ways"));
	}
	json_set(all, "points", points);
	sort(all, "points", at);
	sort(all, "ways", first_of_way);
	return all;
}
