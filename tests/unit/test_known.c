// SPDX-License-Identifier: BSD-2-Clause
// When a failure counts as a known KVM bug, and when it must not.
#include "tests/unit/log.h"

#include "host/known.h"

static const struct known *match_method(const char *text, enum method method, bool control_passed)
{
	const struct expected want = {"halted", 2, 0, 1};
	struct guest_log log = {0};
	struct verdict v = {0};
	const struct known *known;

	log_feed_summed(&log, text);
	verdict_judge(&v, &log, &want);
	known = known_match("halted", method, &log, &v, NULL, "", control_passed, NULL);
	verdict_free(&v);
	guest_log_free(&log);
	return known;
}

static const struct known *match(const char *text, bool control_passed)
{
	return match_method(text, METHOD_FILE, control_passed);
}

/* A background snapshot's copy may be beyond repair: only then may hops be missing. */
static void copy_gives_up(void **state)
{
	const struct expected want = {"halted", 3, 0, 1};
	char *text = replaced(FAILED_TWICE, "hops=2", "hops=3");
	struct guest_log log = {0};
	struct verdict v = {0};

	(void)state;
	log_feed_summed(&log, text);
	verdict_judge(&v, &log, &want);
	assert_null(known_match("halted", METHOD_FILE, &log, &v, NULL, "", true, NULL));
	assert_non_null(known_match("halted", METHOD_BACKGROUND, &log, &v, NULL, "", true, NULL));
	verdict_free(&v);
	guest_log_free(&log);
	free(text);
}

static void unknown(const char *from, const char *to)
{
	char *text = replaced(FAILED_TWICE, from, to);

	if (match(text, true))
		fail_msg("'%s' for '%s' still counts as known", to, from);
	free(text);
}

static void known(void **state)
{
	(void)state;
	assert_non_null(match(FAILED_TWICE, true));
	assert_string_equal(match(FAILED_TWICE, true)->id, "halted-posted-interrupt-lost");
}

static void not_known(void **state)
{
	(void)state;
	assert_null(match(FAILED_TWICE, false)); /* control failed */
	unknown("hops=2", "hops=3");		 /* a hop is missing */
	assert_null(match(PASSED, true));
	unknown("lost wake-up", "digest");
	unknown("# @5 fail scenario=halted", "# @5 fail scenario=running");
	unknown("# @5 fail scenario=halted check=\"lost wake-up\"", "# @5 error what=trap");
	unknown("# @10 nudged hop=2 lost=1\n", "");
	unknown("# @12 verdict word=FAIL passed=0 failed=1 skipped=0 errors=0\n", "");
	unknown("not ok 1 - halted", "not ok 1 - running");
}

/* A row counts for its method alone, and for each of its checks but no part of one. */
static void method_and_checks(void **state)
{
	static const struct {
		const char *check;
		bool known;
	} checks[] = {
		{"L2 CR0", true}, {"L2 CR4", true}, {"L2 CR", false}, {"L2 CR0|L2 CR4", false}};

	(void)state;
	assert_null(match_method(FAILED_TWICE, METHOD_PAUSE, true));
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		char *once = replaced(FAILED_TWICE, "lost wake-up", "L2 CR4");
		char *text = replaced(once, "lost wake-up", checks[i].check);

		assert_int_equal(match_method(text, METHOD_PAUSE, true) != NULL, checks[i].known);
		assert_null(match(text, true));
		free(text);
		free(once);
	}
}

static void versions(void **state)
{
	(void)state;
	assert_true(kernel_before("6.1.0-50-cloud-amd64", "6.11"));
	assert_true(kernel_before("5.19.0", "6.1"));
	assert_false(kernel_before("6.11.0", "6.11"));
	assert_false(kernel_before("6.12.107+deb13-cloud-amd64", "6.8"));
	assert_false(kernel_before("7.3.4", "6.11"));
	assert_false(kernel_before("unknown", "6.11"));
}

