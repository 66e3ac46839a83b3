/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many flights, counted by how they ended. Of each way to fail the first few are kept as the
 * directories of runs, with all that `midflight run` leaves of a failure; the others leave nothing.
 */
#ifndef HOST_SEARCH_TALLY_H
#define HOST_SEARCH_TALLY_H

#include "host/report/ktap.h"

/* One way to end that is not a pass. */
struct way {
	char *text;
	const struct known *known; /* KVM bug, or NULL */
	enum word word;
	unsigned count;
	int64_t first; /* what the caller counts by, of its first flight */
};

struct tally {
	const char *log, *shown_log; /* the directory here and as the user knows it */
	bool by_scenario;	     /* what fails in two scenarios fails in two ways */
	struct way *way;
	unsigned ways;
};

/* The directory of a flight to give @result: LOG/@run/@result, made. NULL with @e filled. */
char *tally_dir(const struct tally *t, const char *run, const char *result, struct err *e);

/*
 * Counts @entry, which did not pass and was flown there as @number, under its way. Sets *@kept: it
 * is one of the first, and LOG/@run has become what a run with @o leaves.
 */
const struct way *tally_failure(struct tally *t, const struct options *o, const char *run,
				struct report_entry *entry, int64_t number, bool *kept);

/*
 * Whether there was no snapshot, and that is all there is to say of @entry: the VM ended in order
 * before the moment, or there was nothing to break. Neither a pass nor a failure.
 */
bool tally_no_snapshot(const struct report_entry *entry);

/*
 * The KVM bug by which @entry, whose control passes, fails, or NULL: what fails without its
 * snapshot, or with a broken one, is not what is known of snapshots.
 */
const struct known *tally_known(const struct report_entry *entry);

/* Removes what a flight left there. */
void tally_remove(const struct tally *t, const char *run, const char *result);

/* Whether there was a failure that is no known bug, or with @strict one that is; what came to no
 * verdict, an ERROR of ours or a SKIP.
 */
bool tally_failed(const struct tally *t, bool strict);
bool tally_errors(const struct tally *t);

/* Prints a line for each way: how often, first when. */
void tally_print(const struct tally *t);

/* Array of {"way", "known", "count", "first"}. */
json_t *tally_json(const struct tally *t);

void tally_free(struct tally *t);

#endif
