/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of the serial log, as docs/protocol.md defines them. */
#ifndef HOST_L1_PROTOCOL_H
#define HOST_L1_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTOCOL_VERSION 2
#define LINE_CAP	 4096 /* longest line that is looked at, in bytes */
#define EVENT_KEYS	 24   /* most key=value pairs of one event */

enum line_kind {
	LINE_VERSION,
	LINE_PLAN,
	LINE_EVENT,
	LINE_RESULT,
	LINE_DIAGNOSTIC, /* starts with #, for people */
	LINE_NOISE,	 /* boot loader, firmware, L0 */
	LINE_DAMAGED,	 /* starts like one of the first four and isn't one; see `why` */
};

struct event {
	uint64_t seq;
	bool summed;	   /* it ends in a sum ... */
	uint32_t sum;	   /* ... which is this, ... */
	size_t before_sum; /* ... over so many bytes of its line, and the lines before it */
	const char *name;
	unsigned keys;
	struct {
		const char *key, *value;
	} pair[EVENT_KEYS];
};

struct line {
	enum line_kind kind;
	const char *why; /* LINE_DAMAGED: what is wrong */
	unsigned planned;
	struct {
		bool ok, skip;
		unsigned number;
		const char *name, *reason;
	} result;
	struct event event;
	size_t len;		  /* of the line as it came; of one too long LINE_CAP */
	char text[LINE_CAP + 1];  /* the line as it came, control characters kept */
	char store[LINE_CAP + 1]; /* what the pointers above point into */
};

/* Parses @len bytes without their newline; longer ones than LINE_CAP are damaged or noise. */
void line_parse(struct line *line, const char *bytes, size_t len);

/* Value of @key, or NULL. */
const char *event_get(const struct event *event, const char *key);

/* Decimal or 0x number of @key. False if it isn't there or no number of 64 bits. */
bool event_u64(const struct event *event, const char *key, uint64_t *value);

/* Puts bytes together to lines; what comes in pieces, over several VMs, stays together. */
struct assembler {
	char bytes[LINE_CAP + 1];
	size_t len; /* may exceed LINE_CAP: the rest of the line is dropped */
	void (*on_line)(void *arg, const struct line *line);
	void *arg;
	struct line line;
};
void assembler_feed(struct assembler *a, const char *bytes, size_t len);

/* The log has ended: hands over a last line without newline, if there is one. */
void assembler_end(struct assembler *a);

#endif