/* On an old kernel the control fails by a bug of its own, and that alone may explain the rest. */
static void control_known(void **state)
{
	struct guest_log log = {0};
	struct verdict v = {0};
	const struct expected want = {"halted", 2, 0, 1};
	const struct known *control;
	char *once, *twice;

	(void)state;
	log_feed_summed(&log, FAILED_TWICE);
	verdict_judge(&v, &log, &want);
	known_kernel_set("6.12.1");
	assert_null(known_match("halted.control", METHOD_FILE, &log, &v, NULL, "", true, NULL));
	known_kernel_set("6.1.0-50-amd64");
	control = known_match("halted.control", METHOD_FILE, &log, &v, NULL, "", true, NULL);
	assert_non_null(control);
	assert_string_equal(control->id, "halted-posted-interrupt-unheard");
	assert_string_equal(
		known_match("halted", METHOD_FILE, &log, &v, NULL, "", false, control)->id,
		"halted-posted-interrupt-unheard");
	assert_null(known_match("halted", METHOD_FILE, &log, &v, NULL, "", false, NULL));
	verdict_free(&v);
	guest_log_free(&log);

	/* Two bugs may meet in one run; each event must have its row, for this kernel. */
	once = replaced(FAILED_TWICE, "lost wake-up", "L2 TSC goes forward");
	assert_non_null(match(once, true));
	twice = replaced(once, "lost wake-up", "digest");
	assert_null(match(twice, true));
	known_kernel_set("6.12.1");
	assert_null(match(once, true));
	free(once);
	free(twice);
}

/* What the host saw itself (a hang, a crash) is never part of a known bug. */
static void host_findings(void **state)
{
	static const enum word words[] = {WORD_ERROR, WORD_FAIL, WORD_HANG, WORD_CRASH};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct guest_log log = {0};
		struct verdict v = {0};

		log_feed_summed(&log, FAILED_TWICE);
		verdict_judge(&v, &log, &(struct expected){"halted", 2, 0, 1});
		verdict_raise(&v, words[i], "seen by the host");
		assert_null(known_match("halted", METHOD_FILE, &log, &v, NULL, "", true, NULL));
		verdict_free(&v);
		guest_log_free(&log);
	}
}

/* What an oracle found counts as known beside guest checks that passed, if a row names it. */
static void oracles(void **state)
{
	const struct expected want = {"running", 2, 0, 1};
	struct oracle_report report = {0};
	struct guest_log log = {0};
	struct verdict v = {0};

	(void)state;
	log_feed_summed(&log, PASSED);
	verdict_judge(&v, &log, &want);
	v.word = WORD_FAIL;
	snprintf(report.finding[0].field, sizeof(report.finding[0].field), "SREGS.efer");
	report.finding[0].oracle = "in place";
	assert_null(known_match("msr_efer", METHOD_FILE, &log, &v, &report, "", true, NULL));
	report.findings = 1;
	assert_string_equal(
		known_match("msr_efer", METHOD_FILE, &log, &v, &report, "", true, NULL)->id,
		"efer-lost-in-place");
	assert_null(known_match("running", METHOD_FILE, &log, &v, &report, "", true, NULL));
	assert_null(known_match("msr_efer", METHOD_FILE, &log, &v, &report, "", false, NULL));
	report.more = 1;
	assert_null(known_match("msr_efer", METHOD_FILE, &log, &v, &report, "", true, NULL));
	verdict_free(&v);
	guest_log_free(&log);
}

/* A refusal is known by its text and errno, if the guest had no failure before. */
static void refused(void **state)
{
	struct guest_log log = {0};
	struct verdict v = {0};
	const char *text = "KVM_SET_NESTED_STATE: Invalid argument";

	(void)state;
	assert_string_equal(
		known_match("smi_in_l2", METHOD_FILE, &log, &v, NULL, text, true, NULL)->id,
		"smm-restore-order");
	assert_null(known_match("running", METHOD_FILE, &log, &v, NULL, text, true, NULL));
	assert_null(known_match("smi_in_l2", METHOD_FILE, &log, &v, NULL, text, false, NULL));
	assert_null(known_match("smi_in_l2", METHOD_FILE, &log, &v, NULL,
				"KVM_SET_MSRS: refused MSR 0x480", true, NULL));
	log.fails = 1;
	assert_null(known_match("smi_in_l2", METHOD_FILE, &log, &v, NULL, text, true, NULL));
}

static void tables(void **state)
{
	(void)state;
	assert_non_null(known_of("halted", METHOD_FILE));
	assert_null(known_of("running", METHOD_FILE));
	assert_non_null(known_of("running", METHOD_SAVEVM));
	assert_non_null(known_find("cr-read-shadow-lost"));
	assert_null(known_find("no-such-bug"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known),
		cmocka_unit_test(not_known),
		cmocka_unit_test(versions),
		cmocka_unit_test(control_known),
		cmocka_unit_test(method_and_checks),
		cmocka_unit_test(copy_gives_up),
		cmocka_unit_test(host_findings),
		cmocka_unit_test(oracles),
		cmocka_unit_test(refused),
		cmocka_unit_test(tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
