/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Patterns of evidence, which is `key=value key=value ...`, what a failed check tells of. A pattern
 * names the same keys in the same order. Behind `key=` it has
 *   `*`         for any value,
 *   `A|B`       for one of these: numbers by their value, decimal or hexadecimal, else text,
 *   `LOW..HIGH` for a number from LOW to HIGH; either may be left out or name another key.
 * A lone `*` at its end stands for any further keys. `~TEXT` is for evidence that is no such list:
 * TEXT has the patterns of the shell.
 */
#ifndef HOST_FLIGHT_EVIDENCE_H
#define HOST_FLIGHT_EVIDENCE_H

#include <stdbool.h>

bool evidence_matches(const char *pattern, const char *evidence);

#endif
