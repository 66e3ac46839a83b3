/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands: their exit status. */
#ifndef HOST_COMMANDS_CMD_H
#define HOST_COMMANDS_CMD_H

#include "host/cli/options.h"

int cmd_run(struct options *o);
int cmd_bench(struct options *o);
int cmd_save(struct options *o);
int cmd_restore(struct options *o);
int cmd_serve(struct options *o);
int cmd_list(struct options *o);
int cmd_matrix(struct options *o);
int cmd_merge(struct options *o);
int cmd_replay(struct options *o);
int cmd_report(struct options *o);
int cmd_inspect(struct options *o);
int cmd_bisect(struct options *o);
int cmd_doctor(struct options *o);
int cmd_lab(struct options *o);
int cmd_coverage(struct options *o);
int cmd_kernels(struct options *o);
int cmd_help(struct options *o);
int cmd_man(struct options *o);
int cmd_complete(struct options *o);

#endif
