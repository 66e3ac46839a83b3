/* SPDX-License-Identifier: BSD-2-Clause */
/* What the last word of a command line may become. */
#ifndef HOST_COMMANDS_COMPLETE_H
#define HOST_COMMANDS_COMPLETE_H

#include "host/base/util.h"

/*
 * Appends the candidates for the last of the @count words behind `midflight`, one per line: whole
 * words, also behind commas. `--option=value` may be one word or, as bash has it, three. Nothing
 * where a file is wanted or nothing fits. Scenario names are those that are loaded.
 */
void complete_words(char *const *words, unsigned count, struct buf *candidates);

#endif
