// SPDX-License-Identifier: BSD-2-Clause
// Patches as columns: what they are called, and what is said of what they changed.
#include "tests/unit/unit.h"

#include "host/run/patch_columns.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void columns(void **state)
{
	struct variant list[VARIANTS_MAX];
	struct options o;
	struct err e = {0};
	int count;

	(void)state;
	options_init(&o);
	o.kernels = "6.12,7.3";
	o.patch[o.patches++] = "a/one.patch,two.cocci";
	o.patch[o.patches++] = "three.mbox";
	assert_true(has_variants(&o));
	count = variants_make(&o, list, &e);
	assert_int_equal(count, 6);
	assert_string_equal(list[0].name, "6.12,unpatched");
	assert_int_equal(list[0].words, 2);
	assert_string_equal(list[1].name, "6.12,one+two");
	assert_string_equal(list[5].name, "7.3,three");
	assert_int_equal(list[5].words, 4);
	assert_string_equal(list[5].word[1], "7.3");
	assert_string_equal(list[5].word[2], "--patch");
	assert_string_equal(list[5].word[3], "three.mbox");
	variants_free(list, count);

	/* Two with one directory; one that leads out of it; none. */
	o.patch[1] = "b/one.diff,two";
	assert_int_equal(variants_make(&o, list, &e), -1);
	assert_string_equal(e.text, "--patch: two are called 'one+two'");
	o.patch[1] = "..";
	assert_int_equal(variants_make(&o, list, &e), -1);
	o.patch[1] = ",";
	assert_int_equal(variants_make(&o, list, &e), -1);
}

static json_t *run_of(const char *results)
{
	json_t *run = json_object();

	assert_int_equal(json_object_set_new(run, "results", json_loads(results, 0, NULL)), 0);
	return run;
}

#define R(name, word, known, check)                                                              \
	"{\"name\": \"" name "\", \"word\": \"" word "\", \"known\": " known                     \
	", \"fails\": [{\"hop\": 1, \"check\": \"" check "\"}, {\"hop\": 2, \"check\": \"" check \
	"\"}], \"oracles\": []}"

#define UNPATCHED_RUN                                                                    \
	"[" R("bug", "FAIL", "\"a-bug\"", "x") "," R("fail", "FAIL", "null", "x") "," R( \
		"other", "FAIL", "null", "x") "," R("fine", "PASS", "null",              \
						    "") "," R("not", "SKIP", "null", "") "]"

/* The exit status of @patched beside the above, and what must be among the lines. */
static void check(const char *patched, const char *expect, int status, int want, const char *line)
{
	void *runs[] = {run_of(UNPATCHED_RUN), run_of(patched)};
	const struct variant list[] = {{.name = (char[]){"unpatched"}}, {.name = (char[]){"p"}}};
	struct options o;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	options_init(&o);
	o.patch[o.patches++] = "p";
	o.expect_cure = expect;
	assert_int_equal(patch_columns_tell(out, &o, list, runs, 2, status), want);
	fclose(out);
	if (!strstr(text, line))
		print_error("%s", text);
	assert_non_null(strstr(text, line));
	free(text);
	json_decref(runs[0]);
	json_decref(runs[1]);
}

static void changes(void **state)
{
	static const char cured[] =
		"[" R("bug", "PASS", "null", "") "," R("fail", "FAIL", "null", "x") "," R(
			"other", "FAIL", "null",
			"y") "," R("fine", "PASS", "null", "") "," R("not", "SKIP", "null", "") "]";
	static const char broke[] =
		"[" R("bug", "FAIL", "\"a-bug\"", "x") "," R("fail", "FAIL", "null", "x") "," R(
			"other", "FAIL", "null", "x") "," R("fine", "HANG", "null", "") "]";

	(void)state;
	check(cured, NULL, 1, 0, "#   cured            1  bug (a-bug)\n");
	check(cured, NULL, 1, 0, "#   broke            0\n");
	check(cured, NULL, 1, 0, "#   still            1  fail (FAIL)\n");
	check(cured, NULL, 1, 0, "#   other failure    1  other (FAIL, was FAIL)\n");
	check(cured, "b*", 0, 0, "#   the rest         2\n");
	check(cured, "fail", 1, 1, "# p: not cured, but expected: fail\n");
	check(cured, "fine", 1, 1, "# p: not cured, but expected: 'fine' fails nowhere");
	check(broke, NULL, 1, 1, "#   broke            1  fine (HANG, was PASS)\n");
	check(broke, NULL, 2, 2, "#   still            3 ");
	/* A kernel that dies leaves what was not flown. */
	check("[]", NULL, 1, 1, "#   broke            1  fine (not flown, was PASS)\n");
}

/* Any column against any other. */
static void against(void **state)
{
	void *runs[] = {run_of("[" R("a", "FAIL", "null", "x") "]"),
			run_of("[" R("a", "PASS", "null", "") "]"), NULL};
	const struct variant list[] = {{.name = (char[]){"one.ko"}},
				       {.name = (char[]){"two.ko"}},
				       {.name = (char[]){"three.ko"}}};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	columns_against(out, list, runs, 3, 1);
	fclose(out);
	assert_contains(text, "# one.ko, against two.ko:\n#   cured            0\n"
			      "#   broke            1  a (FAIL, was PASS)\n");
	assert_contains(text, "# three.ko, against two.ko: there is nothing to compare\n");
	assert_null(strstr(text, "# two.ko, against"));
	free(text);
	json_decref(runs[0]);
	json_decref(runs[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(columns), cmocka_unit_test(changes),
					   cmocka_unit_test(against)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
