// SPDX-License-Identifier: BSD-2-Clause
// `midflight man`: prints the manual page, from the tables of commands and options.
#include "host/cmd.h"

int cmd_man(struct options *o)
{
	(void)o;
	return fail("not there yet");
}
