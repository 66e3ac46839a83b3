// SPDX-License-Identifier: BSD-2-Clause
// The manual page: all of the tables is in it, and nothing that roff would take for its own.
#include "tests/unit/unit.h"

#include "host/cli/commands.h"
#include "host/commands/cmd.h"

static struct buf page;

static int setup(void **state)
{
	(void)state;
	man_page(&page, 86400);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_free(&page);
	page = (struct buf){0};
	return 0;
}

static void sections(void **state)
{
	static const char *const names[] = {"NAME",	"SYNOPSIS", "DESCRIPTION", "CONCEPTS",
					    "COMMANDS", "OPTIONS",  "EXIT STATUS", "ENVIRONMENT",
					    "FILES",	"EXAMPLES", "SEE ALSO"};
	const char *at = page.p;

	(void)state;
	assert_contains(page.p, ".TH MIDFLIGHT 1 1970-01-02 \"midflight ");
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		char *head = xasprintf("\n.SH %s\n", names[i]);

		at = strstr(at, head);
		free(head);
		if (!at) {
			fail_msg("no section %s, or at the wrong place", names[i]);
			return;
		}
	}
	assert_contains(page.p, "\n.B MIDFLIGHT_CACHE\n");
	assert_contains(page.p, "\n.B NO_COLOR\n");
	assert_contains(page.p, "\n.B hop\nOne time ");
}

/* Text with the name as roff has it; the caller frees it. */
static char *escaped(const char *before, const char *name, const char *after)
{
	struct buf text = {0};

	buf_printf(&text, "%s", before);
	for (const char *p = name; *p; p++)
		buf_printf(&text, *p == '-' ? "\\-" : "%c", *p);
	buf_printf(&text, "%s", after);
	return text.p;
}

/* Whether --help of any command has it. */
static bool is_shown(const char *name)
{
	for (unsigned i = 0; i < option_row_count; i++)
		if (option_rows[i].help && !strcmp(option_rows[i].name, name))
			return true;
	return false;
}

static void tables(void **state)
{
	(void)state;
	for (enum command c = 0; c < COMMANDS; c++) {
		char *head = escaped("\n.SS ", commands[c].name, "\n");

		if (!commands[c].title == !!strstr(page.p, head))
			fail_msg("%s: there, or not, against its table", commands[c].name);
		free(head);
	}
	for (unsigned i = 0; i < option_row_count; i++) {
		const struct option_row *o = &option_rows[i];
		char *tag = escaped("\\fB\\-\\-", o->name, "\\fR");

		if (is_shown(o->name) != !!strstr(page.p, tag))
			fail_msg("--%s: there, or not, against its table", o->name);
		free(tag);
	}
	/* Text behind the options goes where it belongs. */
	assert_contains(page.p, "\n.TP\n.B run\n0 pass, 1 fail");
	assert_contains(page.p, "\nmidflight run \\-\\-break digest ");
	assert_null(strstr(page.p, "Exit status:"));
	assert_null(strstr(page.p, "Examples:"));
	/* An option that the arguments name is not there twice. */
	assert_contains(page.p, "\\fBmidflight serve\\fR\nFILE \\-\\-socket SOCKET\n");
}

static void roff(void **state)
{
	static const char *const requests[] = {".TH ",	".SH ",	 ".SS ",  ".TP\n", ".PP\n",
					       ".B ",	".I ",	 ".BR ",  ".RI ",  ".nf\n",
					       ".fi\n", ".br\n", ".nh\n", ".ad "};
	bool verbatim = false;

	(void)state;
	for (const char *p = page.p; *p; p = strchr(p, '\n') + 1) {
		size_t len = strcspn(p, "\n");
		unsigned i = 0;

		assert_int_equal(p[len], '\n');
		assert_true(*p != '\'');
		verbatim = !strncmp(p, ".nf\n", 4) || (verbatim && strncmp(p, ".fi\n", 4) != 0);
		if (!len && !verbatim)
			fail_msg("an empty line before '%.40s'", p + 1);
		if (*p == '.') {
			while (i < ARRAY_SIZE(requests) &&
			       strncmp(p, requests[i], strlen(requests[i])) != 0)
				i++;
			if (i == ARRAY_SIZE(requests))
				fail_msg("roff would take '%.*s' for its own", (int)len, p);
		}
		for (size_t k = 0; k < len; k++) {
			if (p[k] == '\\')
				k++;
			else if (strchr("`^~", p[k]) || (p[k] == '-' && strncmp(p, ".TH", 3) != 0))
				fail_msg("not escaped: '%.*s'", (int)len, p);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sections, setup, teardown),
		cmocka_unit_test_setup_teardown(tables, setup, teardown),
		cmocka_unit_test_setup_teardown(roff, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
