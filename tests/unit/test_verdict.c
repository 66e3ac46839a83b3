// SPDX-License-Identifier: BSD-2-Clause
// The verdict: a pass needs a whole log that agrees with itself; every detector fires here once.
#include "tests/unit/log.h"

static struct guest_log logged;
static struct verdict v;

static void judge_as(const char *text, const char *scenario)
{
	const struct expected want = {scenario, 2, 0, 1};

	guest_log_free(&logged);
	verdict_free(&v);
	log_feed(&logged, text, strlen(text));
	verdict_judge(&v, &logged, &want);
}

static int done(void **state)
{
	(void)state;
	guest_log_free(&logged);
	verdict_free(&v);
	return 0;
}

/* PASSED with one thing changed must get @word with @reason. */
static void changed(const char *from, const char *to, enum word word, const char *reason)
{
	char *text = replaced(PASSED, from, to);

	judge_as(text, "running");
	if (v.word != word)
		fail_msg("'%s' for '%s': %s, not %s", to, from, word_name(v.word), word_name(word));
	assert_false(v.complete);
	assert_true(v.findings > 0);
	assert_contains(v.finding[0], reason);
	free(text);
}

static void pass(void **state)
{
	(void)state;
	judge_as(PASSED, "running");
	assert_int_equal(v.word, WORD_PASS);
	assert_true(v.complete);
	assert_int_equal(v.findings, 0);
	assert_int_equal(logged.missed, 1);
	assert_int_equal(logged.hops_done, 2);
	assert_string_equal(logged.version_text, "v1");
	judge_as("boot loader\n" PASSED "noise at the end\n\n", "running");
	assert_int_equal(v.word, WORD_PASS);
}

static void fail_words(void **state)
{
	(void)state;
	judge_as(FAILED_TWICE, "halted");
	assert_int_equal(v.word, WORD_FAIL);
	assert_true(v.complete);
	assert_int_equal(v.findings, 0);
	assert_int_equal(logged.fails, 2);
	assert_int_equal(logged.lost, 2);
	assert_int_equal(failed_hops(&logged), 2);
	assert_string_equal(logged.fail[1].check, "lost wake-up");
	assert_string_equal(logged.fail[1].evidence, "expected=1 found=0");
	assert_int_equal(logged.fail[1].hop, 2);
}

static void skipped(void **state)
{
	(void)state;
	judge_as(HELLO
		 "# @3 skip scenario=running reason=\"no VMX\"\nok 1 - running # SKIP no VMX\n"
		 "# @4 verdict word=SKIP passed=0 failed=0 skipped=1 errors=0\n",
		 "running");
	assert_int_equal(v.word, WORD_SKIP);
	assert_true(v.complete);
	assert_string_equal(v.finding[0], "no VMX");
}

static void guest_error(void **state)
{
	(void)state;
	judge_as("KTAP version 1\n1..1\n# @1 error what=\"unknown word\" word=x\nnot ok 1 - boot\n"
		 "# @2 verdict word=ERROR passed=0 failed=0 skipped=0 errors=1\n",
		 "running");
	assert_int_equal(v.word, WORD_ERROR);
	assert_true(v.complete);
	assert_string_equal(logged.fail[0].check, "unknown word");
}

static void truncated(void **state)
{
	const char *whole = PASSED;
	const char *end = strstr(whole, "errors=0\n") + 8;

	(void)state;
	/* Cut anywhere but in the very last newline: never a pass. */
	for (const char *cut = whole; cut < end; cut++) {
		char *text = xasprintf("%.*s", (int)(cut - whole), whole);

		judge_as(text, "running");
		assert_int_equal(v.word, WORD_FAIL);
		assert_false(v.complete);
		free(text);
	}
	judge_as(HELLO "# @3 start scenario=running\n", "running");
	assert_contains(v.finding[0], "log truncated: no verdict line after event 3");
	judge_as("only noise\n", "running");
	assert_contains(v.finding[0], "log truncated: the VM never wrote a line");
}

/* Any line lost is noticed. */
static void lost_lines(void **state)
{
	const char *whole = PASSED;

	(void)state;
	for (const char *line = whole; *line;) {
		const char *next = strchr(line, '\n') + 1;
		char *text = xasprintf("%.*s%s", (int)(line - whole), whole, next);

		judge_as(text, "running");
		if (v.word != WORD_FAIL || v.complete)
			fail_msg("without '%.*s': %s", (int)(next - line - 1), line,
				 word_name(v.word));
		free(text);
		line = next;
	}
}

static void doubled_lines(void **state)
{
	const char *whole = PASSED;

	(void)state;
	for (const char *line = whole; *line;) {
		const char *next = strchr(line, '\n') + 1;
		char *text = xasprintf("%.*s%s", (int)(next - whole), whole, line);

		judge_as(text, "running");
		if (v.word != WORD_FAIL || v.complete)
			fail_msg("twice '%.*s': %s", (int)(next - line - 1), line,
				 word_name(v.word));
		free(text);
		line = next;
	}
}

