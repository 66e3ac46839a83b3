/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of methods: how a VM is moved at each hop. */
#ifndef HOST_VMM_METHOD_H
#define HOST_VMM_METHOD_H

#include "host/base/util.h"

enum method {
#define M(id, name, kind, capabilities, traits, text, unit) METHOD_##id,
#include "host/vmm/methods.def"
#undef M
	METHODS
};

/* What the hop logic does. */
enum method_kind {
	KIND_FREEZE,	/* stop, save, restore in a new process */
	KIND_LIVE,	/* the driver moves the running VM to a new process */
	KIND_SAVEVM,	/* stop, save, go on, go back in the same process, then in a new one */
	KIND_FORK,	/* save while the VM goes on; original and copy both end in order */
	KIND_PAUSE,	/* stop, save, go on in the same process */
	KIND_STAY,	/* a move that must fail; the VM goes on where it is */
	KIND_RESET,	/* the VM is reset and boots again */
	KIND_PING_PONG, /* at each hop another one */
};

/* What else holds for a method. */
#define METHOD_CHAINS	   1u /* ping-pong may pick it */
#define METHOD_RESTORES	   2u /* KVM takes the state of L2 over into a new VM */
#define METHOD_WRITES_BACK 4u /* QEMU writes the vCPU's registers back into the same VM */
#define METHOD_FORKS	   8u /* the VM goes on while its memory is write-protected and saved */

struct method_info {
	const char *name;
	enum method_kind kind;
	const char *capabilities; /* migration capabilities of QEMU, separated by blanks */
	unsigned traits;
	const char *text, *unit; /* in words; what one hop is called, in the plural */
};
const struct method_info *method_info(enum method m);

/* Name of @m, and what one hop of it is called (plural). */
const char *method_name(enum method m);
const char *method_unit(enum method m);
/* The method called @name, or METHODS. */
enum method method_find(const char *name);

/* The method of hop @hop, which differs from @m for ping-pong alone. */
enum method method_of_hop(enum method m, unsigned hop, uint64_t seed);

#endif
