// SPDX-License-Identifier: BSD-2-Clause
// Sweeps of several labs put together: as one lab would have flown them, and never more than was
// flown.
#include "tests/unit/unit.h"

#include "host/base/cleanup.h"
#include "host/base/json.h"
#include "host/search/sweep.h"

#include <string.h>

/* Of a sweep that flew moments @at, one each: "p" passed, "k" known, "f" failed, "b" behind the
 * end. */
static json_t *part_of(unsigned planned, const char *words, const int *at)
{
	json_t *points = json_array(), *states = json_array(), *ways = json_array();
	unsigned passed = 0, behind = 0, known = 0, failed = 0, hits = 0;
	int first_known = 0, first_failed = 0, first_hit = 0;
	const size_t flown = strlen(words);

	for (size_t i = 0; i < flown; i++) {
		const bool k = words[i] == 'k', f = words[i] == 'f';
		auto_free char *dir = f ? xasprintf("running.after-%d", at[i]) : NULL;

		json_array_append_new(points,
				      json_pack("{s:i, s:s, s:s?, s:[s], s:s, s:s?}", "at_ns",
						at[i], "word", k || f ? "FAIL" : "PASS", "way",
						k   ? "known KVM bug x"
						: f ? "FAIL: y"
						    : NULL,
						"states", "l2", "trace", "0x1", "dir", dir));
		passed += words[i] == 'p';
		behind += words[i] == 'b';
		first_known = k && !known++ ? at[i] : first_known;
		first_failed = f && !failed++ ? at[i] : first_failed;
		first_hit = !hits++ ? at[i] : first_hit;
	}
	for (size_t i = 0; i < SWEEP_STATES; i++)
		json_array_append_new(
			states,
			json_pack("{s:s, s:s, s:i, s:o}", "name", sweep_states[i].name, "proof",
				  sweep_states[i].proof, "points", i ? 0 : (int)hits, "first_ns",
				  i || !hits ? json_null() : json_integer(first_hit)));
	if (failed)
		json_array_append_new(ways,
				      json_pack("{s:s, s:n, s:i, s:i}", "way", "FAIL: y", "known",
						"count", failed, "first", first_failed));
	if (known)
		json_array_append_new(ways, json_pack("{s:s, s:s, s:i, s:i}", "way",
						      "known KVM bug x", "known", "x", "count",
						      known, "first", first_known));
	return json_got(json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:o}",
				  "scenario", "running", "loops", 1, "span_ns", 80, "step_ns", 10,
				  "planned", planned, "flown", (int)flown, "passed", passed,
				  "behind_end", behind, "unbroken", 0, "states", states, "ways",
				  ways, "points", points));
}

/* Parts give what the whole gives, but for where flights are kept. */
static void parts(void **state)
{
	json_auto_t *whole = part_of(6, "pkfkpb", (int[]){0, 10, 20, 30, 40, 50});
	json_auto_t *one = part_of(3, "pfp", (int[]){0, 20, 40});
	json_auto_t *two = part_of(3, "kkb", (int[]){10, 30, 50});
	const json_t *list[] = {one, two};
	json_auto_t *all = sweep_join(list, 2);
	json_t *failed = json_array_get(json_object_get(all, "points"), 2);
	struct err e = {0};

	(void)state;
	assert_int_equal(sweep_check(all, &e), 0);
	assert_string_equal(json_text_of(failed, "dir"), "lab-1/running.after-20");
	json_set(failed, "dir", json_text("running.after-20"));
	assert_true(json_equal(json_object_get(all, "points"), json_object_get(whole, "points")));
	assert_true(json_equal(json_object_get(all, "states"), json_object_get(whole, "states")));
	for (const char *const *key = (const char *const[]){"planned", "flown", "passed",
							    "behind_end", "scenario", NULL};
	     *key; key++)
		assert_true(json_equal(json_object_get(all, *key), json_object_get(whole, *key)));
	/* The way that was met first stands first. */
	assert_string_equal(json_text_of(json_array_get(json_object_get(all, "ways"), 0), "way"),
			    "known KVM bug x");
	assert_int_equal(
		json_member_integer(json_array_get(json_object_get(all, "ways"), 0), "count"), 2);
}

/* Of a lab that has left nothing the others keep their numbers. */
static void one_missing(void **state)
{
	json_auto_t *two = part_of(3, "kfb", (int[]){10, 30, 50});
	const json_t *list[] = {NULL, two};
	json_auto_t *all = sweep_join(list, 2);

	(void)state;
	assert_true(json_equal(json_object_get(all, "flown"), json_object_get(two, "flown")));
	assert_string_equal(json_text_of(json_array_get(json_object_get(all, "points"), 1), "dir"),
			    "lab-2/running.after-30");
}

/* The exit status: failed before cut short before passed; nothing flown is no pass. */
static void statuses(void **state)
{
	static const struct {
		const char *words;
		unsigned planned;
		bool strict;
		int status;
	} t[] = {
		{"pp", 2, false, 0}, {"pk", 2, false, 0}, {"pk", 2, true, 1},  {"pf", 2, false, 1},
		{"pp", 3, false, 2}, {"pf", 3, false, 1}, {"bb", 2, false, 2}, {"", 0, false, 2},
	};

	auto_fclose FILE *out = fopen("/dev/null", "we");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		json_auto_t *sweep = part_of(t[i].planned, t[i].words, (int[]){0, 10});

		if (sweep_tell(sweep, 1, t[i].strict, out) != t[i].status)
			fail_msg("'%s' of %u: not %d", t[i].words, t[i].planned, t[i].status);
	}
}

static void damaged(void **state)
{
	static const char *const members[] = {"scenario", "planned", "points", "ways", "states"};
	json_auto_t *none = sweep_none("running", true, "the host acts");
	const json_t *both[] = {none, none};
	auto_fclose FILE *out = fopen("/dev/null", "we");
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		json_auto_t *sweep = part_of(1, "p", (int[]){0});

		json_object_del(sweep, members[i]);
		assert_int_equal(sweep_check(sweep, &e), -1);
		assert_non_null(strstr(e.text, members[i]));
	}
	assert_int_equal(sweep_check(none, &e), 0);
	{
		json_auto_t *all = sweep_join(both, 2);

		assert_true(json_equal(all, none));
		assert_int_equal(sweep_tell(all, 1, false, out), 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts),
		cmocka_unit_test(one_missing),
		cmocka_unit_test(statuses),
		cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
