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
	assert_non_null(strstr(text, "# 2 results are the same everywhere: 1 PASS, 1 SKIP\n"));
	assert_non_null(strstr(text, "\n# result  6.1.0  6.12.0\n"));
	free(text);

	/* A kernel without results hides nothing: all others are told. */
	out = open_memstream(&text, &size);
	variants_table(out, names, runs, 3);
	fclose(out);
	assert_non_null(strstr(text, "no results\n"));
	assert_non_null(strstr(text, "\n# a  "));
	assert_non_null(strstr(text, "# 0 results are the same everywhere\n"));
	free(text);
	json_decref(runs[0]);
	json_decref(runs[1]);
}

#define LONG "a-known-bug-with-a-long-name"

/* Modules of one kernel: the kernel is told once, and what is too wide below. */
static void wide_table(void **state)
{
	static const char *const names[] = {"kvm-intel-one.ko", "kvm-intel-two.ko",
					    "kvm-intel-number-three.ko", "kvm-intel-four.ko",
					    "kvm-intel-number-five.ko"};
	void *runs[ARRAY_SIZE(names)];
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		runs[i] =
			run_of("6.12.0",
			       i ? "[" R("a", "PASS", "null") "," R("b", "FAIL", "\"" LONG "\"") "]"
				 : "[" R("a", "FAIL", "\"" LONG "\"") "," R("b", "FAIL",
									    "\"" LONG "\"") "]");
	variants_table(out, names, runs, ARRAY_SIZE(names));
	fclose(out);
	assert_string_equal(text, "# all on Linux 6.12.0\n"
				  "#    [1]  [2]   [3]   [4]   [5]\n"
				  "# a  [6]  PASS  PASS  PASS  PASS\n"
				  "# [1] kvm-intel-one.ko\n# [2] kvm-intel-two.ko\n"
				  "# [3] kvm-intel-number-three.ko\n# [4] kvm-intel-four.ko\n"
				  "# [5] kvm-intel-number-five.ko\n# [6] " LONG "\n"
				  "# 1 results are the same everywhere: 1 " LONG "\n");
	free(text);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		json_decref(runs[i]);
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
	static const char *const files[] = {"kvm-a.ko", "kvm-b.ko", "kvm-intel-b.ko", "kvm.ko",
					    "kvm_intel.ko"};
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

	/* kvm.ko by itself, and with the kvm-intel.ko that was built with it. */
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		assert_int_equal(write_file(dir, files[i], "", 0, 0600, &e), 0);
	count = variants_make(&o, list, &e);
	assert_int_equal(count, 13);
	assert_string_equal(list[9].word[0], "--kvm-intel");
	assert_string_equal(list[10].name, "kvm-a.ko");
	assert_int_equal(list[10].words, 2);
	assert_string_equal(list[10].word[0], "--kvm");
	assert_string_equal(list[11].name, "kvm-intel-b.ko");
	assert_int_equal(list[11].words, 4);
	assert_string_equal(list[11].word[0], "--kvm-intel");
	assert_string_equal(list[11].word[2], "--kvm");
	assert_string_equal(strrchr(list[11].word[3], '/'), "/kvm-b.ko");
	assert_string_equal(list[12].name, "kvm_intel.ko");
	assert_string_equal(strrchr(list[12].word[3], '/'), "/kvm.ko");
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
	const struct CMUnitTest tests[] = {cmocka_unit_test(table), cmocka_unit_test(wide_table),
					   cmocka_unit_test(matrix), cmocka_unit_test(modules)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
