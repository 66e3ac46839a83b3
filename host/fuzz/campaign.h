/* SPDX-License-Identifier: BSD-2-Clause */
/* A campaign of `midflight fuzz`: programs one after the other, and what is kept of them. */
#ifndef HOST_FUZZ_CAMPAIGN_H
#define HOST_FUZZ_CAMPAIGN_H

#include "host/base/json.h"
#include "host/fuzz/corpus.h"
#include "host/fuzz/fuzz.h"
#include "host/report/fuzz_json.h"
#include "host/run/setup.h"

#define FEATURES       (1u << 16) /* a power of two */
#define POINTS	       64	  /* of the series, at most */
#define FINDING_A_KIND 3	  /* that are no known bugs: the rest of a kind is only counted */

struct finding {
	char kind[80], shape[400]; /* of the smallest program: the words of its steps */
	char why[400];
	char known[80]; /* KVM bug; "": it is none */
	int mark;
	unsigned hits; /* of this program, made smaller */
	unsigned more; /* of its kind, which were not */
	unsigned made; /* of its kind, which were: counted in the first one */
};

/* What there was when so many programs had flown. */
struct campaign_point {
	unsigned flown, states, kept, findings;
};

struct campaign {
	const struct options *o;
	const struct setup *setup;
	struct fuzz_vm vm;
	struct fuzz_compared compared; /* what flew last */
	uint64_t random;
	const struct corpus *given; /* flown first, those that are this shard's */
	unsigned flown, read, counts[FUZZ_ERROR + 1], met; /* met: features */
	uint64_t feature[FEATURES];
	bool fresh_feature; /* the last trace had one */
	long code; /* KVM's instructions that programs were the first to reach; -1: blind */
	struct corpus kept;
	struct finding *finding;
	unsigned findings;
	struct campaign_point point[POINTS];
	unsigned points, point_every; /* programs from one to the next */
	int64_t started_ns;
};

/* Sets what @o says of a campaign. */
void campaign_init(struct campaign *c, const struct options *o, const struct setup *setup,
		   const struct corpus *given);
void campaign_free(struct campaign *c);

/*
 * Flies the programs that were given, then draws and flies until it is over, and tells. The exit
 * status; 2: @e is filled.
 */
int campaign_fly(struct campaign *c, struct err *e);

/* ---- findings (findings.c) ------------------------------------------------------------------ */

/*
 * @p, which c->compared is about, failed at @mark: it is flown from the beginning again, made
 * smaller, written down. 0, or -1 with @e filled.
 */
int findings_add(struct campaign *c, struct program_lists *p, int mark, struct err *e);

/*
 * Writes LOG/finding-@number/: program, both traces, snapshot, of what c->compared is about. 0, or
 * -1 with @e filled.
 */
int finding_write(const struct campaign *c, unsigned number, const struct program_lists *p,
		  int mark, struct err *e);

/* The object of fuzz.json. */
json_t *campaign_json(const struct campaign *c);
/*
 * Writes LOG/fuzz.json, which leaves the lab now, with the programs that were kept. 0, or -1 with
 * @e filled.
 */
int campaign_write(const struct campaign *c, struct err *e);

/*
 * The known bug of which the program in @text says, in a line of its own, that it makes just this
 * difference at @mark; NULL: of none. The caller's to free.
 */
char *known_in(const char *text, int mark, const char *why);
/* The same of all programs of programs/, if one of them is @p to the step. */
char *known_program(const struct program_lists *p, int mark, const char *why);

/* ---- several campaigns (fuzz_join.c) -------------------------------------------------------- */

struct joined {
	json_t *top;	      /* as fuzz.json */
	struct corpus corpus; /* of all */
	struct joined_from {
		unsigned dir, number; /* of the finding there, from 1 */
	} * from;		      /* for each finding of @top */
};

/*
 * Reads the log directories @dirs, which are not trusted, of campaigns on one kernel with the same
 * options, and counts all together. With @cut one may have no fuzz.json: it is left out. 0, or -1
 * with @e filled.
 */
int fuzz_join(struct joined *j, char *const *dirs, unsigned count, bool cut, struct err *e);
void joined_free(struct joined *j);

/* Writes what they have found and kept, and fuzz.json, to @to, which has nothing of that. */
int fuzz_join_write(const struct joined *j, char *const *dirs, const char *to, struct err *e);

/* ---- in several labs (fuzz_shards.c) -------------------------------------------------------- */

/* Flies campaign @o in @count labs, each a shard, and joins what they leave. The exit status. */
int fuzz_shards(const struct options *o, const struct setup *setup, const struct left *left,
		unsigned count);

#endif
