// SPDX-License-Identifier: BSD-2-Clause
// `midflight run` and `midflight pages`: one run, or several and their table.
#include "host/commands/cmd.h"
#include "host/run/run.h"

int cmd_run(struct options *o)
{
	if (o->dry_run)
		return dry_run(o);
	return has_variants(o) ? run_variants(o) : run(o);
}
