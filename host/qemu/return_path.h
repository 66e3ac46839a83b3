/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What QEMU's migration destination sends back to the source (the return path), read while it
 * passes by: above all which pages it asks for in post-copy. Source: QEMU's migration/migration.c,
 * source_return_path_thread(), and migration/ram.c, ramblock_recv_bitmap_send().
 */
#ifndef HOST_QEMU_RETURN_PATH_H
#define HOST_QEMU_RETURN_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RP_HEAD_LEN 4	/* of a message: be16 type, be16 length of what follows */
#define RP_BODY_MAX 512 /* longest message that QEMU takes, without the head */

/* All zero at first. */
struct rp_decoder {
	enum { RP_HEAD, RP_BODY, RP_BITMAP_SIZE, RP_BITMAP_END } part; /* that is being filled */
	uint8_t bytes[RP_HEAD_LEN + RP_BODY_MAX];
	size_t have;	 /* bytes of the part */
	uint64_t skip;	 /* bytes of a bitmap before the next part */
	char block[256]; /* RAM block of the last request, "": none yet */
	bool shut;	 /* the destination has said that nothing more comes */
	char bad[96];	 /* why decoding has stopped for good; "": it has not */
};

/*
 * Decodes the next @len bytes, however they are cut. Calls @on_request for each page request:
 * @block is the name of the RAM block, @offset and @length are bytes in it, whole pages. What QEMU
 * itself would refuse sets @d->bad; from then on, and after the end, bytes are ignored.
 */
void rp_feed(struct rp_decoder *d, const void *bytes, size_t len,
	     void (*on_request)(void *arg, const char *block, uint64_t offset, uint32_t length),
	     void *arg);

/*
 * Whether RAM block @block is the machine's main memory: offset in it is guest-physical as long as
 * all memory lies below the PCI hole.
 */
bool rp_is_main_ram(const char *block);

#endif
