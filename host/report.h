/* SPDX-License-Identifier: BSD-2-Clause */
/* What the user gets to read: KTAP on stdout and result.json. */
#ifndef HOST_REPORT_H
#define HOST_REPORT_H

#include "host/flight.h"
#include "host/options.h"

struct report_entry {
	char *name; /* `running` or `running.control` */
	const struct flight_config *config;
	const struct flight_result *result;
	const struct known *known; /* bug that explains the failure, NULL: none */
	bool control_passed;
};

struct report {
	const struct options *options;
	const char *log;  /* directory as the user knows it */
	bool interrupted; /* before the last result */
	unsigned results, passed, failed, known, skipped, errors;
	unsigned bugs; /* known bugs found, each once */
	struct {
		const struct known *known;
		unsigned failed, hops;
		bool control; /* seen without a snapshot, too */
	} bug[32];
	void *json; /* array of results */
};

/* Prints version and plan for @planned results. */
void report_begin(struct report *r, const struct options *o, const char *log, unsigned planned);

/* Prints one result and counts it. */
void report_result(struct report *r, const struct report_entry *entry);

/* Exit status that follows from the counts: 0, 1, 2 or 4. */
int report_status(const struct report *r);

/* Prints the summary, writes DIR/result.json, frees. 0, or -1 with @e filled. */
int report_end(struct report *r, const char *dir, struct err *e);

/* A command line that repeats @config's scenario. */
void report_repro(const struct options *o, const struct scenario *scenario, struct buf *text);

#endif
