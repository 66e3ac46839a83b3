/* SPDX-License-Identifier: BSD-2-Clause */
/* L1's side of L2's half `steps`: its steps, and L2's memory as L1 and as L2 see it. */
#ifndef HV_STEPS_H
#define HV_STEPS_H

#include "hv/l2.h"
#include "l2guest/steps.h"
#include "lib/cpu.h"
#include "lib/string.h"

/* What L2 does next, up to its telling point 1. */
#define L2_STEPS(l2, ...)                                 \
	l2_set_steps(l2, (const uint64_t[]){__VA_ARGS__}, \
		     sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))
static inline void l2_set_steps(struct l2 *l2, const uint64_t *steps, size_t n)
{
	memset(l2->shared->arg, 0, sizeof(l2->shared->arg));
	memcpy(l2->shared->arg, steps, n * sizeof(*steps));
}

/* L2 virtual address of L2's data page @i. */
static inline uint64_t l2_data_va(const struct l2 *l2, unsigned i)
{
	return l2->shared->data_va + i * PAGE_SIZE;
}

/* L2's own page-table entry for @va; the page tables lie in reverse order (l2guest/layout.h). */
static inline uint64_t *l2_pte(const struct l2 *l2, uint64_t va)
{
	return l2->tables - (L2_TABLE_PAGES - 1) * (PAGE_SIZE / 8) + (va >> 12 & 511);
}

/* L2 virtual address of that entry. */
static inline uint64_t l2_pte_va(const struct l2 *l2, uint64_t va)
{
	unsigned page = L2_DATA_PAGES + L2_STACK_PAGES + L2_TABLE_PAGES - 1;

	return l2_data_va(l2, page) + (va >> 12 & 511) * 8;
}

#define PTE_ADDRESS 0x000ffffffffff000ull

/* L2 physical address of L2's data page @i. */
static inline uint64_t l2_data_gpa(const struct l2 *l2, unsigned i)
{
	return *l2_pte(l2, l2_data_va(l2, i)) & PTE_ADDRESS;
}

#endif
