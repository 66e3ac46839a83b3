// SPDX-License-Identifier: BSD-2-Clause
// Decodes the return path of QEMU's migration. It must survive whatever a broken QEMU sends.
#include "host/qemu/return_path.h"
#include "host/base/util.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define PAGE	    4096u
#define REQUEST_LEN 12			  /* be64 offset, be32 length */
#define BITMAP_MAX  (1u << 30)		  /* bytes: of 32 TiB of memory */
#define BITMAP_MARK 0x0123456789abcdefull /* behind a bitmap */

/* enum mig_rp_message_type */
enum {
	MSG_SHUT = 1,
	MSG_PONG,
	MSG_REQ_PAGES_ID,
	MSG_REQ_PAGES,
	MSG_RECV_BITMAP,
	MSG_RESUME_ACK,
	MSG_SWITCHOVER_ACK,
};

/* Length of the body: at least, at most. */
static const struct {
	uint16_t min, max;
} lengths[] = {
	[MSG_SHUT] = {4, 4},
	[MSG_PONG] = {4, 4},
	[MSG_REQ_PAGES_ID] = {REQUEST_LEN + 1, REQUEST_LEN + 1 + UINT8_MAX},
	[MSG_REQ_PAGES] = {REQUEST_LEN, REQUEST_LEN},
	[MSG_RECV_BITMAP] = {1, 1 + UINT8_MAX},
	[MSG_RESUME_ACK] = {4, 4},
	[MSG_SWITCHOVER_ACK] = {0, 0},
};

static unsigned type(const struct rp_decoder *d)
{
	return (unsigned)big_endian(d->bytes, 2);
}

static unsigned length(const struct rp_decoder *d)
{
	return (unsigned)big_endian(d->bytes + 2, 2);
}

/* Bytes that the part has when it is whole. */
static size_t wanted(const struct rp_decoder *d)
{
	if (d->part == RP_HEAD)
		return RP_HEAD_LEN;
	return d->part == RP_BODY ? RP_HEAD_LEN + length(d) : sizeof(uint64_t);
}

static void next(struct rp_decoder *d, int part)
{
	d->part = part;
	d->have = 0;
}

static void take_head(struct rp_decoder *d)
{
	if (!type(d) || type(d) >= ARRAY_SIZE(lengths))
		snprintf(d->bad, sizeof(d->bad), "message of unknown type %u", type(d));
	else if (length(d) < lengths[type(d)].min || length(d) > lengths[type(d)].max)
		snprintf(d->bad, sizeof(d->bad), "message of type %u with %u bytes", type(d),
			 length(d));
	d->part = RP_BODY;
}

/* Behind a request: u8 length, name without a NUL. */
static bool take_name(struct rp_decoder *d)
{
	const uint8_t *name = d->bytes + RP_HEAD_LEN + REQUEST_LEN;
	size_t len = *name++;

	if (!len || length(d) != REQUEST_LEN + 1 + len) {
		snprintf(d->bad, sizeof(d->bad), "request of %u bytes with a name of %zu",
			 length(d), len);
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (!isprint(name[i])) {
			snprintf(d->bad, sizeof(d->bad), "name of a RAM block with byte 0x%02x",
				 name[i]);
			return false;
		}
	}
	memcpy(d->block, name, len);
	d->block[len] = '\0';
	return true;
}

static void take_body(struct rp_decoder *d,
		      void (*on_request)(void *arg, const char *block, uint64_t offset,
					 uint32_t length),
		      void *arg)
{
	const uint8_t *body = d->bytes + RP_HEAD_LEN;
	uint64_t offset;
	uint32_t len;

	if (type(d) == MSG_SHUT)
		d->shut = true;
	next(d, type(d) == MSG_RECV_BITMAP ? RP_BITMAP_SIZE : RP_HEAD);
	if (type(d) == MSG_REQ_PAGES_ID && !take_name(d))
		return;
	if (type(d) != MSG_REQ_PAGES_ID && type(d) != MSG_REQ_PAGES)
		return;
	offset = big_endian(body, sizeof(offset));
	len = (uint32_t)big_endian(body + sizeof(offset), sizeof(len));
	if (!d->block[0])
		snprintf(d->bad, sizeof(d->bad), "request before any RAM block was named");
	else if (!len || offset % PAGE || len % PAGE)
		snprintf(d->bad, sizeof(d->bad),
			 "request of 0x%" PRIx32 " bytes at 0x%" PRIx64 ": not whole pages", len,
			 offset);
	else
		on_request(arg, d->block, offset, len);
}

static void take_bitmap_size(struct rp_decoder *d)
{
	d->skip = big_endian(d->bytes, sizeof(d->skip));
	if (d->skip > BITMAP_MAX)
		snprintf(d->bad, sizeof(d->bad), "bitmap of 0x%" PRIx64 " bytes", d->skip);
	next(d, RP_BITMAP_END);
}

static void take_bitmap_end(struct rp_decoder *d)
{
	if (big_endian(d->bytes, sizeof(uint64_t)) != BITMAP_MARK)
		snprintf(d->bad, sizeof(d->bad), "bitmap without its end mark");
	next(d, RP_HEAD);
}

void rp_feed(struct rp_decoder *d, const void *bytes, size_t len,
	     void (*on_request)(void *arg, const char *block, uint64_t offset, uint32_t length),
	     void *arg)
{
	const uint8_t *p = bytes;

	while (!d->bad[0] && !d->shut) {
		size_t n = len < d->skip ? len : (size_t)d->skip;

		p += n;
		len -= n;
		d->skip -= n;
		if (d->skip)
			return;
		n = wanted(d) - d->have;
		if (n > len)
			n = len;
		if (n) /* @bytes may be NULL if there are none */
			memcpy(d->bytes + d->have, p, n);
		p += n;
		len -= n;
		d->have += n;
		if (d->have < wanted(d))
			return;
		if (d->part == RP_HEAD)
			take_head(d);
		else if (d->part == RP_BODY)
			take_body(d, on_request, arg);
		else if (d->part == RP_BITMAP_SIZE)
			take_bitmap_size(d);
		else
			take_bitmap_end(d);
	}
}

bool rp_is_main_ram(const char *block)
{
	/* pc and q35; microvm; a memory backend `mem` by its id; any backend by its path. */
	return !strcmp(block, "pc.ram") || !strcmp(block, "microvm.ram") || !strcmp(block, "mem") ||
	       !strncmp(block, "/objects/", strlen("/objects/"));
}
