// SPDX-License-Identifier: BSD-2-Clause
// `midflight complete`: what the last word of a command line may become, for shells.
#include "host/cmd.h"

int cmd_complete(struct options *o)
{
	(void)o;
	return fail("not there yet");
}
