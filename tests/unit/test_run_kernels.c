// SPDX-License-Identifier: BSD-2-Clause
// The table of several kernels.
#include "tests/unit/unit.h"

#include "host/run_kernels.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *run_of(const char *kernel, const char *results)
{
	json_t *run = json_pack("{s:s}", "kernel", kernel);

	assert_int_equal(json_object_set_new(run, "results", json_loads(results, 0, NULL)), 0);
	return run;
}

#define R(name, word, known) \
	"{\"name\": \"" name "\", \"word\": \"" word "\", \"known\": " known "}"

static void table(void **state)
{
	static const char *const names[] = {"6.1", "6.12", "7.3"};
	void *runs[] = {
		run_of("6.1.0", "[" R("a", "PASS", "null") "," R("b", "FAIL", "\"bug\"") "," R(
					"c", "SKIP", "null") "]"),
		run_of("6.12.0", "[" R("a", "PASS", "null") "," R("b", "PASS", "null") "," R(
					 "c", "SKIP", "null") "," R("d", "CRASH", "null") "]"),
		NULL};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	kernels_table(out, names, runs, 2);
	fclose(out);
	assert_non_null(strstr(text, "\n# b  "));
	assert_non_null(strstr(text, " bug  "));
	assert_non_null(strstr(text, " CRASH\n"));
	assert_null(strstr(text, "\n# a  "));
	assert_non_null(strstr(text, "# 1 results pass on all kernels, 1 are skipped on all\n"));
	free(text);

	/* A kernel without results hides nothing: all others are told. */
	out = open_memstream(&text, &size);
	kernels_table(out, names, runs, 3);
	fclose(out);
	assert_non_null(strstr(text, "no results\n"));
	assert_non_null(strstr(text, "\n# a  "));
	assert_non_null(strstr(text, "# 0 results pass on all kernels, 0 are skipped on all\n"));
	free(text);
	json_decref(runs[0]);
	json_decref(runs[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(table)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
