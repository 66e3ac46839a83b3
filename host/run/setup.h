/* SPDX-License-Identifier: BSD-2-Clause */
/* What all commands that fly have in common. */
#ifndef HOST_RUN_SETUP_H
#define HOST_RUN_SETUP_H

#include "host/flight/flight.h"
#include "host/l0/kvm_probe.h"
#include "host/kvm/kvm_state.h"
#include "host/cli/plan.h"

#include <limits.h>

struct setup {
	const struct options *o;
	char image[PATH_MAX], log[PATH_MAX], qemu[PATH_MAX]; /* absolute */
	struct order order, save_order, second_order;
	struct kvm_probe probe;
	const char *missing; /* why KVM cannot do it here, NULL: it can */
	bool lab;	     /* to be handed over to the lab */
};

/* Whether to be handed over to the lab: asks KVM. */
void setup_where(struct setup *s);

/* Finds image, log directory and QEMU, asks KVM. 0, or -1 with @e filled. */
int setup(struct setup *s, const struct options *o, struct err *e);

/* Fills @c for what @o asks for, by its first method; scenario and directory are the caller's. */
void setup_flight(const struct setup *s, struct flight_config *c);

/*
 * Makes it the flight of @item, whose scenario it has: method, control, posting, order. The order
 * is kept in @s. 0, or -1 with @e filled.
 */
int setup_item(struct setup *s, struct flight_config *c, const struct plan_item *item,
	       struct err *e);

/* Snapshots of @scenario: as asked for, else one where the instant is exact. */
unsigned setup_hops(const struct setup *s, const struct scenario *scenario);

/* Why @driver cannot fly @scenario, or move a VM by @method, whatever the options; NULL: it can. */
const char *driver_lacks(const struct driver *driver, const struct scenario *scenario);
const char *method_lacks(const struct driver *driver, enum method method);

/* Why @driver cannot fly @scenario with these options; NULL: it can. */
const char *options_lack(const struct options *o, const struct scenario *scenario,
			 const struct driver *driver);

/* Says on stdout that the lab takes over, and why. */
void setup_say_lab(const struct setup *s);
/* Becomes the lab, which runs the same command. Returns only if it cannot: the exit status. */
int setup_become_lab(const struct setup *s);
/* Says on stdout that nothing can fly, and why. The exit status. */
int setup_skip(const struct setup *s);

/* What a command of many flights leaves in the log directory: @file, which has @what. */
struct left {
	const char *file, *what, *schema;
	int version;
	/* Has the lab, or several, fly it; NULL: fly_in_lab(). */
	int (*lab)(struct options *o, const struct setup *s);
};

/*
 * Such a command: takes the log directory and has @here fly, or the lab, which must leave that file
 * whole. The exit status.
 */
int fly_into_log(struct options *o, const struct left *left,
		 int (*here)(struct options *o, const struct setup *s));

/* Has one lab fly @o, which must leave that file whole in the log directory. The exit status. */
int fly_in_lab(const struct options *o, const struct setup *s, const struct left *left);

#endif
