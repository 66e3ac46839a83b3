/* SPDX-License-Identifier: BSD-2-Clause */
/* What a serial log says, and the verdict that follows from it. No I/O in here. */
#ifndef HOST_L1_VERDICT_H
#define HOST_L1_VERDICT_H

#include "host/l1/protocol.h"

#define MAX_FAILS    128 /* `fail` and `error` events kept per boot; more are counted */
#define MAX_FINDINGS 32

/* In order of severity; a verdict never gets better. The first four are also the guest's words. */
enum word { WORD_PASS, WORD_SKIP, WORD_ERROR, WORD_FAIL, WORD_HANG, WORD_CRASH };
const char *word_name(enum word word);

/* One `fail` or `error` event. */
struct fail {
	unsigned hop;	/* hop of the last `ready` before it, 0: none */
	char *scenario; /* "" for errors */
	char *check;	/* `check` or `what` */
	char *evidence; /* all other keys as text */
};

/* How far a log has come; docs/protocol.md, "Grammar". */
enum log_state {
	LOG_NOTHING, /* no version line yet */
	LOG_VERSION,
	LOG_PLAN,
	LOG_BETWEEN,  /* scenarios: said hello, or printed the last result */
	LOG_SCENARIO, /* started, and not in a hop */
	LOG_HOP,
	LOG_ERROR, /* L1 gives up: nothing but results and the verdict is to come */
	LOG_VERDICT,
};

/* Everything that matters of one boot's log, over all incarnations of the VM. */
struct guest_log {
	unsigned lines; /* lines that are not noise */
	enum log_state state;
	uint32_t sum; /* of the lines since the last event */
	char *other;  /* the protocol that the guest speaks, NULL: this one */
	bool version, plan;
	unsigned planned;

	unsigned results, ok, not_ok, skipped;
	char *result_name; /* of result 1 */
	char *skip_reason; /* of the first skip */

	uint64_t last_seq;
	char *damage; /* first damage, NULL: none */

	bool hello;
	uint64_t hello_hops, hello_seed;
	char *hello_sync;
	char *version_text, *boot;

	char *started;		/* scenario of the last `start` */
	bool skip_said;		/* since then */
	unsigned ready_hop;	/* of the last `ready` */
	unsigned hops_done;	/* `hop` events, which come as 1, 2, ... */
	uint64_t failed_checks; /* sum of their `failed` */
	unsigned missed, nudged, lost;

	unsigned fails, errors; /* events, also those that are not kept */
	struct fail fail[MAX_FAILS];
	unsigned kept;

	bool verdict, after_verdict;
	enum word word;
	uint64_t passed, failed, skipped_count, error_count;
};

/* Takes in one line. */
void guest_log_line(struct guest_log *log, const struct line *line);
void guest_log_free(struct guest_log *log);

/* What the host asked for, with one scenario per boot. */
struct expected {
	const char *scenario;
	unsigned hops;
	unsigned ended_at; /* the hop behind which the host had it end; 0: none */
	uint64_t seed;
};

struct verdict {
	enum word word;
	bool complete;		     /* the log is whole, undamaged and agrees with itself */
	unsigned findings, more;     /* more: than are kept; the last one says so */
	char *finding[MAX_FINDINGS]; /* sentences, the reason of a SKIP among them */
};

/* Makes @v at least as bad as @word, with a reason. */
void verdict_raise(struct verdict *v, enum word word, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void verdict_free(struct verdict *v);

/* Judges a log that has ended: @v becomes PASS only if everything is there and agrees. */
void verdict_judge(struct verdict *v, const struct guest_log *log, const struct expected *want);

/* Number of different hops with `fail` events. */
unsigned failed_hops(const struct guest_log *log);

/* The word whose name is @name, of @len bytes; -1: there is none. */
int word_find(const char *name, size_t len);

#endif
