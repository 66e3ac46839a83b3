// SPDX-License-Identifier: BSD-2-Clause
// Lines of foreign guests: taking them in, and what is told of two logs that differ.
#include "tests/unit/unit.h"
#include "host/guest/transcript.h"

static struct transcript lines(const char *text)
{
	struct transcript t = {0};

	transcript_add(&t, text, strlen(text), 0);
	transcript_end(&t, 0);
	return t;
}

static void note(void *arg, const struct transcript_difference *d)
{
	buf_printf(arg, "[%s: %s -> %s%s%s]", d->what, d->expected ? d->expected->text : "-",
		   d->found ? d->found->text : "-", d->test ? " in " : "",
		   d->test ? d->test->text : "");
}

/* What is told of @run, by @control, with @ignored cut out. */
static void expect(const char *control, const char *run, const char *ignored, const char *told)
{
	struct transcript c = lines(control), r = lines(run);
	struct patterns ignore = {0}, test = {0};
	struct buf text = {0};
	struct err e;
	unsigned places;

	assert_int_equal(patterns_add(&test, "^Test: ", &e), 0);
	if (ignored)
		assert_int_equal(patterns_add(&ignore, ignored, &e), 0);
	places = transcript_compare(&c, &r, &ignore, test.list, note, &text);
	assert_string_equal(buf_text(&text), told);
	assert_int_equal(places == 0, !*told);
	buf_free(&text);
	patterns_free(&ignore);
	patterns_free(&test);
	transcript_free(&c);
	transcript_free(&r);
}

static void takes_lines(void **state)
{
	struct transcript t = {0};
	char longest[2 * TRANSCRIPT_LINE_MAX];

	(void)state;
	transcript_add(&t, "on\r\ntw", 6, 1);
	assert_int_equal(t.lines, 1);
	transcript_add(&t, "o\n\n\033[2J\0!", 9, 2);
	transcript_end(&t, 3);
	assert_int_equal(t.lines, 4);
	assert_string_equal(t.line[0].text, "on");
	assert_int_equal(t.line[0].freezes, 1);
	assert_string_equal(t.line[1].text, "two");
	assert_int_equal(t.line[1].freezes, 2);
	assert_string_equal(t.line[2].text, "");
	assert_string_equal(t.line[3].text, "?[2J?!");
	assert_int_equal(t.line[3].freezes, 3);
	memset(longest, 'x', sizeof(longest));
	transcript_add(&t, longest, sizeof(longest), 4);
	transcript_end(&t, 4);
	assert_int_equal(strlen(t.line[4].text), TRANSCRIPT_LINE_MAX);
	transcript_free(&t);
}

static void tells_differences(void **state)
{
	(void)state;
	expect("a\nb\nc\n", "a\nb\nc\n", NULL, "");
	expect("", "", NULL, "");
	expect("a\nb\nc\nd\n", "a\nc\nd\n", NULL, "[a line is missing: b -> -]");
	expect("a\nb\nc\nd\n", "a\nb\nb\nc\nd\n", NULL, "[a line is doubled: - -> b]");
	expect("a\nb\nc\nd\n", "a\nb\nx\nc\nd\n", NULL, "[a line too many: - -> x]");
	expect("a\nb\nc\nd\n", "a\nx\nc\nd\n", NULL, "[another line: b -> x]");
	expect("a\nb\nc\n", "a\n", NULL, "[a line is missing: b -> -][a line is missing: c -> -]");
	expect("a\n", "", NULL, "[a line is missing: a -> -]");
	expect("", "a\n", NULL, "[a line too many: - -> a]");
	/* Named by the control, as what was lost may be that line. */
	expect("Test: 1\na\nTest: 2\nb\nc\nd\n", "Test: 1\na\nTest: 2\nc\nd\n", NULL,
	       "[a line is missing: b -> - in Test: 2]");
}

static void ignores(void **state)
{
	(void)state;
	expect("took 17 ms\nb\n", "took 18 ms\nb\n", "[0-9]+ ms", "");
	expect("1 2 3\n", "4 5 6\n", "[0-9]", "");
	expect("1 2 3\n", "4 5 6\n", "^[0-9]", "[another line: 1 2 3 -> 4 5 6]");
	expect("a\nat 1\nb\n", "a\nb\nat 2\n", "^at .*", "");
	expect("a 1\n", "b 1\n", "x*", "[another line: a 1 -> b 1]"); /* which matches nothing */
}

/* Whatever the lines are: no place where there is no difference, and an end. */
static void any_lines(void **state)
{
	uint64_t seed = 20;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		struct transcript t[2] = {{0}, {0}};
		const struct patterns none = {0};
		struct buf text = {0};
		bool same;

		for (unsigned side = 0; side < 2; side++)
			for (uint64_t n = random_below(&seed, 12); n--;) {
				const char line[] = {"abc"[random_below(&seed, 3)], '\n'};

				transcript_add(&t[side], line, 2, 0);
			}
		same = t[0].lines == t[1].lines;
		for (size_t n = 0; same && n < t[0].lines; n++)
			same = !strcmp(t[0].line[n].text, t[1].line[n].text);
		assert_int_equal(!transcript_compare(&t[0], &t[1], &none, NULL, note, &text), same);
		buf_free(&text);
		transcript_free(&t[0]);
		transcript_free(&t[1]);
	}
}

static void refuses_patterns(void **state)
{
	struct patterns p = {0};
	struct err e = {0};

	(void)state;
	assert_int_equal(patterns_add(&p, "(", &e), -1);
	assert_contains(e.text, "'(' is no regular expression: ");
	assert_int_equal(p.count, 0);
	patterns_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_lines),	    cmocka_unit_test(tells_differences),
		cmocka_unit_test(ignores),	    cmocka_unit_test(any_lines),
		cmocka_unit_test(refuses_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
