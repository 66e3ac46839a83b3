/* SPDX-License-Identifier: BSD-2-Clause */
/* What a newcomer is told: the commands, and the words that all is told in. */
#ifndef HOST_COMMANDS_HELP_H
#define HOST_COMMANDS_HELP_H

#include "host/base/util.h"

/* A row of concepts.def. */
struct concept {
	const char *name, *text;
};
extern const struct concept concepts[];
extern const unsigned concept_count;

/* Appends what `midflight --help` says: the commands by group, on one screen. */
void help_commands(struct buf *text);

/* Appends what the word @name is, in lines of a screen. False: it is none of concepts.def. */
bool help_concept(const char *name, struct buf *text);

#endif
