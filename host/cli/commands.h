/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of commands, and the command lines of all of them. */
#ifndef HOST_CLI_COMMANDS_H
#define HOST_CLI_COMMANDS_H

#include "host/cli/options.h"

#define COMMAND_DEFAULTS 4

#define BISECT_STOP 128 /* the exit status from which on `git bisect run` stops */

/* The groups of `midflight --help`, in its order; GROUP_PART: another command's help tells of it.
 */
enum command_group { GROUP_RUN, GROUP_KVM, GROUP_LAB, GROUP_MACHINES, COMMAND_GROUPS, GROUP_PART };

/* A row of commands.def, which says what each member is. */
struct command_info {
	const char *name;
	enum command repeated;
	enum command_group group;
	enum { FILES_NONE, FILES_ONE, FILES_SOME, FILES_ANY } files;
	bool image;
	struct {
		const char *option, *value;
	} defaults[COMMAND_DEFAULTS];
	const char *args, *title, *text;
};
extern const struct command_info commands[COMMANDS];

/*
 * Reads `midflight COMMAND ...`, or ends the program; what is wrong is told as `midflight @as:
 * ...`, NULL: the command's name. False if there is no such command.
 */
bool cmd_line_parse(struct options *o, const char *as, int argc, char **argv);

#endif
