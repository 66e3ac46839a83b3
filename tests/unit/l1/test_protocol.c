// SPDX-License-Identifier: BSD-2-Clause
// The parser of serial lines: what it must take, what it must call damaged.
#include "tests/unit/unit.h"

#include "host/l1/protocol.h"

static struct line line;

static enum line_kind parse(const char *text)
{
	line_parse(&line, text, strlen(text));
	return line.kind;
}

static void kinds(void **state)
{
	(void)state;
	assert_int_equal(parse("KTAP version 1"), LINE_VERSION);
	assert_int_equal(parse("KTAP version 1\r"), LINE_VERSION);
	assert_int_equal(parse("1..12"), LINE_PLAN);
	assert_int_equal(line.planned, 12);
	assert_int_equal(parse("# for people"), LINE_DIAGNOSTIC);
	assert_int_equal(parse("#"), LINE_DIAGNOSTIC);
	assert_int_equal(parse("SeaBIOS (version x)"), LINE_NOISE);
	assert_int_equal(parse(""), LINE_NOISE);
	assert_int_equal(parse("    ok 1 - nested"), LINE_NOISE);
}

static void results(void **state)
{
	(void)state;
	assert_int_equal(parse("ok 1 - running"), LINE_RESULT);
	assert_true(line.result.ok);
	assert_false(line.result.skip);
	assert_int_equal(line.result.number, 1);
	assert_string_equal(line.result.name, "running");
	assert_int_equal(parse("not ok 2 - halted"), LINE_RESULT);
	assert_false(line.result.ok);
	assert_int_equal(parse("ok 3 - halted # SKIP no VMX: bit 5"), LINE_RESULT);
	assert_true(line.result.skip);
	assert_string_equal(line.result.name, "halted");
	assert_string_equal(line.result.reason, "no VMX: bit 5");
}

static void events(void **state)
{
	uint64_t value;

	(void)state;
	assert_int_equal(parse("# @7 page name=\"VMXON region\" gpa=0x1a000 pages=2"), LINE_EVENT);
	assert_int_equal(line.event.seq, 7);
	assert_string_equal(line.event.name, "page");
	assert_string_equal(event_get(&line.event, "name"), "VMXON region");
	assert_true(event_u64(&line.event, "gpa", &value));
	assert_int_equal(value, 0x1a000);
	assert_null(event_get(&line.event, "no"));
	assert_false(event_u64(&line.event, "name", &value));
	assert_int_equal(parse("# @1 a-b_c k=\"a\\\"b\\\\c\" e=\"\""), LINE_EVENT);
	assert_string_equal(event_get(&line.event, "k"), "a\"b\\c");
	assert_string_equal(event_get(&line.event, "e"), "");
	assert_int_equal(parse("# @1 hello"), LINE_EVENT);
	assert_int_equal(parse("# @1 hello "), LINE_EVENT);
	assert_int_equal(parse("# @1 k a=b=c"), LINE_EVENT);
	assert_string_equal(event_get(&line.event, "a"), "b=c");
}

static void damage(void **state)
{
	static const char *const lines[] = {
		"KTAP version 2",
		"KTAP version 11",
		"KTAP version 1 ",
		"1..",
		"1..x",
		"1..01",
		"1..99999999999999999999",
		"1..4294967296",
		"1..2 ",
		"ok 1",
		"ok 1 -",
		"ok 1 - ",
		"ok x - running",
		"ok 0 - running",
		"ok 1 running",
		"not ok  1 - running",
		"ok 1 - running # TODO later",
		"ok 1 - running # SKIP ",
		"not ok 1 - running # SKIP why",
		"# @",
		"# @x hello",
		"# @1",
		"# @1 ",
		"# @01 hello",
		"# @18446744073709551616 hello",
		"# @1 Hello",
		"# @1 hello  a=1",
		"# @1 hello a",
		"# @1 hello a=",
		"# @1 hello =1",
		"# @1 hello a=\"b",
		"# @1 hello a=\"b\\n\"",
		"# @1 hello a=\"b\\",
		"# @1 hello a=\"b\"c",
		"# @1 hello a=b\"c\"",
		"# @1 hello a=1 a=2",
		"# @1 hello a=1\001",
		"ok 1 - run\tning",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (parse(lines[i]) != LINE_DAMAGED)
			fail_msg("'%s' was taken", lines[i]);
		assert_non_null(line.why);
	}
	line_parse(&line, "KTAP version 1\0x", 16);
	assert_int_equal(line.kind, LINE_DAMAGED);
	line_parse(&line, "# @1 hello a=1\0 b=2", 19);
	assert_int_equal(line.kind, LINE_DAMAGED);
}

/* The sum is no key of the event's, and stands at its end or nowhere. */
static void sums(void **state)
{
	(void)state;
	assert_int_equal(parse("# @1 hello a=1 sum=0x0123abcd"), LINE_EVENT);
	assert_true(line.event.summed);
	assert_int_equal(line.event.sum, 0x0123abcd);
	assert_int_equal(line.event.before_sum, strlen("# @1 hello a=1"));
	assert_int_equal(line.event.keys, 1);
	assert_int_equal(parse("# @1 hello sum=0x0123abcd"), LINE_EVENT);
	assert_true(line.event.summed);
	assert_int_equal(parse("# @1 hello a=1"), LINE_EVENT);
	assert_false(line.event.summed);
	assert_int_equal(parse("# @1 hello sum=0x0123ABCD"), LINE_EVENT);
	assert_false(line.event.summed);
	assert_int_equal(parse("# @1 hello sum=0x123abcd"), LINE_EVENT);
	assert_false(line.event.summed);
	assert_int_equal(parse("# @1 hello sum=0x0123abcd a=1"), LINE_EVENT);
	assert_false(line.event.summed);
}

