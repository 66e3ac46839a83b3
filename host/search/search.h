/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands that look for flights that nobody has named: their exit status. */
#ifndef HOST_SEARCH_SEARCH_H
#define HOST_SEARCH_SEARCH_H

#include "host/cli/options.h"

int cmd_sweep(struct options *o);
int cmd_soak(struct options *o);
int cmd_minimise(struct options *o);

#endif
