/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands: their exit status; and the parts of them that are tested alone. */
#ifndef HOST_COMMANDS_CMD_H
#define HOST_COMMANDS_CMD_H

#include "host/cli/options.h"
#include "host/base/util.h"

#include <time.h>

#define COMMAND(id, function, ...) int function(struct options *o);
#include "host/cli/commands.def"
#undef COMMAND

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
