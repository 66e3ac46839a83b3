/* SPDX-License-Identifier: BSD-2-Clause */
/* A campaign of `midflight fuzz`: programs one after the other, and what is kept of them. */
#ifndef HOST_FUZZ_CAMPAIGN_H
#define HOST_FUZZ_CAMPAIGN_H

#include "host/fuzz/fuzz.h"
#include "host/run/setup.h"

#define FUZZ_FILE "fuzz.json"
#define FEATURES  (1u << 16) /* a power of two */

struct finding {
	char kind[80], shape[400]; /* of the smallest program: the words of its steps */
	char why[400];
	unsigned hits;
};

struct campaign {
	struct options *o;
	const struct setup *setup;
	struct fuzz_vm vm;
	struct fuzz_compared compared; /* what flew last */
	uint64_t random;
	unsigned flown, counts[FUZZ_ERROR + 1], met; /* met: features */
	uint64_t feature[FEATURES];
	bool fresh_feature; /* the last trace had one */
	struct program_lists *kept;
	unsigned kepts;
	struct finding *finding;
	unsigned findings;
	int64_t started_ns;
};

/* Draws and flies programs until it is over, and tells. The exit status; 2: @e is filled. */
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

/* Writes LOG/fuzz.json. 0, or -1 with @e filled. */
int campaign_write(const struct campaign *c, struct err *e);

/*
 * The known bug of which the program in @text says, in a line of its own, that it makes just this
 * difference at @mark; NULL: of none. The caller's to free.
 */
char *known_in(const char *text, int mark, const char *why);

#endif
