/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU's and VM's state between KVM and a snapshot, and the orders of restoring it. */
#ifndef HOST_KVM_KVM_STATE_H
#define HOST_KVM_KVM_STATE_H

#include "host/snapshot/saved_state.h"

#define ORDER_STEPS_MAX 40

struct order {
	char name[64];
	char step[ORDER_STEPS_MAX][32]; /* without KVM_SET_ */
	unsigned steps;
	unsigned late; /* steps from here on come behind the first KVM_RUN; 0: none does */
	/* On a vCPU that is in use: KVM refuses its VMX capability MSRs, even unchanged ones, while
	 * VMXON is active. They are left out. */
	bool in_place;
};

/* How a VM is saved. */
struct kvm_saving {
	struct order order;	     /* of the ioctls; no steps: ours */
	int64_t wait_ns;	     /* that pass between two of them */
	bool roam;		     /* each from another CPU than the one before */
	const struct snapshot *like; /* only MSRs that these hosts have (kvm_offers.h); NULL: all */
};

/* One VM with one vCPU. */
struct kvm_fds {
	int kvm, vm, vcpu;		 /* descriptors */
	const struct kvm_saving *saving; /* NULL: all, at once, in our order */
};

/*
 * The order called @name, or, if @name has a slash or a dot, the order in that file: steps
 * separated by white space, `#` starts a comment, KVM_RUN stands where that comes for the first
 * time (the end, if it does not stand there). 0, or -1 with @e filled.
 */
int order_load(struct order *o, const char *name, struct err *e);
/* The same of an order of saving; only those of saves.def. */
int order_of_saving(struct order *o, const char *name, struct err *e);
/* The names of all orders of restoring, separated by `|`. */
const char *order_names(void);
/* Whether @word, @len bytes of it, is one of them. */
bool order_is_known(const char *word, size_t len);
/* The order whose known bugs are met in that called @name, too; mostly itself. */
const char *order_like(const char *name);

/* KVM_SET_name or the MSR's name, as users and page reports know a step. */
void order_step_text(const char *step, char *text, size_t size);

/* Adds everything that KVM lets userspace read to @s. 0, or -1 with @e filled. */
int kvm_state_save(const struct kvm_fds *fds, struct snapshot *s, struct err *e);

/*
 * Step @i of @o. 0, or -1 with @e naming ioctl, errno and detail, or KVM_STATE_TAKEN with @e: KVM
 * took what it must refuse. A step whose state the snapshot does not have (an older kernel) does
 * nothing; SREGS2 falls back to SREGS.
 */
#define KVM_STATE_TAKEN (-2)
int kvm_state_restore_step(const struct kvm_fds *fds, const struct snapshot *s,
			   const struct order *o, unsigned i, struct err *e);

/* Whether there is a restore step @step, or one of saving. */
bool kvm_state_step_known(const char *step);
bool kvm_state_saves(const char *step);

#endif