static void detectors(void **state)
{
	(void)state;
	changed("@5 hop", "@6 hop", WORD_FAIL, "log damaged: event 6 after 4");
	changed("# @5 hop hop=1", "# @5 hop hop=2", WORD_FAIL, "hop 2 is over after 0 finished");
	changed("# @7 ready hop=2", "# @7 ready hop=3", WORD_FAIL, "hop 3 is ready after 1");
	changed("1..1\n", "", WORD_FAIL, "result 1 before the plan");
	changed("1..1\n", "1..2\n", WORD_FAIL, "log incomplete: 1 results of 2 planned");
	changed("ok 1 - running\n", "ok 1 - running\nok 1 - running\n", WORD_FAIL,
		"result 1 after 1");
	changed("ok 1 - running\n", "ok 1 - running\nok 2 - halted\n", WORD_FAIL,
		"result 2 of 1 planned");
	changed("ok 1 - running\n", "not ok 1 - running\n", WORD_FAIL, "verdict disagrees");
	changed("ok 1 - running\n", "ok 1 - running # SKIP why\n", WORD_FAIL, "verdict disagrees");
	changed("passed=1", "passed=2", WORD_FAIL, "verdict disagrees with the results: it counts");
	changed("word=PASS", "word=FAIL", WORD_FAIL, "verdict FAIL disagrees");
	changed("word=PASS", "word=SKIP", WORD_FAIL, "verdict SKIP disagrees");
	changed("word=PASS", "word=GREAT", WORD_FAIL, "unknown verdict GREAT");
	changed("word=PASS passed=1", "word=PASS", WORD_FAIL, "has no number passed");
	changed("protocol=1", "protocol=2", WORD_FAIL, "protocol 2");
	changed("failed=0\nok", "failed=1\nok", WORD_FAIL, "verdict PASS disagrees with 0 fail");
	changed("# @6 missed hop=2", "# @6 fail scenario=running check=x", WORD_FAIL,
		"verdict PASS disagrees with 1 fail");
	changed("# @6 missed hop=2", "# @6 error what=x", WORD_FAIL,
		"verdict PASS disagrees with 0 fail and 1 error");
	changed("# @6 missed hop=2", "# @6 nudged hop=1 lost=1", WORD_FAIL,
		"verdict PASS disagrees");
	changed("# @6 missed hop=2", "# @6 surprise", WORD_FAIL, "unknown event surprise");
	changed("# @6 missed hop=2", "# @6 missed hop", WORD_FAIL, "no key=value");
	changed("# @2 page", "# @2 hello protocol=1", WORD_FAIL, "the VM booted again");
	changed("# @4 ready hop=1\n", "# @4 ready hop=1\nKTAP version 1\n", WORD_FAIL,
		"second version line");
	changed("errors=0\n", "errors=0\n# more\n", WORD_FAIL, "more lines after the verdict");
	changed("hops=2", "hops=3", WORD_ERROR, "took another command line: hops=3");
	changed("seed=1", "seed=2", WORD_ERROR, "took another command line");
	changed("sync=host", "sync=none", WORD_ERROR, "took another command line");
	changed("ok 1 - running", "ok 1 - halted", WORD_ERROR, "the guest ran halted");
	changed("# @7 ready hop=2\n# @8 hop hop=2 failed=0\nok 1 - running\n# @9",
		"ok 1 - running\n# @7", WORD_FAIL, "1 of 2 hops were finished");
	changed("# @1 hello", "# @1 page name=x gpa=0 pages=1\n# @2 hello", WORD_FAIL,
		"the first event is page");
}

static void severity(void **state)
{
	(void)state;
	verdict_raise(&v, WORD_HANG, "first");
	verdict_raise(&v, WORD_FAIL, "second");
	assert_int_equal(v.word, WORD_HANG);
	verdict_raise(&v, WORD_CRASH, "third");
	assert_int_equal(v.word, WORD_CRASH);
	assert_int_equal(v.findings, 3);
	for (int i = 0; i < 100; i++)
		verdict_raise(&v, WORD_PASS, "more");
	assert_int_equal(v.word, WORD_CRASH);
	assert_int_equal(v.findings, MAX_FINDINGS);
	/* The guest's word can't make it better either. */
	log_feed(&logged, PASSED, strlen(PASSED));
	verdict_judge(&v, &logged, &(struct expected){"running", 2, 0, 1});
	assert_int_equal(v.word, WORD_CRASH);
}

static void many_fails(void **state)
{
	struct buf text = {0};
	unsigned n = MAX_FAILS + 10;

	(void)state;
	buf_printf(&text, "%s# @3 start scenario=running\n# @4 ready hop=1\n", HELLO);
	for (unsigned i = 0; i < n; i++)
		buf_printf(&text, "# @%u fail scenario=running check=c expected=1 found=2\n",
			   i + 5);
	judge_as(text.p, "running");
	assert_int_equal(logged.fails, n);
	assert_int_equal(logged.kept, MAX_FAILS);
	assert_int_equal(failed_hops(&logged), 1);
	buf_free(&text);
}

/* A log of which some bytes are wrong may pass only if it still says the same. */
static void mutations(void **state)
{
	uint64_t seed = 2;
	unsigned passed = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		const struct expected want = {"running", 2, 0, 1};
		char bytes[sizeof(PASSED)];
		size_t len = mutate(memcpy(bytes, PASSED, sizeof(PASSED)), sizeof(PASSED) - 1,
				    1 + i % 3, &seed);

		log_feed(&logged, bytes, len);
		verdict_judge(&v, &logged, &want);
		if (v.word == WORD_PASS) {
			passed++;
			assert_int_equal(logged.last_seq, 9);
			assert_int_equal(logged.hops_done, 2);
			assert_true(logged.version && logged.plan && logged.verdict);
		}
		verdict_free(&v);
		guest_log_free(&logged);
	}
	/* The page event and a key's free text are all that may change. */
	assert_in_range(passed, 1, 6000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(pass, done),
		cmocka_unit_test_teardown(fail_words, done),
		cmocka_unit_test_teardown(skipped, done),
		cmocka_unit_test_teardown(guest_error, done),
		cmocka_unit_test_teardown(truncated, done),
		cmocka_unit_test_teardown(lost_lines, done),
		cmocka_unit_test_teardown(doubled_lines, done),
		cmocka_unit_test_teardown(detectors, done),
		cmocka_unit_test_teardown(severity, done),
		cmocka_unit_test_teardown(many_fails, done),
		cmocka_unit_test_teardown(mutations, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
