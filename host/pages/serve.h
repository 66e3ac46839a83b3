/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of a snapshot from another process, the source host, over a unix stream socket. All numbers
 * are unsigned, little-endian and 64 bits long. A request is one number, a guest-physical address
 * on a page boundary. The answer is a status (0: here it is, 1: there is no such page) and, if it
 * is 0, the 4096 bytes of the page. The address SERVE_HELLO gets a page that begins with the eight
 * bytes `MFPAGES1`, the bytes of guest memory, and the snapshot file's own checksum, so that both
 * sides know that they speak of the same snapshot.
 */
#ifndef HOST_PAGES_SERVE_H
#define HOST_PAGES_SERVE_H

#include "host/snapshot/snapshot.h"

#define SERVE_HELLO (~0ull)

/* A snapshot to serve. */
struct serve_source {
	const struct snapshot *snapshot;
	uint64_t id; /* the file's checksum */
};

/* The checksum at the end of snapshot file @path, which was read already. 0, or -1 with @e. */
int serve_id(const char *path, uint64_t *id, struct err *e);

/*
 * Answers requests on socket @path, one connection after the other, until a signal comes in.
 * @ready is called when connections are accepted. 0, or -1 with @e filled.
 */
int serve(const struct serve_source *source, const char *path, void (*ready)(void), struct err *e);

/* Answers what comes in on the connected @fd until it ends: 0, 1 after a signal, -1 with @e. */
int serve_connection(const struct serve_source *source, int fd, struct err *e);

/* The other side. */
struct serve_client;

/* Connects to @path, which must serve the snapshot with @id. NULL with @e on error. */
struct serve_client *serve_connect(const char *path, uint64_t memory_size, uint64_t id,
				   int64_t timeout_ns, struct err *e);

/* A page source for pages_start(): NULL, from then on always, if the source is dead. */
const void *serve_page(void *client, uint64_t gpa);

/* Whether the source is dead, with the reason in @e. Any thread may ask. */
bool serve_dead(const struct serve_client *client, struct err *e);

void serve_disconnect(struct serve_client *client);

#endif
