// SPDX-License-Identifier: BSD-2-Clause
// Completion: what the last word may become, at each place of a command line.
#include "tests/unit/unit.h"

#include "host/commands/cmd.h"

/* The words behind midflight; @want: the candidates, each with a blank behind it. */
#define check(want, ...)                                     \
	do {                                                 \
		char *words[] = {__VA_ARGS__};               \
		check_words(want, words, ARRAY_SIZE(words)); \
	} while (0)

static void check_words(const char *want, char *const *words, unsigned count)
{
	struct buf found = {0};

	complete_words(words, count, &found);
	for (size_t i = 0; i < found.len; i++)
		if (found.p[i] == '\n')
			found.p[i] = ' ';
	assert_string_equal(buf_text(&found), want);
	buf_free(&found);
}

static int setup(void **state)
{
	(void)state;
	unit_scenarios();
	return 0;
}

static void which_command(void **state)
{
	(void)state;
	check("run replay report restore ", "r");
	check("--help --version ", "-");
	check("", "complet"); /* hidden */
	check("", "x");
	check("", "no-such", "--");
}

static void which_option(void **state)
{
	(void)state;
	check("--json --junit --jobs ", "run", "--j");
	check("--diff ", "inspect", "--d");
	check("", "inspect", "--driver"); /* not one of its own */
	check("", "run", "--shown");	  /* hidden */
	check("--help ", "list", "--h");
	check("", "run", "--", "--"); /* behind it there are no options */
	check("--scenario --exclude --group --methods --groups --enlightened --image --verbose "
	      "--help ",
	      "list", "");
	check("halted ", "run", "hal"); /* a scenario */
	check("", "save", "");		/* a file */
	check("flight freeze ", "help", "hop", "f");
}

static void values(void **state)
{
	(void)state;
	check("auto yes no ", "run", "--lab", "");
	check("yes ", "run", "-v", "--lab", "y");
	check("qemu kvm ", "run", "--driver", "");
	check("nested-first nested-last ", "run", "--order", "nest");
	check("page ", "run", "--break", "pag");
	check("memory-page= ", "save", "--break", "memo");
	check("", "run", "--qemu", ""); /* a file */
	check("", "run", "-n", "");
	/* A value that looks like an option, an option behind a value, and behind a flag. */
	check("--dry-run --driver ", "run", "--cpu", "--lab", "--dr");
	check("--scenario ", "run", "--lab", "no", "--sc");
	check("--scenario ", "run", "--keep", "--sc");
}

static void lists(void **state)
{
	(void)state;
	check("halted running ", "run", "--scenario", "");
	check("halted ", "run", "-s", "h");
	check("running,halted ", "run", "--scenario", "running,h");
	check("x,y,running ", "run", "--scenario", "x,y,run");
	check("file,postcopy file,postcopy-preempt ", "run", "--method", "file,post");
	check("", "run", "--lab", "auto,y"); /* takes one */
}

static void equals(void **state)
{
	(void)state;
	/* As bash splits it. */
	check("auto yes no ", "run", "--lab", "=");
	check("yes ", "run", "--lab", "=", "y");
	check("--keep ", "run", "--lab", "=", "yes", "--kee");
	check("running,halted ", "run", "--scenario", "=", "running,h");
	/* In one word. */
	check("--lab=auto --lab=yes --lab=no ", "run", "--lab=");
	check("--scenario=a,halted ", "run", "--scenario=a,h");
	check("--keep ", "run", "--lab=no", "--kee");
	check("", "run", "--keep=");
	check("", "run", "--no-such=");
	check("", "run", "=");
	check("", "run", "=", "=", "", "=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_command), cmocka_unit_test(which_option),
		cmocka_unit_test(values),	 cmocka_unit_test(lists),
		cmocka_unit_test(equals),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
