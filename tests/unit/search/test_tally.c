// SPDX-License-Identifier: BSD-2-Clause
// How flights of a sweep and a soak are counted: what is a pass, what is known, what is neither.
#include "tests/unit/log.h"

#include "host/search/tally.h"

static const struct scenario scenario = {.name = "halted"};
static struct flight_config config;
static struct flight_result r;
static struct report_entry entry = {
	.key = "halted", .config = &config, .result = &r, .control_passed = true};

static int begin(void **state)
{
	(void)state;
	config =
		(struct flight_config){.scenario = &scenario, .hops = 1, .freeze.at = FREEZE_AFTER};
	memset(&r, 0, sizeof(r));
	return 0;
}

static int end(void **state)
{
	(void)state;
	flight_result_free(&r);
	return 0;
}

/* The VM of a moment that came too late has passed; only that may be wrong with the flight. */
static void behind_the_end(void **state)
{
	(void)state;
	r.log.verdict = true;
	assert_false(tally_no_snapshot(&entry)); /* a pass */
	verdict_raise(&r.verdict, WORD_ERROR, OFFSET_BEHIND_END);
	assert_true(tally_no_snapshot(&entry));
	r.oracle.findings = 1; /* L0 has complained */
	assert_false(tally_no_snapshot(&entry));
	r.oracle.findings = 0;
	verdict_raise(&r.verdict, WORD_FAIL, "hop 1: L2 digest 0x1 in 2 rounds, in another 0x3");
	assert_false(tally_no_snapshot(&entry));
}

static void another_error(void **state)
{
	(void)state;
	r.log.verdict = true;
	verdict_raise(&r.verdict, WORD_ERROR, "the VM does not end after its verdict");
	assert_false(tally_no_snapshot(&entry));
}

static void nothing_to_break(void **state)
{
	(void)state;
	verdict_raise(&r.verdict, WORD_SKIP, "nothing to break: no posting");
	assert_true(tally_no_snapshot(&entry));
	r.log.verdict = true; /* L1 itself, whose control could */
	assert_false(tally_no_snapshot(&entry));
}

static void known(void **state)
{
	const struct expected want = {"halted", 2, 0, 1};

	(void)state;
	config.hops = 2;
	config.freeze.at = FREEZE_NOW;
	log_feed_summed(&r.log, FAILED_TWICE);
	verdict_judge(&r.verdict, &r.log, &want);
	assert_null(tally_known(&entry)); /* no snapshot: what is known is known of them */
	r.taken = 2;
	assert_non_null(tally_known(&entry));
	config.broken = "lapic";
	assert_null(tally_known(&entry));
	config.broken = NULL;
	config.breakage = "model";
	assert_null(tally_known(&entry));
}

/* What is known fails with --strict alone; what came to no verdict is no failure and no pass. */
static void status(void **state)
{
	static const struct known bug;
	struct way way = {.word = WORD_FAIL};
	struct tally t = {.way = &way, .ways = 1};

	(void)state;
	assert_true(tally_failed(&t, false));
	assert_false(tally_errors(&t));
	way.known = &bug;
	assert_false(tally_failed(&t, false));
	assert_true(tally_failed(&t, true));
	assert_false(tally_errors(&t));
	way.known = NULL;
	for (enum word word = WORD_SKIP; word <= WORD_ERROR; word++) {
		way.word = word;
		assert_false(tally_failed(&t, false));
		assert_false(tally_failed(&t, true));
		assert_true(tally_errors(&t));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(behind_the_end, begin, end),
		cmocka_unit_test_setup_teardown(another_error, begin, end),
		cmocka_unit_test_setup_teardown(nothing_to_break, begin, end),
		cmocka_unit_test_setup_teardown(known, begin, end),
		cmocka_unit_test(status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
