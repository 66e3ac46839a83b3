// SPDX-License-Identifier: BSD-2-Clause
// What a run shows: lines through a screen with and without a terminal.
#include "tests/unit/unit.h"

#include "host/report/screen.h"

static char *out, *err;
static size_t out_size, err_size;
static struct screen s;
static unsigned results;

static int begin(void **state)
{
	(void)state;
	memset(&s, 0, sizeof(s));
	s.out = open_memstream(&out, &out_size);
	s.err = open_memstream(&err, &err_size);
	s.columns = 60;
	screen_expect(&s, xstrdup("running.control"));
	screen_expect(&s, xstrdup("running"));
	screen_expect(&s,
		      xstrdup("a_scenario_with_a_very_long_name_that_no_terminal_has_room_for"));
	results = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	fclose(s.out);
	fclose(s.err);
	free(out);
	free(err);
	return 0;
}

static void feed(const char *text)
{
	screen_output(&s, text, strlen(text));
	fflush(s.out);
	fflush(s.err);
}

static void on_result(void *arg, const struct screen_result *r)
{
	assert_ptr_equal(arg, &results);
	if (results++)
		return;
	assert_true(r->ok && !r->skip && !r->todo);
	assert_string_equal(r->name, "running.control");
	assert_string_equal(r->text, "2 hops");
}

/* In a pipe all comes out as it came in, in whatever pieces, and nothing is added. */
static void pipe_is_plain(void **state)
{
	static const char text[] =
		"# lab\nKTAP version 1\n1..3\n\nok 1 - running.control # 2 hops\n"
		"# running: FAIL\nnot ok 2 - running # FAIL, 2 hops\n"
		"ok 3 - x # SKIP no VMX\n# midflight: end\nno newline";

	(void)state;
	s.progress = SCREEN_PLAIN;
	s.on_result = on_result;
	s.arg = &results;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		screen_output(&s, text + i, 1);
	screen_end(&s);
	fflush(s.out);
	fflush(s.err);
	assert_memory_equal(out, text, sizeof(text) - 1);
	assert_string_equal(out + sizeof(text) - 1, "\n");
	assert_int_equal(err_size, 0);
	assert_int_equal(results, 3);
}

/* After a minute a line says so, as a comment of KTAP. */
static void pipe_says_time(void **state)
{
	(void)state;
	s.progress = SCREEN_PLAIN;
	feed("1..3\n");
	s.start_ns -= 100 * 1000 * NS_PER_MS;
	s.said_ns = s.start_ns;
	feed("ok 1 - running.control # 2 hops\n");
	assert_string_equal(err, "# 1 of 3 results in 2 min of wall time, about 3 min left\n");
	feed("ok 2 - running # 2 hops\n");
	assert_string_equal(err, "# 1 of 3 results in 2 min of wall time, about 3 min left\n");
	screen_end(&s);
}

static void terminal(void **state)
{
	(void)state;
	s.progress = SCREEN_LIVE;
	s.colours = true;
	feed("# lab\n");
	assert_int_equal(err_size, 0); /* nothing flies yet */
	feed("KTAP version 1\n1..3\n");
	assert_string_equal(err, "\r\033[K[1/3] running.control, 0 s");
	screen_note(&s, "hop %u of %u", 1, 2);
	fflush(s.err);
	assert_contains(err, "\r\033[K[1/3] running.control: hop 1 of 2, 0 s");
	feed("ok 1 - running.control # 2 hops\n");
	assert_contains(out, "\033[32mok 1 - running.control \033[0m# 2 hops\n");
	assert_string_equal(err + err_size - 4, "\r\033[K"); /* no line while others come */
	s.drawn_ns = 0;
	screen_tick(&s);
	fflush(s.err);
	assert_string_equal(strrchr(err, '['), "[2/3] running, 0 s, soon done");
	feed("not ok 2 - running # TODO known KVM bug: x\n");
	assert_contains(out, "\033[33mnot ok 2 - running \033[0m# TODO known KVM bug: x\n");
	s.drawn_ns = 0;
	screen_tick(&s);
	fflush(s.err);
	assert_int_equal(strlen(strrchr(err, '[')), 59); /* no line breaks */
	feed("not ok 3 - y # FAIL\n");
	assert_contains(out, "\033[31mnot ok 3 - y \033[0m# FAIL\n");
	screen_end(&s);
	fflush(s.err);
	assert_string_equal(err + err_size - 4, "\r\033[K");
}

/* Of what failed by a known bug a terminal gets one line, which may go on in others. */
static void terminal_is_brief(void **state)
{
	static const char text[] =
		"# halted: FAIL, known: it sleeps on, ...\n#     for ever\n"
		"#   hop 1 of 10: lost wake-up: on=1\n#       in_pir=1\n"
		"#   see docs/known-failures.md#x\n"
		"# halted: downtime 1.0 ms\nnot ok 1 - halted # TODO known KVM bug: x\n"
		"#   known        1  x\n# running: FAIL\n#   hop 1 of 10: y\n"
		"not ok 2 - running # FAIL\n";
	static const char brief[] =
		"# halted: FAIL, known: it sleeps on, ...\n#     for ever\n"
		"# halted: downtime 1.0 ms\nnot ok 1 - halted # TODO known KVM bug: x\n"
		"#   known        1  x\n# running: FAIL\n#   hop 1 of 10: y\n"
		"not ok 2 - running # FAIL\n";

	(void)state;
	feed(text);
	assert_string_equal(out, text);
	s.brief = true;
	feed(text);
	assert_string_equal(out + sizeof(text) - 1, brief);
	screen_end(&s);
}

