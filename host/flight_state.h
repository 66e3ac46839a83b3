/* SPDX-License-Identifier: BSD-2-Clause */
/* What a flight knows while it lasts; for flight.c and flight_judge.c alone. */
#ifndef HOST_FLIGHT_STATE_H
#define HOST_FLIGHT_STATE_H

#include "host/flight.h"

/* Beside what drivers return: the flight ends here. */
#define FLIGHT_SAVED   1
#define FLIGHT_NOTHING 2 /* nothing to break in this state */

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
	struct buf tail;
	struct buf snapshot;
	struct page_names names;
	uint64_t pi_desc, vector, notification, page; /* of the last `expect`; 0: not said */
	struct hop_record *restored;		      /* the hop whose restored VM runs now */
	char why[512];				      /* the last snapshot missed */
	const char *phase;			      /* what is being done, for messages */
	bool ready;
	bool waiting; /* `ready wait=1`: the guest goes on when it gets a `g` */
	int64_t start_ns;
	int64_t progress_ns; /* time of the last progress */
	int64_t nudge_ns;    /* when to nudge, 0: not now */
	unsigned nudges;     /* sent */
	uint64_t random;
};

/* The verdict on a flight that ended with @ret, what a driver returns or FLIGHT_SAVED. */
void flight_judge(struct flight *f, int ret);

#endif
