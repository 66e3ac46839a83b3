/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a flight knows while it lasts, and the parts of which it is made, each of which knows only
 * those above it; for flight*.c alone.
 */
#ifndef HOST_FLIGHT_FLIGHT_STATE_H
#define HOST_FLIGHT_FLIGHT_STATE_H

#include "host/flight/flight.h"
#include "host/vmm/timeline.h"

/* Beside what drivers return: the flight ends here. */
#define FLIGHT_SAVED   1
#define FLIGHT_NOTHING 2 /* nothing to break in this state */
#define FLIGHT_LACKS   3 /* L1 was where the scenario wants it; what was saved does not show it */

#define SERIAL_CAP (64u << 20) /* bytes of one boot's log */

struct flight {
	const struct flight_config *config;
	struct flight_result *result;
	struct vm_config vm_config;
	struct err err;
	void *vm;
	struct assembler assembler;
	FILE *serial_log;
	uint64_t serial_bytes;
	bool log_failed;
	struct buf *held; /* takes the serial port's bytes, which are then no part of the log */
	struct buf tail;
	struct buf l0_text;    /* what L0 has logged meanwhile */
	struct buf whole;      /* the serial log that counts, all of it */
	unsigned branches;     /* of the log, which did not become part of it */
	bool again;	       /* the log is read a second time: nothing new happens */
	struct saved_vm saved; /* at last */
	size_t saved_log;      /* bytes of @whole up to there */
	bool looked;	       /* QEMU's file is of how a HANG was found */
	struct page_names names;
	uint64_t pi_desc, vector, notification, page; /* of the last `expect`; 0: not said */
	struct hop_record *restored;		      /* the hop whose restored VM runs now */
	uint64_t restored_at; /* serial_bytes when the last one was restored */
	enum method method;   /* of this hop */
	uint64_t digest;      /* of the last `hop` event, 0: none was told */
	uint64_t digest_due;  /* what the next one must tell, 0: anything */
	unsigned resets;
	char why[512];			  /* the last snapshot missed */
	const char *phase;		  /* what is being done, for messages */
	struct timeline *timeline;	  /* NULL: nothing is recorded */
	bool in_hop;			  /* it has begun; the guest has not told its end */
	char expected[TIMELINE_TEXT_MAX]; /* by L1 in the next hop */
	bool ready;
	bool waiting; /* `ready wait=1`: the guest goes on when it gets a `g` */
	int64_t start_ns;
	int64_t progress_ns; /* time of the last progress */
	int64_t nudge_ns;    /* when to nudge, 0: not now */
	unsigned nudges;     /* sent */
	bool kicked;	     /* the vCPU left KVM_RUN, which may have cured it */
	uint64_t quiet;	     /* TSC ticks for which the guest may be silent (`expect`) */
	unsigned cured;	     /* tries of this hop that an NMI of ours may have cured */
	uint64_t random;
};

/* ---- flight_config.c ---------------------------------------------------------------------- */

/* Whether L1 is to wait at each `ready`, because the VM moves while it runs. */
bool flight_goes_live(const struct flight_config *config);
/* Hops that L1 is told of: a method may need one more, or only a few. */
unsigned flight_guest_hops(const struct flight_config *config);
/* The record of the guest's hop @n, NULL: in that one nothing is done to the VM. */
struct hop_record *flight_record(struct flight *f, unsigned n);

/* ---- flight_timeline.c: what the timelines tell of a flight ------------------------------- */

/* From now on the flight is at @phase, a literal. */
void flight_phase(struct flight *f, const char *phase);
/* @hop begins, maybe once more; NULL: none does. */
void flight_timeline_begin(struct flight *f, const struct hop_record *hop);
/* An event of the guest. */
void flight_timeline_event(struct flight *f, const struct event *event);
/* The host has done @act to the VM since @from_ns. */
void flight_timeline_act(struct flight *f, const struct act_config *act, int64_t from_ns);
/* Writes the file of the hop that is over, if there is one. */
void flight_timeline_write(struct flight *f);
/* The flight is over: that of the last hop as well. */
void flight_timeline_end(struct flight *f);

/* The vectors that are on their way in @part, the snapshot of vCPU @vcpu. */
void flight_timeline_vectors(struct flight *f, unsigned vcpu, const struct snapshot *part);

/* ---- flight_pages.c ----------------------------------------------------------------------- */

/* Writes what the restored VM of each hop asked for. */
void flight_pages_write(const struct flight *f);

/* ---- flight_saved.c: what was saved at last, f->saved --------------------------------------- */