static void limits(void **state)
{
	char text[LINE_CAP + 100];
	struct buf b = {0};

	(void)state;
	memset(text, 'x', sizeof(text));
	line_parse(&line, text, sizeof(text));
	assert_int_equal(line.kind, LINE_NOISE);
	memcpy(text, "# @1 hello a=", 13);
	line_parse(&line, text, LINE_CAP);
	assert_int_equal(line.kind, LINE_EVENT);
	line_parse(&line, text, LINE_CAP + 1);
	assert_int_equal(line.kind, LINE_DAMAGED);
	buf_printf(&b, "# @1 hello");
	for (unsigned i = 0; i < EVENT_KEYS; i++)
		buf_printf(&b, " k%u=1", i);
	assert_int_equal(parse(b.p), LINE_EVENT);
	buf_printf(&b, " one-more=1");
	assert_int_equal(parse(b.p), LINE_DAMAGED);
	buf_free(&b);
}

static void numbers(void **state)
{
	uint64_t v;

	(void)state;
	assert_true(parse_number("0", &v) && v == 0);
	assert_true(parse_number("18446744073709551615", &v) && v == UINT64_MAX);
	assert_true(parse_number("0xffffffffffffffff", &v) && v == UINT64_MAX);
	assert_true(parse_number("0xAf", &v) && v == 0xaf);
	assert_false(parse_number("", &v));
	assert_false(parse_number("0x", &v));
	assert_false(parse_number("0x10000000000000000", &v));
	assert_false(parse_number("18446744073709551616", &v));
	assert_false(parse_number("-1", &v));
	assert_false(parse_number("1 ", &v));
	assert_false(parse_number("0xg", &v));
}

static struct {
	unsigned lines;
	struct buf text;
} seen;

static void on_line(void *arg, const struct line *l)
{
	(void)arg;
	seen.lines++;
	buf_printf(&seen.text, "%d:%s|", l->kind, l->text);
}

/* The same bytes in any pieces are the same lines. */
static void pieces(void **state)
{
	static const char text[] = "noise\r\nKTAP version 1\r\n1..1\n# @1 hello a=1\nok 1 - x";
	struct assembler a = {.on_line = on_line};
	char *whole;

	(void)state;
	memset(&seen, 0, sizeof(seen));
	assembler_feed(&a, text, sizeof(text) - 1);
	assert_int_equal(seen.lines, 4);
	assembler_end(&a);
	assembler_end(&a);
	assert_int_equal(seen.lines, 5);
	whole = seen.text.p;
	for (size_t step = 1; step < sizeof(text); step++) {
		memset(&seen, 0, sizeof(seen));
		for (size_t at = 0; at < sizeof(text) - 1; at += step)
			assembler_feed(&a, text + at,
				       at + step < sizeof(text) ? step : sizeof(text) - 1 - at);
		assembler_end(&a);
		assert_string_equal(seen.text.p, whole);
		buf_free(&seen.text);
	}
	free(whole);
}

static void huge_line(void **state)
{
	struct assembler a = {.on_line = on_line};
	char bytes[1000];

	(void)state;
	memset(&seen, 0, sizeof(seen));
	memset(bytes, '\0', sizeof(bytes));
	for (int i = 0; i < 1000; i++)
		assembler_feed(&a, bytes, sizeof(bytes));
	assembler_feed(&a, "\nok 1 - x\n", 10);
	assert_int_equal(seen.lines, 2);
	assert_contains(seen.text.p, "ok 1 - x");
	buf_free(&seen.text);
}

/* Whatever comes, every pointer of the result points into the line. */
static void mutations(void **state)
{
	static const char *const good[] = {
		"# @12 fail scenario=halted check=\"lost wake-up\" expected=0x1 found=0x0",
		"# @3 page name=\"posted-interrupt descriptor\" gpa=0x12340 pages=1",
		"ok 3 - halted # SKIP no posted interrupts: bit 7",
		"not ok 12 - running",
		"KTAP version 1",
		"1..2",
	};
	uint64_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		const char *text = good[i % ARRAY_SIZE(good)];
		uint8_t bytes[128];
		size_t len = strlen(text);

		memcpy(bytes, text, len);
		len = mutate(bytes, len, 1 + i % 4, &seed);
		line_parse(&line, (const char *)bytes, len);
		if (line.kind == LINE_EVENT) {
			assert_true(strlen(line.event.name) <= len);
			for (unsigned k = 0; k < line.event.keys; k++) {
				assert_in_range((uintptr_t)line.event.pair[k].value,
						(uintptr_t)line.store, (uintptr_t)line.store + len);
				assert_ptr_equal(event_get(&line.event, line.event.pair[k].key),
						 line.event.pair[k].value);
			}
		}
		if (line.kind == LINE_RESULT)
			assert_true(*line.result.name && line.result.number);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),     cmocka_unit_test(results), cmocka_unit_test(events),
		cmocka_unit_test(sums),	     cmocka_unit_test(damage),	cmocka_unit_test(limits),
		cmocka_unit_test(numbers),   cmocka_unit_test(pieces),	cmocka_unit_test(huge_line),
		cmocka_unit_test(mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
