/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Patterns of evidence: `key=value key=value ...`, what a failed check tells of. A pattern names
 * the same keys in the same order, each with one of key=*          any value key=A|B        one of
 * these: numbers by their value, whether decimal or hexadecimal, else text key=LOW..HIGH  a number
 * from LOW to HIGH; either may be left out, or be the name of another key and may end in a lone
 * `*`: any further keys. `~TEXT` is for evidence that is no such list: TEXT has the patterns of the
 * shell.
 */
#ifndef HOST_FLIGHT_EVIDENCE_H
#define HOST_FLIGHT_EVIDENCE_H

#include <stdbool.h>

bool evidence_matches(const char *pattern, const char *evidence);

#endif
