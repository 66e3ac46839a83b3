/* SPDX-License-Identifier: BSD-2-Clause */
/* Many flights: one run, in one lab or several, and several runs. */
#ifndef HOST_RUN_RUN_H
#define HOST_RUN_RUN_H

#include "host/cli/plan.h"
#include "host/report/replay.h"
#include "host/run/setup.h"

/* One run, on one kernel. The exit status: 0 pass, 1 fail, 2 harness or usage, 4 skipped, 130
 * interrupted. */
int run(struct options *o);

/* Tells what run() or run_variants() would fly, and about how long that takes (dry_run.c). The exit
 * status. */
int dry_run(const struct options *o);

/* ---- several runs and their table (run_variants.c) ------------------------------------------ */

#define VARIANTS_MAX 64

/* One way to run: what it is called, and options of lab.sh with their values. */
struct variant {
	char *name; /* fit for a directory */
	char *word[2 * L0_OPTIONS_MAX];
	unsigned words;
};

/*
 * All that @o asks for: each of the kernels, with each module, with each value of each parameter.
 * The number of @list (with room for VARIANTS_MAX), or -1 with @e filled.
 */
int variants_make(const struct options *o, struct variant *list, struct err *e);
void variants_free(struct variant *list, int count);

/* @o for the run of @v alone into @dir; both and @command, which becomes its shown one, live on. */
struct options variant_options(const struct options *o, const struct variant *v, const char *dir,
			       struct buf *command);

/*
 * Runs @o as each variant into a directory of its own in that of the logs. The worst exit status:
 * failed before environment before passed; 4 if all were skipped.
 */
int run_variants(const struct options *o);

/*
 * Prints the results of @count runs, JSON as in result.json or NULL for one that has none, as one
 * table: a row for each result that is not the same everywhere, and how many are
 * (variants_table.c).
 */
void variants_table(FILE *out, const char *const *names, void *const *runs, unsigned count);

/* ---- from one kernel to another (cmd_cross.c) ----------------------------------------------- */

int cmd_cross(struct options *o);

/* ---- in one lab (run_lab.c) ----------------------------------------------------------------- */

/*
 * The lab flies @plan; what it prints comes through @screen, which is ended, and its files into the
 * log directory of @setup, which is taken. What was told is kept, however it ends: an L0 that dies
 * is a CRASH, one that comes to no end a HANG of the flight that was on. The exit status.
 */
int run_lab(const struct options *o, const struct setup *setup, const struct plan *plan,
	    struct screen *screen);

/* ---- in several labs (run_shards.c) --------------------------------------------------------- */

/* To how many labs @o wants @plan to be dealt: not more than there are results. */
unsigned shards_wanted(const struct options *o, const struct plan *plan);

/*
 * Deals @plan, that of @o, to @count labs: @fly(@arg, options) runs one of the shards, in a process
 * of its own, into the log directory that the options name, and gives its exit status. What they
 * tell comes to @screen in the order of the plan, and all that they leave into directory @log,
 * which is taken. A lab that comes to no end makes ERROR of what it has not told, or of the
 * last if it has told all. The exit status.
 */
int run_shards(const struct options *o, const struct plan *plan, unsigned count, const char *log,
	       struct screen *screen, int (*fly)(void *arg, const struct options *shard),
	       void *arg);

/* ---- shards put together (merge.c) ---------------------------------------------------------- */

struct merged {
	json_t *top; /* as in result.json of the whole run; its files are named as in the shards' */
	unsigned *from; /* for each of its results, in their order, the number of its file */
};

/*
 * Reads @count files, which are not trusted: the shards of @whole, which is a shard itself or, with
 * no @n, all of the run; with @cut such that were cut off may be among them. 0, or -1 with @e
 * filled if one is damaged or missing or does not fit.
 */
int merge_files(struct merged *m, char *const *paths, unsigned count, const struct shard *whole,
		bool cut, struct err *e);
void merged_free(struct merged *m);

/* Of two results of the same name that with more badness is the one that counts. */
unsigned merge_badness(const struct report_line *line);

/*
 * Reads the files of @o, which are not trusted, prints all results on @out as the run without
 * shards would have, and writes them to --out. The exit status of that run; -1 with @e filled if
 * --out cannot be written or, with nothing printed, if a file is damaged or missing or does not
 * fit.
 */
int merge(const struct options *o, FILE *out, struct err *e);

/* ---- a run that repeats a result, made of its replay.json (replay_run.c) -------------------- */

/*
 * Sets @log to the directory of a run about @o->file: --log, or @name beside the file. Never one
 * that holds the file, as a run removes what lay there. 0, or -1 with @e filled.
 */
int replay_log(const struct options *o, const char *name, char log[PATH_MAX], struct err *e);

/* What `midflight run` would be told. */
struct replay_run {
	struct options options;
	char **args; /* to which the options point */
};

/*
 * From @r, with what @o says of the machine. The words must ask for that one result; the steps of
 * an order are written into @log. 0, or -1 with @e filled.
 */
int replay_run_make(struct replay_run *run, const struct options *o, const struct replay *r,
		    const char *log, struct err *e);
void replay_run_free(struct replay_run *run);

#endif
