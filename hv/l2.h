/* SPDX-License-Identifier: BSD-2-Clause */
/* One L2 as L1 sees it: its vmcs12 and pages, entering it, and what must hold at each exit. */
#ifndef HV_L2_H
#define HV_L2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hv/vapic.h"
#include "hv/vmcs.h"
#include "hv/vmx.h"
#include "hv/vmx_caps.h"
#include "l2guest/layout.h"

#define L2_DATA_PAGES 16

struct l2 {
	struct l2_regs regs;
	bool launched;
	bool apicv;    /* the virtual APIC's books are checked at each exit */
	uint64_t vmcs; /* its address */
	struct l2_shared *shared;
	uint8_t *image; /* pages of L2's image, last one first */
	size_t image_pages;
	uint8_t *data;		/* pages of the walk; l2_data_page() gives them in L2's order */
	uint64_t *ept, *tables; /* roots: of the EPT (NULL: no EPT), of L2's own page tables */
	uint64_t tables_gpa;
	uint8_t *msr_bitmap, *io_bitmap[2];
	struct vapic_page *vapic;
	struct pi_desc *pi;
	uint8_t vtpr;	      /* what VTPR must be */
	uint32_t posted[256]; /* interrupts posted so far, per vector */
	uint8_t by_host;      /* a vector that the host may have posted once more; 0: none */
	uint32_t irqs_seen;   /* of shared->irq_log, by l2_took() */
};

/*
 * True if the CPU has every control that l2_create sets without APICv; with it; else @why names the
 * first missing one with its capability MSR.
 */
bool l2_base_possible(char *why, size_t size);
bool l2_possible(char *why, size_t size);

/*
 * Builds vmcs12 and L2's memory for the L2 half @half, makes it the current VMCS. VMX is on.
 * A scenario changes from there what it is about, by vmcs_write() and vmx_control_set().
 * l2_create: all of APICv, as every L2 of a modern hypervisor has it; none of it by an enlightened
 * VMCS, in which it has no place.
 * l2_create_plain: none of it. External interrupts and all accesses to x2APIC MSRs exit.
 * l2_create_no_ept: as plain, and L2-physical is L1-physical (shadow paging below).
 */
void l2_create(struct l2 *l2, const char *half);
void l2_create_plain(struct l2 *l2, const char *half);
void l2_create_no_ept(struct l2 *l2, const char *half);

/* Makes @l2, whose VMCS CPU @from has cleared, current on this CPU. */
void l2_move_here(struct l2 *l2, unsigned from);

/* VMCLEARs all VMCSs of vmcs_new(), stops the timer, gives all pages back. */
void l2_destroy_all(void);

/* A cleared VMCS that is not current, with the right revision. Its address. */
uint64_t vmcs_new(void);

/* Has reads, or with @write writes, of @msr exit by the MSR bitmap, or not; SDM, "MSR-Bitmap
 * Address". */
void msr_bitmap_set(uint8_t *bitmap, uint32_t msr, bool write, bool exits);

/* L2 virtual: an instruction of any half that writes AL to port DX; nothing comes behind it. */
uint64_t l2_out_address(void);

/* The L1 page behind L2 virtual address @va (of the image), with its offset. */
void *l2_image_address(const struct l2 *l2, uint64_t va);

enum l2_exit {
	L2_EXIT_CALL,	/* VMCALL, regs.rax is the call; RIP is already behind it */
	L2_EXIT_NUDGE,	/* NMI from the host */
	L2_EXIT_BROKEN, /* a `fail` was printed; do not enter this L2 again */
	L2_EXIT_AGAIN,	/* only inside l2.c: enter again */
};

/*
 * Enters L2 until it has something to say, and checks at each exit what must always hold: written
 * VMCS fields, interrupt bookkeeping, exit reason. Calls L2_CALL_CHECK and L2_CALL_TRAP become
 * `fail` events here; after the first L2 goes on, as its check was only an observation.
 */
enum l2_exit l2_run(struct l2 *l2);

/*
 * Enters L2 until it exits for another reason than a check of its own, and looks whether that is
 * @reason (basic); all that l2_run checks is checked. False after a `fail` event: leave this hop.
 * RIP stays where the exit left it, but behind a VMCALL.
 */
bool l2_exits(struct l2 *l2, enum vmx_exit_reason reason);

/* l2_exits() for a VMCALL, which must be l2_tell(@point). */
bool l2_tells(struct l2 *l2, uint64_t point);

/* One VM entry that must fail: VMfailValid with @error, or, for @error 0, VMfailInvalid. */
bool l2_entry_fails(struct l2 *l2, uint32_t error);

/* Behind an exit by an NMI. */
void l2_unblock_nmi(void);

/* Moves RIP behind the instruction that exited. */
void l2_skip(void);

/* Makes @vector pending in VIRR and RVI, as software may between two VM entries. */
void l2_pend(struct l2 *l2, uint8_t vector);

/*
 * Checks that L2 has taken exactly these vectors, in this order, since the last call. The list ends
 * with 0.
 */
bool l2_took(struct l2 *l2, const uint8_t *vectors);
#define L2_TOOK(l2, ...) l2_took(l2, (const uint8_t[]){0, ##__VA_ARGS__, 0} + 1)

/* Posts @vector: PIR bit and ON. The caller arms the timer for the notification. */
void l2_post(struct l2 *l2, uint8_t vector);

/* Arms L1's timer to notify L2 in @ticks TSC ticks. */
void l2_notify_in(uint64_t ticks);

/*
 * The host's nudge found L2 asleep. True, after a `fail` event that says where everything stands,
 * if
 * @vector was posted, its notification was sent (@sent) and has left L1's own APIC, and L2 has
 * still not taken it. Prints the `nudged` event in either case.
 */
bool l2_wake_up_lost(struct l2 *l2, uint64_t hop, uint8_t vector, bool sent);

/*
 * Brings a posting that got stuck: L2 is made active, and a notification is pending in L1's own
 * APIC when it is entered next, so that the VM entry itself processes it.
 */
void l2_wake(void);

/*
 * Checks that each posting of each vector is either counted once by L2 or still under way in
 * exactly one place. @all_taken: nothing may be under way. Prints `fail` events; true if all is
 * well.
 */
bool l2_check_interrupts(struct l2 *l2, bool all_taken);

/* The L1 page behind L2's walk page @i. */
uint64_t *l2_data_page(struct l2 *l2, unsigned i);

#endif
