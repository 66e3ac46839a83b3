/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host knows of a scenario. It stands in L1's image, section .debug_scenarios, as text:
 * each scenario is lines of `key: value` up to a NUL, written by SCENARIO() of hv/scenario.h.
 *
 *   name family needs              its name, the file of hv/scenarios, what the CPU must offer
 *   title                          one line
 *   promise host bug failure       for people: what the architecture promises (SDM chapter title),
 *                                  what the host does, which bug it models, how a failure looks
 *   freeze                         when the VM is frozen, a name of hv/freezes.def:
 *                                  soon     as soon as the host has heard of `ready`
 *                                  port     at the next freeze point of L1 or L2
 *                                  page     at the first touch, behind a freeze point, of the
 *                                           expected page, while that is being asked for
 *                                  blocked  when the (second) vCPU sleeps inside KVM_RUN
 *   vcpus                          2: L1 has a second vCPU; without this key it has one
 *   proof                          what a snapshot must show to count (host/snapshot/proof.h)
 *   proof1                         the same of the second vCPU
 *   act                            WHAT WHEN: names of hv/acts.def and hv/act_whens.def; several
 *                                  are done in their order
 *   act1                           the same to the second vCPU
 *   posts                          yes: the host posts interrupts (posts.def)
 *   quick                          yes: runs unasked with every driver
 *   ordinary                       yes: not with an enlightened VMCS
 *   order                          of host/kvm/orders.def: it is restored in that one as well, as
 *                                  KVM refuses it in QEMU's
 *
 * A scenario that needs L2_BASE or L2_ANY and is not `ordinary` stands here twice, the second time
 * as NAME_evmcs, which an enlightened L1 flies.
 */
#ifndef HOST_L1_SCENARIO_H
#define HOST_L1_SCENARIO_H

#include "host/base/util.h"

#include <stdbool.h>
#include <stdint.h>

enum scenario_freeze {
#define F(id, name, text) AT_##id,
#include "hv/freezes.def"
#undef F
	FREEZES
};

enum act {
#define A(id, name, text) ACT_##id,
#include "hv/acts.def"
#undef A
	ACTS
};
enum act_when {
#define W(id, name, text) WHEN_##id,
#include "hv/act_whens.def"
#undef W
	WHENS
};

/* When the host posts an interrupt around a snapshot, in scenarios with posts. */
enum post {
#define P(id, name, text) POST_##id,
#include "host/l1/posts.def"
#undef P
	POSTS
};
const char *post_name(enum post p);

#define SCENARIO_ACTS_MAX 4

struct scenario {
	const char *name, *family, *title, *needs, *promise, *host, *bug, *failure, *proof, *proof1;
	const char *order; /* NULL: it has no second one */
	unsigned vcpus;
	enum scenario_freeze freeze;
	struct scenario_act {
		enum act what;
		enum act_when when;
		unsigned vcpu;	  /* to which it is done */
	} act[SCENARIO_ACTS_MAX]; /* in their order */
	unsigned acts;
	bool l2;	   /* the proof asks for an active L2 */
	bool l2_alone;	   /* and for nothing but that and mp_state */
	uint32_t mp_state; /* KVM_MP_STATE_* that the proof asks for */
	bool posts, quick;
	bool ordinary;
	bool enlightened;    /* L1 is told that it runs on Hyper-V, with enlightened VMCSs */
	bool second;	     /* NAME_evmcs of a scenario NAME, not of its own */
	struct guest *guest; /* NULL; else no scenario of L1's: host/guest/guest.h */
};

#define SCENARIO_SECOND "_evmcs"

#define SCENARIOS_MAX 1024

/* Whether the host does @what to it, at any time. */
bool scenario_has_act(const struct scenario *s, enum act what);

/* Whether it is about one instant, which a driver must be able to meet, or to act in. */
bool scenario_exact(const struct scenario *s);

/* Reads the scenarios out of L1's ELF image @path. 0, or -1 with @e filled. */
int scenarios_load(const char *path, struct err *e);
/* The same from the section's bytes. */
int scenarios_parse(const char *text, size_t len, struct err *e);

/* Takes the @n scenarios of @list, which are not of an image, in place of all; none is freed. */
void scenarios_set(const struct scenario *list, unsigned n);

/* All scenarios, by name; @count is their number. Needs one of the above
 * before. */
const struct scenario *scenarios(unsigned *count);
/* The scenario called @name (of @len bytes), or NULL. */
const struct scenario *scenario_find(const char *name, size_t len);

#endif
