// SPDX-License-Identifier: BSD-2-Clause
// The table of hosts from and to: each fate, and what is told of it.
#include "tests/unit/unit.h"

#include "host/run/cross.h"

#include <stdlib.h>
#include <string.h>

#define ROW(name, word, more) \
	"{\"name\": \"" name "\", \"scenario\": \"" name "\", \"word\": \"" word "\"" more "}"
#define CONTROL(name, word)                                                              \
	"{\"name\": \"" name ".control\", \"scenario\": \"" name "\", \"word\": \"" word \
	"\", \"control\": true}"

static json_t *run_of(const char *results)
{
	json_t *list = json_loads(results, 0, NULL);

	assert_non_null(list);
	return json_pack("{s:o}", "results", list);
}

static void table(void **state)
{
	struct cross_table t = {.name = {"6.1", "7.3"}, .hosts = 2};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	t.run[0][0] = run_of(
		"[" CONTROL("a", "PASS") "," ROW("a", "PASS", "") "," CONTROL("b", "PASS") "," ROW("b", "FAIL", ", \"known\": \"some-bug\"") "," CONTROL(
			"c", "PASS") "," ROW("c", "PASS",
					     "") "," CONTROL("d",
							     "PASS") "," ROW("d", "PASS",
									     "") "," ROW("e",
											 "SKIP",
											 "") "]");
	t.run[1][1] = run_of(
		"[" CONTROL("a", "PASS") "," ROW("a", "PASS", "") "," CONTROL("b", "FAIL") "," ROW(
			"b", "FAIL",
			"") "," CONTROL("c",
					"PASS") "," ROW("c", "PASS",
							"") "," CONTROL("d",
									"PASS") "," ROW("d", "PASS",
											"") "]");
	t.run[0][1] = run_of("[" ROW("a", "PASS", "") "," ROW("b", "FAIL", "") "," ROW(
		"c", "FAIL",
		", \"refused\": \"KVM_SET_MSRS: refused MSR 0x309\"") "," ROW("d", "FAIL",
									      ", \"fails\": "
									      "[{\"check\": "
									      "\"CR4\"}]") "]");
	t.run[1][0] = run_of("[" ROW("a", "PASS", "") "," ROW("b", "PASS", "") "," ROW(
		"c", "PASS", "") "," ROW("d", "ERROR", ", \"findings\": [\"no memory\"]") "]");
	cross_line(out, &t, 0, 1);
	cross_line(out, &t, 1, 1);
	cross_print(out, &t);
	fclose(out);
	assert_contains(text,
			"# 6.1 to 7.3: 1 survive, 1 skipped, 1 fail without a restore, too, 1 "
			"refused, 1 wrong\n");
	assert_contains(text, "# 7.3: 3 survive, 1 skipped, 1 fail without a restore, too\n");
	assert_null(strstr(text, "\n# a "));
	assert_null(strstr(text, "\n# e "));
	assert_contains(text,
			"\n# b                                  K    C    .    C   some-bug\n");
	assert_contains(text, "\n# c                                  .    R    .    .   \n");
	assert_contains(text, "\n# d                                  .    X    !    .   \n");
	assert_contains(text, "# 6.1 to 7.3: 1 R KVM_SET_MSRS: refused MSR 0x309\n");
	assert_contains(text, "# 6.1 to 7.3: 1 X CR4\n");
	assert_contains(text, "# 7.3 to 6.1: 1 ! no memory\n");
	assert_contains(text, "\n# to                                 6.1  7.3  6.1  7.3 \n");
	free(text);

	t.name[1] = "enable_apicv=0";
	out = open_memstream(&text, &size);
	cross_print(out, &t);
	fclose(out);
	assert_contains(text, "# (1) 6.1\n# (2) enable_apicv=0\n");
	assert_contains(text, "\n# to                                 (1)  (2)  (1)  (2) \n");
	free(text);
	cross_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
	};

	return cmocka_run_group_tests_name("cross", tests, NULL, NULL);
}