/* The driver's save(), into f->saved. */
int flight_save(struct flight *f, struct saved_state *state);
/* Bytes of its file, or of guest memory and state; 0: nothing was saved. */
size_t flight_saved_bytes(const struct flight *f);
/* Appends the bytes of the file that @saved makes, from which flight_saved_read() has it again. */
void flight_saved_file(const struct flight *f, const struct saved_vm *saved, struct buf *file);
/* The same of what was saved at last; driver kvm's is the first half of a flight (half.h). */
void flight_kept_file(struct flight *f, struct buf *file);
int flight_saved_read(struct flight *f, const struct buf *file);
void flight_saved_free(struct saved_vm *saved);
/* Adds it to the trace. */
void flight_trace_saved(struct flight *f);
/* proof_check() on vCPU @vcpu. */
int flight_proves(struct flight *f, unsigned vcpu, const char *proof, struct err *e);
/* Breaks what is to be broken in it, if anything. */
int flight_break(struct flight *f);

/* ---- flight_log.c ------------------------------------------------------------------------- */

/* A line of the serial port. @arg is the flight. */
void flight_on_line(void *arg, const struct line *line);
/* Takes in @len bytes of the serial port. @arg is the flight. */
void flight_serial(void *arg, const char *bytes, size_t len);
/* For how long the guest may rightly be silent. */
int64_t flight_quiet_ns(const struct flight *f);
/* Silent for longer than that; each try that was cured gives the next one more time. */
int64_t flight_next_nudge(const struct flight *f);

/* ---- flight_freeze.c ---------------------------------------------------------------------- */

/* `g`, if the guest waits for it. */
int flight_send_go(struct flight *f);
/* Stops the VM at the moment that the scenario or the user chose. */
int flight_freeze(struct flight *f);
/* Waits until the vCPU sleeps inside KVM_RUN, if the scenario is about that. */
int flight_wait_blocked(struct flight *f);
/* Posts the vector that L1 expects, to a VM that may run or not. */
int flight_post(struct flight *f);
/* The same to one that runs; if that was asked for, the vCPU leaves KVM_RUN and enters again. */
int flight_post_live(struct flight *f);
/* Does what the scenario has the host do @when: the VM runs if that is when it has blocked. */
int flight_act(struct flight *f, enum act_when when);
/* Whether it has it done at @when; on the way to the freeze. */
bool flight_acts_when(const struct flight *f, enum act_when when);
bool flight_acts_before_freeze(const struct flight *f);

/* ---- flight_steps.c ----------------------------------------------------------------------- */

/* Waits for `ready`, or with @hop for the end of that hop; nudges a VM that stays silent. */
int flight_wait(struct flight *f, unsigned hop);
/* The guest has been told something: from now on it owes us an event. */
void flight_expect_event(struct flight *f);
/* Sends the host's answer to `ready` (docs/protocol.md). */
int flight_answer(struct flight *f, char byte);
/* Whether the state is where the scenario wants it: 1, 0 or, with err filled, -1. */
int flight_wanted(struct flight *f, const struct saved_state *state);
/* This hop's state isn't what the scenario is about: the VM, which stands still, tries again. */
int flight_miss(struct flight *f, struct hop_record *hop);
/* Throws the VM away and restores it from the snapshot in a new one, stopped. */
int flight_restore(struct flight *f);
/* The same where there is no VM to throw away. */
int flight_restore_saved(struct flight *f);
/* @hop counts: the VM was moved, or what else its method does, in the state that was wanted. */
void flight_taken(struct flight *f, struct hop_record *hop);
/* The restored VM goes on from @hop. */
int flight_land(struct flight *f, struct hop_record *hop);
/* The page requests of the VM that was restored last go to its hop. */
void flight_take_fetches(struct flight *f);
/* What is done with a good snapshot before it is restored; @oracles: that as well, if asked for. */
int flight_examine(struct flight *f, bool oracles);
/* The posting comes before the snapshot, which may then find L2 on its way out of HLT, or done. */
bool flight_posts_before(const struct flight *f);

/* ---- flight_after.c: FREEZE_AFTER --------------------------------------------------------- */

/* Goes on from hop @n of the guest, which is `ready`. */
int flight_hop_after(struct flight *f, unsigned n);

/* ---- flight_move.c ------------------------------------------------------------------------ */

/* Sets the method of hop @n and prepares the driver for it. */
int flight_choose_method(struct flight *f, unsigned n);
/* Whether flight_hop_by_method() flies this hop. */
bool flight_moves(const struct flight *f);
/* One hop @n of a method that is not just stop, save, restore. */
int flight_hop_by_method(struct flight *f, struct hop_record *hop, unsigned n);

/* ---- flight_judge.c ----------------------------------------------------------------------- */

/* The verdict on a flight that ended with @ret, what a driver returns or FLIGHT_SAVED. */
void flight_judge(struct flight *f, int ret);

#endif
