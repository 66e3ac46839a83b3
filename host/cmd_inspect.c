// SPDX-License-Identifier: BSD-2-Clause
// `midflight inspect`: decodes a saved nested state.
#include "host/cmd.h"

int cmd_inspect(struct options *o)
{
	(void)o;
	return fail("not there yet");
}
