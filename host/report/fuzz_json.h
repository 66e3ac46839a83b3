/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz.json: what a campaign of `midflight fuzz` leaves, for all that read it (docs/fuzz.md). */
#ifndef HOST_REPORT_FUZZ_JSON_H
#define HOST_REPORT_FUZZ_JSON_H

#include "host/base/json.h"

#define FUZZ_FILE	 "fuzz.json"
#define FUZZ_FINDING	 "finding-%u" /* directory of the finding with that number, from 1 */
#define FUZZ_CORPUS	 "corpus"     /* directory of the programs that were kept */
#define FUZZ_POINT_WORDS 4	      /* of a point: programs flown, states, kept, findings */

/*
 * What is counted; in a campaign of several parts it is their sum. "states" is not: two parts may
 * have met the same.
 */
#define FUZZ_COUNTS "flown", "read", "alike", "found", "not_exact", "no_end", "no_mark", "kept"

/* Checks @top, which is not trusted, and is of FUZZ_SCHEMA. 0, or -1 with @e filled. */
int fuzz_json_check(const json_t *top, struct err *e);
/* Reads and checks file @path. NULL: @e, which names the file, is filled. */
json_t *fuzz_json_load(const char *path, struct err *e);

/* `# 40 programs: 21 alike, ...`: the counts of @top, which need have no more, as a line. */
void fuzz_json_tell(const json_t *top, FILE *out);
/* A line for each finding. */
void fuzz_json_findings(const json_t *top, FILE *out);
/* The exit status: 1 it has a finding that is no known bug, 0 something else flew, 4 nothing did.
 */
int fuzz_json_status(const json_t *top);
/* `seed 7`, `seed 7, shard 1/2`: which @part it is. */
void fuzz_json_part(const json_t *part, struct buf *text);

#endif
