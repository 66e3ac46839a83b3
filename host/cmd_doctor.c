// SPDX-License-Identifier: BSD-2-Clause
// `midflight doctor`: can this machine run it, and what mends what is missing.
#include "host/cmd.h"

int cmd_doctor(struct options *o)
{
	(void)o;
	return fail("not there yet");
}
