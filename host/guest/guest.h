/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that is not ours: any image, of which no protocol is asked. The judge is its own log,
 * with snapshots against without, and how it ends. It is a scenario like those of L1's image.
 */
#ifndef HOST_GUEST_GUEST_H
#define HOST_GUEST_GUEST_H

#include "host/flight/flight.h"
#include "host/guest/transcript.h"

#define GUEST_MEMORY_MIB  128 /* as QEMU's default, for which such images are written */
#define GUEST_MEMORY_MAX  3072
#define GUEST_FREEZES	  50	/* unless the user says when or how many */
#define GUEST_FREEZES_MAX 10000 /* with --every or --every-exits */

struct guest_profile {
	const char *name, *pass, *fail, *test, *ignore;
	int64_t code_pass, code_skip;
	const char *text;
};
/* The profile called @name, or NULL. */
const struct guest_profile *guest_profile_find(const char *name);

/* What the user says of a guest. */
struct guest_words {
	const char *file, *append, *initrd; /* paths; NULL: none */
	unsigned memory_mib, vcpus;	    /* 0: GUEST_MEMORY_MIB, 1 */
	const char *profile, *pass, *fail;  /* NULL: plain; the profile's */
	const char *ignore;		    /* one more than the profile's, or NULL */
	/* When it is frozen; with none of the three, 0, at moments drawn by the seed. */
	double every_ms, at_ms; /* of the time that it runs */
	unsigned every_exits;	/* exits of KVM_RUN to userspace (driver kvm) */
	bool only_l2;		/* only while L2 is active */
	const char *freezes;	/* N,N...: only these, at the others it is stopped; or NULL */
	/* Of a list of tests; NULL or false: nothing. */
	const char *skip;  /* why it cannot be flown */
	const char *check; /* PATH=VALUE..., files that must say so */
	const char *cpu;   /* QEMU's -cpu ... */
	bool cpu_any;	   /* ... for which what KVM offers does as well */
	const char *named; /* those that were asked for by name, with commas between */
};

/* What its boot without snapshots showed. */
struct guest_control {
	bool flown;
	struct transcript log;
	struct vm_end end;
	int64_t ran_ns;
};

struct guest {
	struct guest_words words;
	const struct guest_profile *profile;
	char *line; /* its command line, with the file's name before it, as boot loaders do it */
	struct patterns ignored;
	struct patterns pass, fail, test; /* one each, or none */
	struct guest_control control;
};

/*
 * Makes a scenario called @name, of which characters that no name has become `_`, of the guest that
 * @words describe; its texts must live on. 0, or -1 with @e filled.
 */
int guest_make(struct scenario *s, const char *name, const struct guest_words *words,
	       struct err *e);

/* Whether the moments of its freezes are drawn by chance. */
bool guest_drawn(const struct guest_words *w);

/* How often it is frozen at most, unless the user says so. */
unsigned guest_freezes(const struct guest *g);

/* Why @driver cannot fly it; NULL: it can. */
const char *guest_lacks(const struct guest *g, const struct driver *driver);

/*
 * Flies @config, whose scenario is a guest, as flight_run() does. A control must come before the
 * others: what it shows is kept with the guest.
 */
void guest_flight(const struct flight_config *config, struct flight_result *result);

/* The states that a freeze met, bit N of hop_record.states for the name at N; NULL behind the last.
 */
const char *guest_state_name(unsigned n);
/* What the freezes of @result met: "L2 active 31, run-pending 4". */
void guest_states_text(const struct flight_result *result, struct buf *text);

#endif
