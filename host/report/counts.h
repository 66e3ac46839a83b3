/* SPDX-License-Identifier: BSD-2-Clause */
/* The results of a run: what is known of each, and how many there are of which word. */
#ifndef HOST_REPORT_COUNTS_H
#define HOST_REPORT_COUNTS_H

#include "host/flight/flight.h"
#include "host/flight/known.h"
#include "host/cli/options.h"

#include <jansson.h>

struct report_entry {
	const char *name; /* `running`, `running.control` or `running.postcopy` */
	const char *key;  /* the same without the method, as known.def calls it */
	const struct flight_config *config;
	const struct flight_result *result;
	const struct known *known; /* bug that explains the failure, NULL: none */
	bool control_passed;
};

/* The order of its restores, which need not be that of --order; NULL: it was not to be flown. */
const char *report_order(const struct report_entry *entry);

/* What is printed and counted of one result. */
struct report_line {
	const char *name;
	enum word word;
	bool control;
	enum method method;
	const struct known *known;
	bool unmet;	       /* it passed, and is known not to */
	unsigned failed, hops; /* of a known bug: hops that failed, of how many */
	/* That the notes tell of, where there are only these (report_told()). */
	unsigned hops_done, taken, l2_active;
	const char *diagnostics; /* lines in front of it */
	const char *notes;	 /* one line behind it; the reason of a SKIP */
};

struct report {
	const struct options *options;
	FILE *out;
	const char *log; /* directory as the user knows it, NULL: none */
	const char *dir; /* the same here; NULL: no files are written about failures */
	const char *run; /* that directory in the log directory of the command; NULL: it is it */
	void (*on_result)(void *arg, struct report *r); /* before the last one is told; or NULL */
	void *arg;
	bool interrupted; /* before the last result */
	unsigned lines;	  /* results that are to come in all */
	unsigned planned; /* results of all shards, without controls */
	char started[REPORT_TIME];
	json_t *environment;
	unsigned results, passed, failed, known, skipped, errors;
	unsigned bugs; /* known bugs found, each once */
	struct {
		const struct known *known;
		unsigned results;      /* that failed by it */
		unsigned failed, hops; /* in all of them */
		const char *unit;      /* what @hops counts */
	} * bug;
	unsigned unmet; /* results that passed in spite of a known bug ... */
	struct buf unmet_names;
	struct {
		char *reason;
		unsigned count;
	} * skip; /* reasons, each once */
	unsigned skips;
	struct buf failed_names, error_names; /* separated by commas */
	char *worst; /* the first result that failed, by a known bug only if none else did; or NULL
		      */
	bool worst_known;
	bool oracles_told; /* what an oracle is */
	json_t *json;	   /* array of results */
};

/* Empty, for @lines results; asks nothing of the machine. */
void report_init(struct report *r, const struct options *o, FILE *out, const char *log,
		 unsigned lines);

/* Counts it, and no more. */
void report_count(struct report *r, const struct report_line *line);

/* Exit status that follows from the counts: 0, 1, 2 or 4. */
int report_status(const struct report *r);
/* The worse of two such: something failed, the harness is wrong, all is well, all was skipped. */
int report_worse(int a, int b);

void report_free(struct report *r);

#endif
