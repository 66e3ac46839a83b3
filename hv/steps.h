/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1's side of L2's half `steps`: its steps, L2's memory as L1 and as L2 see it, further pages for
 * it, and L2s that remember.
 */
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

/* ---- further pages, at L2 addresses of the scenario's choice ------------------------------- */

/* L2-virtual addresses that are free for it, and what they are most often mapped to. */
#define L2_SPARE_VA(i)	(L2_VA_BASE + 0x1f0000ull + (i)*4096ull)
#define L2_SPARE_GPA(i) (L2_GPA_BASE + 0x1f0000ull + (i)*4096ull)

/*
 * Maps L2-virtual page @va to L2-physical @gpa, and that to L1's @page, for an L2 with EPT. @va
 * lies in the 2 MiB from L2_VA_BASE.
 */
void l2_map(struct l2 *l2, uint64_t va, uint64_t gpa, const void *page);

/* Takes L2-physical @gpa out of the EPT. l2_map() brings it back. */
void l2_unmap(struct l2 *l2, uint64_t gpa);

/*
 * Gives L2 a copy of its IDT on a page of its own, at L2_SPARE_VA(0). L2 has run and built it. That
 * page, for l2_map() and expect_page().
 */
void *l2_own_idt(struct l2 *l2);

/* ---- L2s that remember, in memory and in an MSR: for scenarios that enter two by turns ------- */

/* Makes @l2, which remembers @val, and its VMCS the current one. */
void turns_create(struct l2 *l2, uint64_t val);

/*
 * Enters the current @l2, which must find @last and then remembers @val; with @freeze the VM is
 * frozen in it. False: a check failed.
 */
bool turns_take(struct l2 *l2, uint64_t last, uint64_t val, bool freeze);

/* Makes @l2 the current one. What was written to the other one's fields is no longer asked. */
bool turns_switch(const struct l2 *l2);

#endif