/* A result's line that is too long goes on below, in a comment. */
static void long_result(void **state)
{
#define FIRST                                                                              \
	"ok 1 - running # SKIP exit[30] save IA32_PERF_GLOBAL_CTRL: it is not allowed by " \
	"IA32_VMX_TRUE_EXIT_CTLS (0x48f)"
	static const char text[] = FIRST " =0x3fffff00036dfb\nok 2 - x # y\n";

	(void)state;
	s.whole = true;
	feed(text);
	assert_string_equal(out, text);
	s.whole = false;
	feed(text);
	assert_string_equal(out + sizeof(text) - 1,
			    FIRST "\n#     =0x3fffff00036dfb\nok 2 - x # y\n");
	screen_end(&s);
}

/* Colours are one thing, progress another. */
static void terminal_without_colours(void **state)
{
	(void)state;
	s.progress = SCREEN_LIVE;
	feed("1..3\nok 1 - running.control # SKIP no VMX\n");
	assert_string_equal(out, "1..3\nok 1 - running.control # SKIP no VMX\n");
	screen_end(&s);
}

/* More results than were announced, before a plan or after it: nothing happens. */
static void odd(void **state)
{
	(void)state;
	s.progress = SCREEN_LIVE;
	feed("ok 1 - x # y\n1..3\n1..3\n");
	for (int i = 0; i < 5; i++)
		feed("ok 1 - x # y\n");
	s.drawn_ns = 0;
	screen_tick(&s);
	screen_note(&s, "%s",
		    "a note that is much longer than what there is room for in a note of "
		    "a screen, which must be cut");
	screen_end(&s);
}

/* Through a FILE, as the runner's own report. */
static void file(void **state)
{
	FILE *f;

	(void)state;
	f = screen_file(&s);
	fprintf(f, "1..%d\nok 1 - run", 3);
	fflush(f);
	fputs("ning # x\n", f);
	fclose(f);
	fflush(s.out);
	assert_string_equal(out, "1..3\nok 1 - running # x\n");
	assert_int_equal(s.done, 1);
	screen_end(&s);
}

/* Results that come before they are shown. */
static void ahead(void **state)
{
	(void)state;
	s.progress = SCREEN_LIVE;
	s.ahead = true;
	screen_line(&s, "1..3");
	screen_line(&s, "ok 1 - running.control # x");
	assert_int_equal(s.done, 0);
	screen_done(&s);
	screen_done(&s);
	s.drawn_ns = 0;
	screen_tick(&s);
	fflush(s.err);
	assert_contains(strrchr(err, '['), "[3/3] a_scenario");
	screen_end(&s);
	fflush(s.out);
	assert_string_equal(out, "1..3\nok 1 - running.control # x\n");
}

static void parse(void **state)
{
	static const char *const no[] = {"",
					 "ok",
					 "ok 1",
					 "ok x - y",
					 "not ok 1",
					 "# ok 1 - x",
					 "okay 1 - x",
					 "ok 1 -x",
					 "ok -1 - x",
					 "1..4",
					 " ok 1 - x",
					 "not  ok 1 - x",
					 "ok 9999999999999999999999 - x"};
	char line[80];
	struct screen_result r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		snprintf(line, sizeof(line), "%s", no[i]);
		assert_false(screen_parse(line, &r));
	}
	strcpy(line, "ok 12 - a.b # SKIP no # VMX");
	assert_true(screen_parse(line, &r));
	assert_true(r.ok && r.skip && !r.todo);
	assert_int_equal(r.number, 12);
	assert_string_equal(r.name, "a.b");
	assert_string_equal(r.text, "no # VMX");
	strcpy(line, "not ok 3 - a");
	assert_true(screen_parse(line, &r));
	assert_true(!r.ok && !r.skip && !r.todo);
	assert_string_equal(r.text, "");
}

static void times(void **state)
{
	static const struct {
		int64_t s;
		const char *text;
	} cases[] = {{0, "0 s"},       {89, "89 s"},	     {90, "2 min"},
		     {3600, "60 min"}, {5400, "1 h 30 min"}, {90000, "25 h 0 min"}};
	char text[40];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		screen_time(cases[i].s * 1000 * NS_PER_MS, text, sizeof(text));
		assert_string_equal(text, cases[i].text);
	}
}

/* What stdout and stderr are decides; a test's are no terminals. */
static void detected(void **state)
{
	struct screen d;

	(void)state;
	setenv("TERM", "xterm", 1);
	screen_init(&d, true);
	assert_int_equal(d.progress, SCREEN_NONE);
	setenv("TERM", "dumb", 1);
	screen_init(&d, false);
	assert_false(d.colours);
	assert_int_equal(d.progress, SCREEN_PLAIN);
	unsetenv("TERM");
	screen_init(&d, false);
	assert_int_equal(d.progress, SCREEN_PLAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pipe_is_plain, begin, end),
		cmocka_unit_test_setup_teardown(pipe_says_time, begin, end),
		cmocka_unit_test_setup_teardown(terminal, begin, end),
		cmocka_unit_test_setup_teardown(terminal_is_brief, begin, end),
		cmocka_unit_test_setup_teardown(long_result, begin, end),
		cmocka_unit_test_setup_teardown(terminal_without_colours, begin, end),
		cmocka_unit_test_setup_teardown(odd, begin, end),
		cmocka_unit_test_setup_teardown(file, begin, end),
		cmocka_unit_test_setup_teardown(ahead, begin, end),
		cmocka_unit_test(parse),
		cmocka_unit_test(times),
		cmocka_unit_test(detected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
