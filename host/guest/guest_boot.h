/* SPDX-License-Identifier: BSD-2-Clause */
/* One boot of a foreign guest and its verdict, for this folder. */
#ifndef HOST_GUEST_GUEST_BOOT_H
#define HOST_GUEST_GUEST_BOOT_H

#include "host/guest/guest.h"

#define GUEST_FLOODED 4 /* beside what drivers return: it prints without an end */

struct guest_boot {
	const struct flight_config *config;
	struct flight_result *result;
	struct guest *guest;
	struct vm_config vm_config;
	struct page_names names; /* none has any */
	struct err err;
	void *vm;
	struct vm_end end; /* VM_ENDED: how */
	bool paused, stands, no_l2;
	unsigned passed; /* moments of the whole flight so far, at which it was frozen or stopped */
	struct transcript log;
	FILE *serial;
	struct saved_vm saved; /* at last */
	uint64_t random;
	int64_t started_ns, progress_ns, ran_ns;
	unsigned looks, found; /* for L2: in vain, and not */
};

struct guest_plan {
	unsigned number, first; /* of the boot, of its first freeze, from 0 */
	bool no_l2;		/* none was found in the boots before: look for none */
	bool paused;		/* stops where another boot is frozen, and saves nothing */
};

/*
 * Boots it and follows it to its end; freezes go into @result, whose hops are allocated. VM_ENDED,
 * GUEST_FLOODED or what else a driver returned, with b->err. guest_boot_end() in any case.
 */
int guest_boot(struct guest_boot *b, const struct flight_config *config,
	       struct flight_result *result, const struct guest_plan *plan);
void guest_boot_end(struct guest_boot *b);
/* Destroys the VM; what it has left stays. */
void guest_boot_stop(struct guest_boot *b);

/* The verdict on @b, which is over by @ret, into its result; may boot the guest of @plan again. */
void guest_judge(struct guest_boot *b, int ret, const struct guest_plan *plan);

#endif
