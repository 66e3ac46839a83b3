// SPDX-License-Identifier: BSD-2-Clause
// The table of several kernels.
#include "tests/unit/unit.h"

#include "host/run/run.h"

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
	variants_table(out, names, runs, 2);
	fclose(out);
	assert_non_null(strstr(text, "\n# b  "));
	assert_non_null(strstr(text, " bug  "));
	assert_non_null(strstr(text, " CRASH\n"));
	assert_null(strstr(text, "\n# a  "));
	assert_non_null(strstr(text, "# 1 results pass everywhere, 1 are skipped everywhere\n"));
	free(text);

	/* A kernel without results hides nothing: all others are told. */
	out = open_memstream(&text, &size);
	variants_table(out, names, runs, 3);
	fclose(out);
	assert_non_null(strstr(text, "no results\n"));
	assert_non_null(strstr(text, "\n# a  "));
	assert_non_null(strstr(text, "# 0 results pass everywhere, 0 are skipped everywhere\n"));
	free(text);
	json_decref(runs[0]);
	json_decref(runs[1]);
}

static void matrix(void **state)
{
	struct options o;
	struct variant list[VARIANTS_MAX];
	struct err e = {0};
	int count;

	(void)state;
	options_init(&o);
	assert_false(has_variants(&o));
	o.kernels = "6.1,6.12";
	o.each_param[o.each_params++] = "ept=1,0";
	assert_true(has_variants(&o));
	count = variants_make(&o, list, &e);
	assert_int_equal(count, 4);
	assert_string_equal(list[0].name, "6.1,ept=1");
	assert_string_equal(list[3].name, "6.12,ept=0");
	assert_int_equal(list[3].words, 4);
	assert_string_equal(list[3].word[0], "--kernel");
	assert_string_equal(list[3].word[1], "6.12");
	assert_string_equal(list[3].word[2], "--kvm-param");
	assert_string_equal(list[3].word[3], "ept=0");
	variants_free(list, count);

	/* Two with the same directory, none, one that leads out of it, too many. */
	o.kernels = "6.1,/x/6.1";
	assert_int_equal(variants_make(&o, list, &e), -1);
	o.kernels = "6.1,..";
	assert_int_equal(variants_make(&o, list, &e), -1);
	o.kernels = NULL;
	o.each_param[0] = "ept=";
	assert_int_equal(variants_make(&o, list, &e), -1);
	o.each_param[0] = "a=0,1,2,3,4,5,6,7,8";
	o.each_param[1] = "b=0,1,2,3,4,5,6,7,8";
	o.each_params = 2;
	assert_int_equal(variants_make(&o, list, &e), -1);
	assert_string_equal(e.text, "--kvm-param: 81 runs, but no more than 64 go into one table");
	o.each_params = 0;
	o.each_module = "/nonexistent";
	assert_int_equal(variants_make(&o, list, &e), -1);
}

/* All that is there, in order; or none, and a word about it. */
static void modules(void **state)
{
	char dir[] = "/tmp/midflight-unit-XXXXXX", *command;
	struct variant list[VARIANTS_MAX];
	struct options o;
	struct err e = {0};
	int count;

	(void)state;
	options_init(&o);
	assert_non_null(mkdtemp(dir));
	o.each_module = dir;
	for (int i = 69; i >= 0; i--) {
		char name[20];

		snprintf(name, sizeof(name), "%02d.ko", i);
		assert_int_equal(write_file(dir, name, "", 0, 0600, &e), 0);
	}
	assert_int_equal(variants_make(&o, list, &e), -1);
	assert_string_equal(e.text, "--kvm-intel: 70 runs, but no more than 64 go into one table");
	command = xasprintf("rm %s/[0-5]*", dir);
	assert_int_equal(system(command), 0);
	free(command);
	count = variants_make(&o, list, &e);
	assert_int_equal(count, 10);
	assert_string_equal(list[0].name, "60.ko");
	assert_string_equal(list[9].name, "69.ko");
	variants_free(list, count);

	/* No room for its words beside what is there. */
	o.l0_words = ARRAY_SIZE(o.l0);
	assert_int_equal(variants_make(&o, list, &e), -1);
	assert_string_equal(e.text, "more than 32 options of the lab");
	command = xasprintf("rm -r %s", dir);
	assert_int_equal(system(command), 0);
	free(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(table), cmocka_unit_test(matrix),
					   cmocka_unit_test(modules)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
