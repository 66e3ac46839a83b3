// SPDX-License-Identifier: BSD-2-Clause
// `midflight replay`: repeats one result of an earlier run.
#include "host/cmd.h"

int cmd_replay(struct options *o)
{
	(void)o;
	return fail("not there yet");
}
