/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of commands. */
#ifndef HOST_CLI_COMMANDS_H
#define HOST_CLI_COMMANDS_H

#include "host/cli/options.h"

#define COMMAND_DEFAULTS 4

/* The groups of `midflight --help`, in its order. */
enum command_group { GROUP_RUN, GROUP_KVM, GROUP_LAB, GROUP_MACHINES, COMMAND_GROUPS };

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

#endif
