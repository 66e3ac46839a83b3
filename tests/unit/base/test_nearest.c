// SPDX-License-Identifier: BSD-2-Clause
// Which word somebody has meant.
#include "tests/unit/unit.h"

#include "host/base/nearest.h"

static void distances(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned edits;
	} pairs[] = {{"", "", 0},
		     {"", "abc", 3},
		     {"abc", "", 3},
		     {"halted", "halted", 0},
		     {"haltd", "halted", 1},
		     {"hatled", "halted", 1},
		     {"hxlted", "halted", 1},
		     {"haltedd", "halted", 1},
		     {"running", "halted", 7}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		assert_int_equal(edits(pairs[i].a, pairs[i].b), pairs[i].edits);
}

static void near_and_far(void **state)
{
	static const char *const names[] = {"halted_vppr", "halted", "running", "salted"};
	struct nearest n = {0};
	char long_word[500];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		nearest_try(&n, "haltet", names[i]);
	assert_string_equal(nearest_text(&n), "; did you mean 'halted'?");

	n = (struct nearest){0};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		nearest_try(&n, "nonsense", names[i]);
	assert_string_equal(nearest_text(&n), "");
	nearest_try(&n, "", "x");
	assert_null(n.name);

	/* Of a word that is longer than any the rest is not looked at. */
	memset(long_word, 'x', sizeof(long_word) - 1);
	long_word[sizeof(long_word) - 1] = '\0';
	nearest_try(&n, long_word, "halted");
	assert_null(n.name);
	nearest_try(&n, "halted", long_word);
	assert_null(n.name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(distances),
					   cmocka_unit_test(near_and_far)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
