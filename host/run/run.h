/* SPDX-License-Identifier: BSD-2-Clause */
/* One run, on one kernel. */
#ifndef HOST_RUN_RUN_H
#define HOST_RUN_RUN_H

#include "host/cli/options.h"

/* Does it all. The exit status: 0 pass, 1 fail, 2 harness or usage, 4 skipped, 130 interrupted. */
int run(struct options *o);

#endif
