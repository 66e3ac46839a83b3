/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds EPT tables from the page pool; every table page is announced. */
#include "hv/ept.h"
#include "hv/page_names.h"
#include "lib/cpu.h"

#define EPT_WB	   (6ull << 3)
#define ROOT_SHIFT 39
#define LEAF_SHIFT 12

uint64_t *ept_new(void)
{
	return page_alloc_named("EPT table");
}

/* The entry for @gpa in the table whose entries map 1 << @shift bytes each. */
static uint64_t *entry_at(uint64_t *root, uint64_t gpa, unsigned shift)
{
	uint64_t *table = root;

	for (unsigned s = ROOT_SHIFT; s > shift; s -= 9)
		table = (uint64_t *)(table[gpa >> s & 511] & EPT_ADDRESS);
	return &table[gpa >> shift & 511];
}

static void map(uint64_t *root, uint64_t gpa, uint64_t leaf, unsigned shift)
{
	for (unsigned s = ROOT_SHIFT; s > shift; s -= 9) {
		uint64_t *entry = entry_at(root, gpa, s);

		if (!(*entry & EPT_RWX))
			*entry = page_gpa(ept_new()) | EPT_RWX;
	}
	*entry_at(root, gpa, shift) = leaf | EPT_WB | EPT_RWX;
}

void ept_map(uint64_t *root, uint64_t gpa, const void *page)
{
	map(root, gpa, page_gpa(page), LEAF_SHIFT);
}

void ept_map_large(uint64_t *root, uint64_t gpa, uint64_t l1_gpa, unsigned shift)
{
	map(root, gpa, l1_gpa | EPT_PS, shift);
}

uint64_t *ept_leaf(uint64_t *root, uint64_t gpa)
{
	return entry_at(root, gpa, LEAF_SHIFT);
}

uint64_t ept_pointer(const uint64_t *root)
{
	return page_gpa(root) | EPTP_WALK(4) | EPTP_WB;
}
