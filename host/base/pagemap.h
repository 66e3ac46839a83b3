/* SPDX-License-Identifier: BSD-2-Clause */
/* Which pages of this process are in memory, and where: /proc/self/pagemap. */
#ifndef HOST_BASE_PAGEMAP_H
#define HOST_BASE_PAGEMAP_H

#include <stddef.h>
#include <stdint.h>

#define PAGEMAP_PAGE	4096
#define PAGEMAP_THERE	(3ull << 62) /* in memory, or swapped out */
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_PFN	((1ull << 55) - 1) /* 0 for who may not know */

/* The file; -1: it cannot be read. */
int pagemap_open(void);

/* What it says of the @n pages from @memory on; all ones if it says nothing or @fd is -1. */
void pagemap_read(int fd, const uint8_t *memory, uint64_t *entry, size_t n);

#endif
