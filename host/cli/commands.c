// SPDX-License-Identifier: BSD-2-Clause
// The table of commands.
#include "host/cli/commands.h"

const struct command_info commands[COMMANDS] = {
#define COMMAND(id, letter, function, repeated, name, ...) \
	[CMD_##id] = {name, CMD_##repeated, __VA_ARGS__},
#define DEFAULTS(...) .defaults = {__VA_ARGS__}
#include "host/cli/commands.def"
#undef COMMAND
#undef DEFAULTS
};
