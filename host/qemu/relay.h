/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands between the two QEMUs of a migration over unix sockets: a thread that listens where the
 * source connects, connects to where the destination listens, and passes bytes on in both
 * directions. It counts, keeps the stream, notes the page requests of post-copy, and can hold the
 * stream at a byte so that something can be done to a QEMU at that very moment.
 */
#ifndef HOST_QEMU_RELAY_H
#define HOST_QEMU_RELAY_H

#include "host/pages/pages.h"
#include "host/base/util.h"

struct relay_config {
	/*
	 * Path of the unix socket that the source connects to. relay_start() makes it, nothing may
	 * be there before; relay_stop() removes it.
	 */
	const char *listen;
	/* Path where the destination listens; connected anew for each channel of the source. */
	const char *connect;
	/* How many bytes of the first channel's stream to the destination are kept. */
	size_t record_cap;
	/*
	 * After so many bytes to the destination over all channels, to the byte, nothing more is
	 * passed on to it, not even that the source is gone. What the destination sends still goes
	 * to the source. 0: never.
	 */
	uint64_t hold_at;
	/* For the page requests; copied. May be NULL. */
	const struct page_names *names;
};

struct relay;

/* Starts the relay's thread. NULL with @e if a path is too long or the socket can't be made. */
struct relay *relay_start(const struct relay_config *config, struct err *e);

struct relay_stats {
	uint64_t to_destination, to_source; /* bytes passed on, over all channels */
	unsigned channels;		    /* opened by the source so far */
	unsigned page_requests;
	bool held;	 /* the stream stands at hold_at now */
	bool closed;	 /* there were channels, and none is open any more */
	char error[160]; /* the first thing that went wrong, or "" */
};

void relay_stats(struct relay *r, struct relay_stats *s);

/*
 * Shuts all open channels down at once in both directions, as a network that breaks: what was not
 * passed on is lost. Channels that the source opens later work again. A hold stays a hold.
 */
void relay_cut(struct relay *r);

/* Appends the kept bytes of the first channel: what the destination was given, from the start. */
void relay_stream(struct relay *r, struct buf *copy);

/*
 * The page requests so far, on the first channel, in order; returns their number, *@list is for the
 * caller to free. phase is "post-copy", asked_ns counts from relay_start(), waited_ns is -1: not
 * known. In the main memory gpa is the offset in its RAM block (the same below the PCI hole), and
 * name is that of the page; elsewhere name is that of the RAM block.
 */
unsigned relay_requests(struct relay *r, struct fetch **list);

/* Ends the thread, closes everything as it stands, removes the socket, frees. NULL is fine. */
void relay_stop(struct relay *r);

#endif
