// SPDX-License-Identifier: BSD-2-Clause
// What a kept snapshot says of its flight, and that a damaged one is refused.
#include "tests/unit/unit.h"

#include "host/flight/half.h"

#include <string.h>

static const struct scenario list[] = {{.name = "halted", .title = "", .posts = true},
				       {.name = "running", .title = ""}};

static int load(void **state)
{
	(void)state;
	scenarios_set(list, ARRAY_SIZE(list));
	return 0;
}

static void there_and_back(void **state)
{
	struct flight_config c = {.scenario = &list[0], .hops = 3, .seed = 7, .post = POST_PAUSED};
	struct flight_config got = {0};
	struct flight_resume from;
	struct snapshot s = {0};
	struct err e = {0};

	(void)state;
	half_add(&s, &c, "log, and more", 3);
	c.hops = 4; /* the last is what counts */
	half_add(&s, &c, "log", 3);
	assert_int_equal(s.sections, 2);
	assert_int_equal(half_resume(&s, &got, &from, &e), 0);
	assert_string_equal(got.scenario->name, "halted");
	assert_int_equal(got.hops, 4);
	assert_int_equal(got.seed, 7);
	assert_int_equal(got.post, POST_PAUSED);
	assert_ptr_equal(got.resume, &from);
	assert_int_equal(from.log.len, 3);
	assert_memory_equal(from.log.p, "log", 3);
	half_free(&from);
	snapshot_free(&s);
}

static void refused(void **state)
{
	static const struct {
		const char *flight, *why;
	} cases[] = {
		{NULL, "no section FLIGHT"},
		{"", "names no scenario"},
		{"hops=1\nseed=1\n", "names no scenario"},
		{"scenario=other\nhops=1\n", "cannot read 'scenario'"},
		{"scenario=halted\nhops=0\n", "cannot read 'hops'"},
		{"scenario=halted\nhops=1000001\n", "cannot read 'hops'"},
		{"scenario=halted\nseed=-1\n", "cannot read 'seed'"},
		{"scenario=halted\npost=now\n", "cannot read 'post'"},
		{"scenario=halted\nwords\n", "cannot read 'words'"},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flight_config c = {0};
		struct flight_resume from = {0};
		struct snapshot s = {0};
		struct err e = {0};

		if (cases[i].flight)
			snapshot_add(&s, "FLIGHT", cases[i].flight, strlen(cases[i].flight));
		snapshot_add(&s, "SERIAL_LOG", "", 0);
		assert_int_equal(half_resume(&s, &c, &from, &e), -1);
		assert_contains(e.text, cases[i].why);
		snapshot_drop(&s, "SERIAL_LOG");
		assert_int_equal(half_resume(&s, &c, &from, &e), -1);
		snapshot_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests_name("half", tests, load, NULL);
}
