/* SPDX-License-Identifier: BSD-2-Clause */
/* One flight: one boot of L1 with one scenario, frozen and restored at each hop, or its control. */
#ifndef HOST_FLIGHT_FLIGHT_H
#define HOST_FLIGHT_FLIGHT_H

#include "host/vmm/driver.h"
#include "host/snapshot/oracle.h"
#include "host/l1/verdict.h"

struct flight_config {
	const struct driver *driver;
	const struct scenario *scenario;
	enum method method;
	enum post post;	     /* scenarios with posts */
	bool control;	     /* the same without any snapshot */
	bool control_passed; /* that was flown before, and passed */
	unsigned hops;
	uint64_t seed;
	const char *breakage; /* L1's break=, or NULL */
	const char *broken;   /* what is broken in the snapshot (break.h), or NULL */
	bool oracles;	      /* also what must hold for any snapshot (oracle.h) */
	bool l0_log;	      /* what L0 logs meanwhile counts; l0_log_begin() was called */
	int64_t timeout_ns;   /* longest time without progress */
	int64_t nudge_ns;     /* time without an event until an NMI is sent */
	unsigned tsc_khz;     /* of the guest, which tells in ticks how long it may be silent */
	struct freeze freeze;
	const char *const *states; /* proofs (proof.h) to try on the snapshot of FREEZE_AFTER ... */
	unsigned state_count;	   /* ... up to 32 */
	bool kick;		   /* leave KVM_RUN once after a posting to a running VM */
	unsigned miss_limit;	   /* snapshots of one hop that may miss L2 in a row */
	bool any_state;		   /* tests only: a snapshot need not find L2 on the CPU */
	bool keep_snapshot;	   /* keep the last one even of a pass */
	bool hop_files;		   /* write pages-HOP.* and, unless a control, timeline-HOP.json */
	unsigned save_hop; /* at this hop freeze, save, keep the snapshot and end; 0: at none */
	const struct flight_resume *resume; /* go on from there instead of booting, or NULL */
	struct vm_config vm;		    /* qemu, machine, cpu, accel, image, dir, memory_mib */
	void (*progress)(void *arg, unsigned hop, unsigned missed);
	void *arg;
};

/* A flight that was saved at `ready`. */
struct flight_resume {
	struct buf snapshot, log; /* a file's bytes; the serial log up to the snapshot */
	struct saved_state state;
};

#define OFFSET_BEHIND_END "the VM had ended before the moment of the freeze"

#define TIMELINES_KEPT 100 /* of hops without a failed check: older ones go */

/* One hop, times in nanoseconds. */
struct hop_record {
	unsigned missed; /* snapshots that missed before this one */
	bool taken;
	int64_t taken_ns; /* when (now_ns()), if it was */
	int kvm_says;	  /* driver's l2_active() at the snapshot */
	struct saved_state state;
	size_t bytes;
	int64_t stop_ns, save_ns, restore_ns, cont_ns;
	enum method method;	 /* by which it was moved */
	struct move_record move; /* methods of QEMU's alone */
	struct fetch *fetch;	 /* page requests of the restored VM */
	unsigned fetches;
	bool timeline;		 /* timeline-HOP.json is there */
	uint64_t digest, rounds; /* that L1 told at the end of its hop; 0: none */
	uint32_t states;	 /* which of flight_config's the snapshot shows */
};

struct flight_result {
	struct verdict verdict;
	struct guest_log log;
	struct hop_record *hop; /* [hops] */
	unsigned hops;
	unsigned missed;	     /* snapshots that missed L2 */
	unsigned cured;		     /* tries of a hop that an NMI of ours may have cured */
	unsigned proved;	     /* those that did not, broken if that was asked for */
	unsigned taken;		     /* snapshots that were restored ... */
	unsigned l2_active;	     /* ... and those of them with L2 active */
	struct oracle_report oracle; /* what the oracles found, over all hops */
	unsigned oracles_run;	     /* snapshots that they looked at */
	/*
	 * What became of a VM whose snapshot was gone back to (savevm) or of the original of a
	 * background snapshot, the first that did not pass.
	 */
	struct guest_log branch;
	struct verdict branch_verdict;
	/* KVM ended the VM, by a triple fault, a failed entry or an error, before what was restored
	 * last had said anything. */
	bool ended_mute;
	bool interrupted;
	char said[512];	   /* of a guest that is not ours: what else is to be said of it */
	const char *phase; /* what was being done when it ended, NULL: nothing yet */
	char refused[256]; /* VM_REFUSED: the step of the restore and its error; "": none was */
	bool saved;	   /* at save_hop: snapshot.bin and serial.log are there */
	int64_t ready_ns;  /* from the start to the first `ready` */
	int64_t duration_ns;
	int64_t after_ns;    /* driver kvm: from the first byte that the guest took to its end */
	uint64_t trace;	     /* hash of all snapshots and of the serial log, byte for byte */
	struct buf details;  /* of a HANG: what the VM looked like */
	struct buf messages; /* the VMM's stderr */
};

/* Flies. @result must be zeroed. */
void flight_run(const struct flight_config *config, struct flight_result *result);
void flight_result_free(struct flight_result *result);

/*
 * What L0 has logged since l0_log_rearm(), which @text collects, and what the oracles found become
 * part of the verdict, pages that L0 keeps among it, by their @names, which may be NULL.
 * flight_take_l0_end(): behind the end of the VM, with what L0 died of, and l0.log. For those who
 * fly.
 */
void flight_take_l0(const struct flight_config *c, struct flight_result *r,
		    const struct page_names *names, struct buf *text);
void flight_take_l0_end(const struct flight_config *c, struct flight_result *r,
			const struct page_names *names, struct buf *text);

/*
 * Snapshots that a flight without a failure takes: one in each hop, with FREEZE_AFTER one in all.
 */
unsigned flight_snapshots(const struct flight_config *config);

/* L1's command line for @config. The caller frees it. */
char *flight_cmdline(const struct flight_config *config);

/* The vCPU's state in words: `L2 active, vCPU halted`. @text has room for @size bytes. */
void state_words(const struct saved_state *state, char *text, size_t size);

#endif
