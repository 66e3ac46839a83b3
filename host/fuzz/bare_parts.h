/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of `fuzz --bare`. */
#ifndef HOST_FUZZ_BARE_PARTS_H
#define HOST_FUZZ_BARE_PARTS_H

#include "host/run/setup.h"
#include "l2guest/program.h"

#define BARE_PROGRAMS "programs.bin" /* in the log: struct program_module */

/*
 * Takes out of @p what has no meaning without KVM's host or what the emulated CPU has not
 * (bare_without.c). The steps that were taken, marks at which the host does something among them.
 */
unsigned bare_prepare(struct program_lists *p);

/* Why word @name of a trace may differ; NULL: it may not. */
const char *bare_may_differ(const char *name);

/*
 * The known bug or limit of KVM's by which program @r leaves @kvm and not @bare, which differ first
 * in @word, as "KVM bug: ID" (bare_known.c); NULL: none. @bare NULL: it does not come to its end.
 */
const char *bare_known(const struct program_record *r, const struct program_trace *kvm,
		       const struct program_trace *bare, unsigned word);

/* The flights under KVM, which leave BARE_PROGRAMS and fuzz.json in the log. The exit status. */
int bare_under_kvm(struct options *o, const struct setup *setup);

/* What became of a program on the bare CPU. */
struct bare_flown {
	bool ended;	/* it came to its end */
	char text[256]; /* of one that did not: the last that was heard */
	struct program_trace trace;
};

struct bare_cpu {
	const struct program_module *head; /* of the flights under KVM */
	const char *image, *log;	   /* L1's, and the directory for files of its own */
	int64_t timeout_ns;		   /* without a word from L1 */
};

/*
 * Flies @count programs, each @records[i] with its words behind it, on the bare CPU, in one boot if
 * all come to their end. 0, or -1 with @e filled.
 */
int bare_fly(const struct bare_cpu *cpu, const struct program_record *const *records,
	     unsigned count, struct bare_flown *flown, struct err *e);

/* The words behind @r, as a trace. */
void bare_expected(const struct program_record *r, struct program_trace *t);

#endif
