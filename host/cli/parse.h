/* SPDX-License-Identifier: BSD-2-Clause */
/* The command lines of all commands that have options. */
#ifndef HOST_CLI_PARSE_H
#define HOST_CLI_PARSE_H

#include "host/cli/options.h"

#define BENCH_CYCLES 200
#define BISECT_STOP  128 /* the exit status from which on `git bisect run` stops */

/* Reads `midflight COMMAND ...`, or ends the program. False if there is no such command. */
bool cmd_line_parse(struct options *o, int argc, char **argv);
/* The same; what is wrong is told as `midflight @as: ...`. NULL: the command's name. */
bool cmd_line_parse_as(struct options *o, const char *as, int argc, char **argv);

#endif
