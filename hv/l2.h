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

/* Vector with which L1's timer notifies L2 of posted interrupts. */
#define L2_NOTIFICATION_VECTOR 0xf2

#define L2_DATA_PAGES 16

struct l2 {
	struct l2_regs regs;
	bool launched;
	uint64_t vmcs; /* its address */
	struct l2_shared *shared;
	uint8_t *data; /* pages of the walk; l2_data_page() gives them in L2's order */
	struct vapic_page *vapic;
	struct pi_desc *pi;
	uint32_t posted[256]; /* interrupts posted so far, per vector */
	uint8_t by_host;      /* a vector that the host may have posted once more; 0: none */
};

/*
 * True if the CPU has every control that l2_create sets; else @why names the first missing one with
 * its capability MSR.
 */
bool l2_possible(char *why, size_t size);

/* Builds vmcs12 and L2's memory for the L2 half @scenario, makes it the current VMCS. VMX is on. */
void l2_create(struct l2 *l2, const char *scenario);

/* VMCLEARs the VMCS, stops the timer, gives the pages back. */
void l2_destroy(struct l2 *l2);

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
