/* SPDX-License-Identifier: BSD-2-Clause */
/* Which scenarios a command line means. */
#ifndef HOST_CLI_SELECT_H
#define HOST_CLI_SELECT_H

#include "host/cli/options.h"

/*
 * Fills the scenarios of @o from --scenario and, of commands that take them, the words without
 * options; of run without any from what it flies unasked. --group leaves those of a group,
 * --exclude takes some away. 0, or -1 with @e filled.
 */
int select_scenarios(struct options *o, struct err *e);

#endif
