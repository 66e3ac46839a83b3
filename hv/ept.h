/* SPDX-License-Identifier: BSD-2-Clause */
/* EPT: 4-level tables; SDM, "The Extended Page-Table Mechanism (EPT)". */
#ifndef HV_EPT_H
#define HV_EPT_H

#include <stdint.h>

/* Bits of EPT entries. */
#define EPT_R	     (1ull << 0)
#define EPT_W	     (1ull << 1)
#define EPT_X	     (1ull << 2)
#define EPT_RWX	     (EPT_R | EPT_W | EPT_X)
#define EPT_PS	     (1ull << 7)
#define EPT_ACCESSED (1ull << 8)
#define EPT_DIRTY    (1ull << 9)
#define EPT_ADDRESS  0x000ffffffffff000ull

/* Bits of the EPT pointer; its page-walk length stands in bits 5:3, minus 1. */
#define EPTP_WB	     6ull
#define EPTP_WALK(n) (((n)-1ull) << 3)
#define EPTP_AD	     (1ull << 6)

/* An empty EPT root. */
uint64_t *ept_new(void);

/* Maps L2 physical page @gpa to L1 page @page, read/write/execute, write-back. */
void ept_map(uint64_t *root, uint64_t gpa, const void *page);

enum { EPT_SHIFT_2M = 21, EPT_SHIFT_1G = 30 };

/* Maps the L2 physical range of 1 << @shift bytes at @gpa to L1 physical memory at @l1_gpa. */
void ept_map_large(uint64_t *root, uint64_t gpa, uint64_t l1_gpa, unsigned shift);

/* The leaf entry that maps 4-KiB page @gpa; the tables down to it must be there. */
uint64_t *ept_leaf(uint64_t *root, uint64_t gpa);

/* The EPT_POINTER field for @root. */
uint64_t ept_pointer(const uint64_t *root);

#endif
