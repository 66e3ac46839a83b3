/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM with L1's scenario `program`, in which one program flies after the other. */
#ifndef HOST_FUZZ_FUZZ_VM_H
#define HOST_FUZZ_FUZZ_VM_H

#include "host/fuzz/program.h"
#include "host/run/setup.h"
#include "host/vmm/driver.h"

struct fuzz_vm {
	const struct driver *driver;
	struct vm_config config;
	struct err err;
	void *vm;
	struct buf line;		 /* what L1 has begun to print */
	char error[256];		 /* L1's `error` event, "": none came */
	uint64_t program_gpa, trace_gpa; /* 0: not told yet */
	bool ready;			 /* L1 waits for its first program */
	struct saved_vm start;		 /* L1 behind its first, empty program */
	struct saved_vm saved;		 /* what the VM was restored from last */
	bool oracles;			 /* the general ones on each snapshot */
	bool control;			 /* nothing is saved and restored */
	bool sleeps_on;			 /* nobody wakes an L2 that sleeps without a mark */
	const char *broken;		 /* what of each snapshot (breaks.def), or NULL */
	int64_t flown_ns, moved_ns;	 /* in programs; in saving and restoring */
};

enum fuzz_outcome {
	FUZZ_DONE,    /* the program came to its end */
	FUZZ_ENDED,   /* the VM did not survive it */
	FUZZ_STUCK,   /* nothing came for the deadline */
	FUZZ_REFUSED, /* KVM refused a step of the restore */
	FUZZ_FAILED   /* we could not fly it: fuzz_vm.err */
};

struct fuzz_flown {
	enum fuzz_outcome outcome;
	char text[256]; /* of FUZZ_ENDED, FUZZ_REFUSED */
	unsigned marks; /* that it came to */
	bool frozen;	/* at the one that was wanted */
	uint64_t mark;	/* PROGRAM_MARK() of that */
	struct oracle_report oracle;
	struct program_trace trace; /* of FUZZ_DONE */
};

/* Sets driver and config of @v as @setup has them (all but err, cmdline and on_serial). */
void fuzz_vm_init(struct fuzz_vm *v, const struct setup *setup);

/* Starts the VM of @v, whose driver and config are set. 0, or -1 with v->err. */
int fuzz_vm_start(struct fuzz_vm *v, bool enlightened);
void fuzz_vm_end(struct fuzz_vm *v);

/*
 * Flies @p without a snapshot (@mark_wanted -1), or frozen at that mark (from 0), saved, restored
 * into a new VM. After another outcome than FUZZ_DONE, or with @fresh, the next flight begins in a
 * VM as it was after the start.
 */
void fuzz_fly(struct fuzz_vm *v, const struct program_lists *p, int mark_wanted,
	      struct fuzz_flown *f);
void fuzz_vm_renew(struct fuzz_vm *v, struct fuzz_flown *f);

#endif
