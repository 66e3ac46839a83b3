/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands: their exit status; and the parts of them that are tested alone. */
#ifndef HOST_COMMANDS_CMD_H
#define HOST_COMMANDS_CMD_H

#include "host/cli/options.h"
#include "host/base/util.h"

#include <time.h>

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

/* Appends midflight(1), the manual page, as roff with the macros of man(7), dated @when. */
void man_page(struct buf *page, time_t when);

/*
 * Appends the candidates for the last of the @count words behind `midflight`, one per line: whole
 * words, also behind commas. `--option=value` may be one word or, as bash has it, three. Nothing
 * where a file is wanted or nothing fits. Scenario names are those that are loaded.
 */
void complete_words(char *const *words, unsigned count, struct buf *candidates);

/*
 * The exit status of a replay whose run, the control with it, ended with @run and whose result with
 * @its: what went wrong around the result is not made good by it.
 */
int replay_status(int run, int its);

#endif
