/* SPDX-License-Identifier: BSD-2-Clause */
/* `midflight replay`: what its exit status comes from. */
#ifndef HOST_COMMANDS_CMD_REPLAY_H
#define HOST_COMMANDS_CMD_REPLAY_H

#include "host/report/replay.h"

/*
 * The exit status of a replay whose run, the control with it, ended with @run and whose result with
 * @its: what went wrong around the result is not made good by it.
 */
int replay_status(int run, int its);

#endif
