// SPDX-License-Identifier: BSD-2-Clause
// `midflight help`: what a hop, a flight, a control, ... is; and the screen of `midflight --help`.
#include "host/commands/cmd.h"
#include "host/cli/commands.h"
#include "host/base/cleanup.h"

#include <string.h>

#define COLUMNS 80

const struct concept concepts[] = {
#define CONCEPT(name, text) {name, text},
#include "host/commands/concepts.def"
#undef CONCEPT
};
const unsigned concept_count = ARRAY_SIZE(concepts);

void help_commands(struct buf *text)
{
	static const char *const groups[COMMAND_GROUPS] = {
		[GROUP_RUN] = "run and look",
		[GROUP_KVM] = "experiments",
		[GROUP_LAB] = "the lab",
		[GROUP_MACHINES] = "for machines",
	};

	buf_printf(text, "Usage: midflight COMMAND [--help]: does KVM keep L2 if its VM is "
			 "restored?\n");
	for (enum command_group g = 0; g < COMMAND_GROUPS; g++) {
		const char *group = groups[g];

		for (enum command c = 0; c < COMMANDS; c++)
			if (commands[c].title && commands[c].group == g) {
				buf_printf(text, "%-12s %-10s %s\n", group, commands[c].name,
					   commands[c].title);
				group = "";
			}
	}
}

bool help_concept(const char *name, struct buf *text)
{
	unsigned i = 0;
	size_t column;

	while (i < concept_count && strcmp(concepts[i].name, name) != 0)
		i++;
	if (i == concept_count)
		return false;
	buf_printf(text, "%s:", name);
	column = strlen(name) + 1;
	for (const char *p = concepts[i].text; *p; p += strspn(p, " ")) {
		const size_t len = strcspn(p, " ");

		column += 1 + len;
		buf_printf(text, "%s%.*s", column < COLUMNS ? " " : "\n  ", (int)len, p);
		if (column >= COLUMNS)
			column = 2 + len;
		p += len;
	}
	buf_printf(text, "\n");
	return true;
}

int cmd_help(struct options *o)
{
	static char program[] = "midflight", help[] = "--help";
	auto_buf struct buf text = {0};
	struct options other;
	struct err e = {0};

	for (unsigned i = 0; i < o->file_count; i++) {
		char *words[] = {program, o->files[i], help, NULL};

		if (help_concept(o->files[i], &text))
			continue;
		options_init(&other);
		cmd_line_parse(&other, NULL, 3,
			       words); /* which ends the program if it is a command */
		err_set(&e, "there is no such word (`midflight help` shows all)");
		return give_up_on(o->files[i], &e);
	}
	if (!o->file_count) {
		buf_printf(&text, "`midflight help WORD` says what it is, in two sentences:\n");
		for (unsigned i = 0; i < concept_count; i++)
			buf_printf(&text, "  %s\n", concepts[i].name);
		buf_printf(&text, "`midflight help COMMAND` lists a command's options.\n");
	}
	fputs(text.p, stdout);
	return 0;
}
