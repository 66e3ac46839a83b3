// SPDX-License-Identifier: BSD-2-Clause
// What a newcomer is told: on one screen, and in the words of docs/design.md.
#include "tests/unit/unit.h"

#include "host/cli/commands.h"
#include "host/commands/cmd.h"

#define LINES	24
#define COLUMNS 80

/* The number of lines, none of which is too long for a screen. */
static unsigned lines_of(const char *text)
{
	unsigned lines = 0;

	for (const char *p = text; *p; p = strchr(p, '\n') + 1, lines++)
		if (strcspn(p, "\n") > COLUMNS)
			fail_msg("too long: '%.*s'", (int)strcspn(p, "\n"), p);
	return lines;
}

static void screen(void **state)
{
	struct buf text = {0};

	(void)state;
	help_commands(&text);
	assert_true(lines_of(text.p) <= LINES);
	for (enum command c = 0; c < COMMANDS; c++) {
		char *line = xasprintf(" %-10s %s\n", commands[c].name,
				       commands[c].title ? commands[c].title : "");

		if ((commands[c].title && commands[c].group != GROUP_PART) !=
		    !!strstr(text.p, line))
			fail_msg("%s: there, or not, against its table", commands[c].name);
		free(line);
	}
	buf_free(&text);
}

/* Blanks and line ends become one blank each. */
static void on_one_line(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++)
		if (!strchr(" \n", *from))
			*to++ = *from;
		else if (to > text && to[-1] != ' ')
			*to++ = ' ';
	*to = '\0';
}

static void words(void **state)
{
	struct buf design = {0};
	struct err e = {0};

	(void)state;
	if (read_file("docs", "design.md", &design, &e))
		fail_msg("%s", e.text);
	buf_append(&design, "", 1);
	on_one_line(design.p);
	for (unsigned i = 0; i < concept_count; i++) {
		char *row = xasprintf("* **%s**: %s ", concepts[i].name, concepts[i].text);
		struct buf said = {0};

		if (!strstr(design.p, row))
			fail_msg("docs/design.md has no '%s'", row);
		assert_true(help_concept(concepts[i].name, &said));
		lines_of(said.p);
		on_one_line(said.p);
		assert_contains(said.p, concepts[i].text);
		buf_free(&said);
		free(row);
	}
	assert_false(help_concept("run", &design));
	buf_free(&design);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(screen),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
