// SPDX-License-Identifier: BSD-2-Clause
// `midflight report`: one HTML file of one or several runs.
#include "host/cmd.h"

int cmd_report(struct options *o)
{
	(void)o;
	return fail("not there yet");
}
