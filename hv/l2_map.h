/* SPDX-License-Identifier: BSD-2-Clause */
/* Further pages for an L2: single pages at L2 addresses of the scenario's choice. */
#ifndef HV_L2_MAP_H
#define HV_L2_MAP_H

#include "hv/l2.h"

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

#endif
