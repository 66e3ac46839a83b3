// SPDX-License-Identifier: BSD-2-Clause
// The verdict: a pass needs a whole log that agrees with itself; every detector fires here once.
#include "tests/unit/log.h"

static struct guest_log logged;
static struct verdict v;

/* Judges @text as it is. */
static void judge_bytes(const char *text, size_t len, const char *scenario)
{
	const struct expected want = {scenario, 2, 0, 1};

	guest_log_free(&logged);
	verdict_free(&v);
	log_feed(&logged, text, len);
	verdict_judge(&v, &logged, &want);
}

/* Judges @text with the sums that L1 would have put in. */
static void judge_as(const char *text, const char *scenario)
{
	char *sent = summed(text);

	judge_bytes(sent, strlen(sent), scenario);
	free(sent);
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

/* The same with @event where one could stand. */
static void instead(const char *event, enum word word, const char *reason)
{
	char *to = xasprintf("# @7 %s\n# @8 page name=x gpa=0x0 pages=1\n", event);

	changed("# @7 missed hop=2\n# @8 ready hop=2\n", to, word, reason);
	free(to);
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
	judge_as("boot loader\n# GRUB\n" PASSED "noise at the end\n\n", "running");
	assert_int_equal(v.word, WORD_PASS);
	assert_null(logged.damage);
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
	assert_string_equal(
		logged.fail[1].evidence,
		"hop=2 vector=0x71 on=1 in_pir=1 in_virr=0 in_visr=0 activity_state=1 rvi=0x0");
	assert_int_equal(logged.fail[1].hop, 2);
}

static void skipped(void **state)
{
	(void)state;
	judge_as(HELLO "# @3 start scenario=running\n"
		       "# @4 skip scenario=running reason=\"no VMX\"\n"
		       "ok 1 - running # SKIP no VMX\n"
		       "# @5 verdict word=SKIP passed=0 failed=0 skipped=1 errors=0\n",
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
	char *whole = summed(PASSED);
	const char *end = whole + strlen(whole) - 1;

	(void)state;
	/* Cut anywhere but in the very last newline: never a pass. */
	for (const char *cut = whole; cut < end; cut++) {
		char *text = xasprintf("%.*s", (int)(cut - whole), whole);

		judge_bytes(text, strlen(text), "running");
		assert_int_equal(v.word, WORD_FAIL);
		assert_false(v.complete);
		free(text);
	}
	free(whole);
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
	changed("# @6 ready hop=2", "# @6 ready hop=3", WORD_FAIL, "hop 3 is ready after 1");
	changed("1..1\n", "", WORD_FAIL, "event 1 (hello) is out of place, in front of the plan");
	changed("KTAP version 1\n1..1\n", "1..1\nKTAP version 1\n", WORD_FAIL,
		"the plan is out of place, in front of the version line");
	changed("# @2 page", "1..1\n# @2 page", WORD_FAIL, "second plan");
	changed("# @3 start", "# @3 page name=x gpa=0 pages=1\n# @4 start", WORD_FAIL,
		"event 4 after 4");
	changed("# @3 start scenario=running", "# @3 page name=x gpa=0 pages=1", WORD_FAIL,
		"event 4 (ready) is out of place, outside of a scenario");
	changed("# @5 hop hop=1 failed=0\n", "# @5 page name=x gpa=0 pages=1\n", WORD_FAIL,
		"event 6 (ready) is out of place, inside a hop");
	changed("# @6 ready hop=2", "# @6 hop hop=1 failed=0", WORD_FAIL, "outside of a hop");
	changed("# @7 missed hop=2", "# @7 missed hop=1", WORD_FAIL, "is of hop 1 in hop 2");
	changed("# @7 missed hop=2", "# @7 nudged hop=1 lost=0", WORD_FAIL, "is of hop 1 in hop 2");
	changed("# @7 missed hop=2", "# @7 nudged hop=2 lost=0", WORD_FAIL, "inside a hop");
	changed("# @7 missed hop=2", "# @7 verdict word=PASS", WORD_FAIL, "inside a hop");
	changed("ok 1 - running\n", "", WORD_FAIL, "event 10 (verdict) is out of place");
	/* A result before the end of its last hop. */
	changed("# @9 hop hop=2 failed=0\nok 1 - running\n",
		"ok 1 - running\n# @9 hop hop=2 failed=0\n", WORD_FAIL,
		"result 1 is out of place, inside a hop");
	changed("# @8 ready hop=2\n# @9 hop hop=2 failed=0\nok 1 - running\n",
		"ok 1 - running\n# @8 ready hop=2\n# @9 hop hop=2 failed=0\n", WORD_FAIL,
		"event 8 (ready) is out of place, outside of a scenario");
	changed("# @3 start scenario=running\n", "ok 1 - running\n# @3 start scenario=running\n",
		WORD_FAIL, "result 1 is out of place, outside of a scenario");
	instead("skip scenario=running reason=x", WORD_FAIL,
		"result 1 and the skip events disagree");
	instead("fail scenario=halted check=x", WORD_FAIL, "is of halted in running");
	changed("# @7 missed hop=2", "# @7 start scenario=running", WORD_FAIL,
		"event 7 (start) is out of place");
	changed("1..1\n", "1..2\n", WORD_FAIL, "log incomplete: 1 results of 2 planned");
	changed("ok 1 - running\n", "ok 1 - running\nok 1 - running\n", WORD_FAIL,
		"result 1 after 1");
	changed("ok 1 - running\n", "ok 1 - running\nok 2 - halted\n", WORD_FAIL,
		"result 2 of 1 planned");
	changed("ok 1 - running\n", "ok 1 - halted\n", WORD_FAIL,
		"result 1 is called halted, but running was started");
	changed("ok 1 - running\n", "not ok 1 - running\n", WORD_FAIL, "verdict disagrees");
	changed("ok 1 - running\n", "ok 1 - running # SKIP why\n", WORD_FAIL,
		"skip events disagree");
	changed("passed=1", "passed=2", WORD_FAIL, "verdict disagrees with the results: it counts");
	changed("word=PASS", "word=FAIL", WORD_FAIL, "verdict FAIL disagrees");
	changed("word=PASS", "word=SKIP", WORD_FAIL, "verdict SKIP disagrees");
	changed("word=PASS", "word=GREAT", WORD_FAIL, "unknown verdict GREAT");
	changed("word=PASS passed=1", "word=PASS", WORD_FAIL, "has no number passed");
	changed("protocol=2", "protocol=1", WORD_ERROR, "the guest speaks protocol 1");
	changed("failed=0\nok", "failed=1\nok", WORD_FAIL, "verdict PASS disagrees with 0 fail");
	instead("fail scenario=running check=x", WORD_FAIL, "verdict PASS disagrees with 1 fail");
	instead("error what=x", WORD_FAIL, "event 8 (page) is out of place, behind an error");
	changed("# @10 verdict", "# @10 error what=x\n# @11 verdict", WORD_FAIL,
		"verdict PASS disagrees with 0 fail and 1 error");
	changed("ok 1 - running", "# @10 error what=x\nok 1 - running", WORD_FAIL,
		"result 1 is out of place, behind an error");
	instead("nudged hop=2 lost=1", WORD_FAIL, "verdict PASS disagrees");
	changed("# @7 missed hop=2", "# @7 surprise", WORD_FAIL, "unknown event surprise");
	changed("# @7 missed hop=2", "# @7 missed hop", WORD_FAIL, "no key=value");
	changed("# @2 page", "# @2 hello protocol=1", WORD_FAIL, "the VM booted again");
	changed("# @4 ready hop=1\n", "# @4 ready hop=1\nKTAP version 1\n", WORD_FAIL,
		"second version line");
	changed("errors=0\n", "errors=0\n# more\n", WORD_FAIL, "more lines after the verdict");
	changed("hops=2", "hops=3", WORD_ERROR, "took another command line: hops=3");
	changed("seed=1", "seed=2", WORD_ERROR, "took another command line");
	changed("sync=host", "sync=none", WORD_ERROR, "took another command line");
	changed("scenario=running\n# @4 ready hop=1\n# @5 hop hop=1 failed=0\n"
		"# @6 ready hop=2\n# @7 missed hop=2\n# @8 ready hop=2\n"
		"# @9 hop hop=2 failed=0\nok 1 - running",
		"scenario=halted\n# @4 ready hop=1\n# @5 hop hop=1 failed=0\n"
		"# @6 ready hop=2\n# @7 missed hop=2\n# @8 ready hop=2\n"
		"# @9 hop hop=2 failed=0\nok 1 - halted",
		WORD_ERROR, "the guest ran halted");
	changed("# @6 ready hop=2\n# @7 missed hop=2\n# @8 ready hop=2\n"
		"# @9 hop hop=2 failed=0\nok 1 - running\n# @10",
		"ok 1 - running\n# @6", WORD_FAIL, "1 of 2 hops were finished");
	changed("# @1 hello", "# @1 page name=x gpa=0 pages=1\n# @2 hello", WORD_FAIL,
		"the first event is page");
}

/* Each of L1's bytes is under a sum, whoever reads what it says. */
static void sums(void **state)
{
	char *whole = summed("boot loader\n" PASSED);
	const char *first = strstr(whole, "KTAP");
	char *unsummed = replaced(whole, " sum=", " mus=");

	(void)state;
	for (char *p = strstr(whole, "KTAP"); p[1]; p++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			*p ^= (char)(1u << bit);
			judge_bytes(first, strlen(first), "running");
			if (v.word == WORD_PASS)
				fail_msg("bit %u of byte %td: PASS", bit, p - first);
			*p ^= (char)(1u << bit);
		}
	}
	whole[strlen(whole) - 1] = '\0';
	judge_bytes(whole, strlen(whole), "running");
	assert_int_equal(v.word, WORD_PASS);
	judge_bytes(unsummed, strlen(unsummed), "running");
	assert_string_equal(logged.damage, "event 1 (hello) has no sum");
	free(unsummed);
	unsummed = replaced(whole, "gpa=0x1000", "gpa=0x2000");
	judge_bytes(unsummed, strlen(unsummed), "running");
	assert_contains(logged.damage, "the sum of event 2 is wrong");
	free(unsummed);
	free(whole);
}

/* An image or a saved VM of another version of Midflight says nothing about KVM. */
static void other_protocol(void **state)
{
	char *old = replaced(PASSED, "protocol=2", "protocol=1");

	(void)state;
	judge_bytes(old, strlen(old), "running");
	assert_int_equal(v.word, WORD_ERROR);
	assert_contains(v.finding[0],
			"the guest speaks protocol 1, this is Midflight of protocol 2");
	free(old);
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
	assert_string_equal(v.finding[MAX_FINDINGS - 1], "... and 72 more");
	/* The guest's word can't make it better either. */
	guest_log_free(&logged);
	log_feed_summed(&logged, PASSED);
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
		cmocka_unit_test_teardown(sums, done),
		cmocka_unit_test_teardown(other_protocol, done),
		cmocka_unit_test_teardown(severity, done),
		cmocka_unit_test_teardown(many_fails, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
