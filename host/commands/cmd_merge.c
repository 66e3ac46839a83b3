// SPDX-License-Identifier: BSD-2-Clause
// `midflight merge`: the shards of one run put together.
#include "host/commands/cmd.h"
#include "host/run/run.h"

int cmd_merge(struct options *o)
{
	struct err e = {0};
	int ret = merge(o, stdout, &e);

	return ret < 0 ? give_up(e.text) : ret;
}
