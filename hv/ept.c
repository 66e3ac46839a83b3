/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds EPT tables from the page pool; every table page is announced. */
#include "hv/ept.h"
#include "lib/cpu.h"
#include "lib/page.h"

#define EPT_RWX	    7ull
#define EPT_WB	    (6ull << 3)
#define EPTP_WALK_4 (3ull << 3)
#define EPTP_WB	    6ull
#define EPT_ADDR    0x000ffffffffff000ull

uint64_t *ept_new(void)
{
	return page_alloc_named("EPT table");
}

void ept_map(uint64_t *root, uint64_t gpa, const void *page)
{
	uint64_t *table = root;

	for (unsigned shift = 39; shift > 12; shift -= 9) {
		uint64_t *entry = &table[gpa >> shift & 511];

		if (!(*entry & EPT_RWX))
			*entry = page_gpa(page_alloc_named("EPT table")) | EPT_RWX;
		table = (uint64_t *)(*entry & EPT_ADDR);
	}
	*ept_leaf(root, gpa) = page_gpa(page) | EPT_WB | EPT_RWX;
}

uint64_t *ept_leaf(uint64_t *root, uint64_t gpa)
{
	uint64_t *table = root;

	for (unsigned shift = 39; shift > 12; shift -= 9)
		table = (uint64_t *)(table[gpa >> shift & 511] & EPT_ADDR);
	return &table[gpa >> 12 & 511];
}

uint64_t ept_pointer(const uint64_t *root)
{
	return page_gpa(root) | EPTP_WALK_4 | EPTP_WB;
}
