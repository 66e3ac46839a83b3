/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of commands: parser, --help, man page and completion read it. */
#ifndef HOST_CLI_COMMANDS_H
#define HOST_CLI_COMMANDS_H

#include "host/cli/options.h"

#define COMMAND_DEFAULTS 4

/* The groups of `midflight --help`, in its order. */
enum command_group { GROUP_RUN, GROUP_KVM, GROUP_LAB, GROUP_MACHINES, COMMAND_GROUPS };

struct command_info {
	const char *name;
	enum command_group group;
	enum { FILES_NONE, FILES_ONE, FILES_SOME, FILES_ANY } files; /* of its arguments */
	bool image; /* it needs L1's, which tells the scenarios */
	/* What it takes for granted, if the user says nothing else. */
	struct {
		const char *option, *value;
	} defaults[COMMAND_DEFAULTS];
	const char *args;  /* what stands behind the options, or NULL */
	const char *title; /* in one line; NULL: not for people */
	const char *text;  /* --help: what it does, \v, exit status and examples */
};
extern const struct command_info commands[COMMANDS];

#endif
