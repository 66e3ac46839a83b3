// SPDX-License-Identifier: BSD-2-Clause
// The table of methods, and what ping-pong picks from it.
#include "tests/unit/unit.h"

#include "host/vmm/method.h"

static void names(void **state)
{
	(void)state;
	for (enum method m = 0; m < METHODS; m++) {
		const struct method_info *info = method_info(m);

		assert_int_equal(method_find(info->name), m); /* so no other has that name */
		assert_true(*info->name && *info->text && *info->unit);
		assert_string_equal(method_name(m), info->name);
		assert_string_equal(method_unit(m), info->unit);
	}
	assert_int_equal(method_find("no-such-method"), METHODS);
	assert_int_equal(method_find(""), METHODS);
}

static void ping_pong(void **state)
{
	bool picked[METHODS] = {false};
	unsigned other_seed = 0;

	(void)state;
	for (unsigned hop = 0; hop < 1000; hop++) {
		enum method m = method_of_hop(METHOD_PING_PONG, hop, 7);

		assert_true(m < METHODS);
		assert_true(method_info(m)->traits & METHOD_CHAINS);
		assert_int_equal(method_of_hop(METHOD_PING_PONG, hop, 7), m);
		other_seed += method_of_hop(METHOD_PING_PONG, hop, 8) != m;
		picked[m] = true;
	}
	assert_true(other_seed > 100);
	for (enum method m = 0; m < METHODS; m++)
		assert_int_equal(picked[m], (method_info(m)->traits & METHOD_CHAINS) != 0);
}

/* All others stay what they are. */
static void fixed(void **state)
{
	(void)state;
	for (enum method m = 0; m < METHODS; m++)
		if (m != METHOD_PING_PONG)
			assert_int_equal(method_of_hop(m, 5, 7), m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(ping_pong),
		cmocka_unit_test(fixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
