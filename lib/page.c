/* SPDX-License-Identifier: BSD-2-Clause */
/* The page pool: a bump allocator, as every boot runs few scenarios and frees between them. */
#include "lib/page.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/string.h"

#define POOL_PAGES 160

static uint8_t pool[POOL_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static size_t used;

void *page_alloc_n(size_t n)
{
	void *p;

	if (used + n > POOL_PAGES)
		ktap_error_and_end("what=\"page pool is empty\" pages=%u", POOL_PAGES);
	p = pool[used];
	used += n;
	memset(p, 0, n * PAGE_SIZE);
	return p;
}

void *page_alloc(void)
{
	return page_alloc_n(1);
}

void page_free_all(void)
{
	used = 0;
}
