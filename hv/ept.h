/* SPDX-License-Identifier: BSD-2-Clause */
/* EPT: 4-level tables, 4-KiB leaves; SDM, "The Extended Page-Table Mechanism (EPT)". */
#ifndef HV_EPT_H
#define HV_EPT_H

#include <stdint.h>

/* An empty EPT root. */
uint64_t *ept_new(void);

/* Maps L2 physical page @gpa to L1 page @page, read/write/execute, write-back. */
void ept_map(uint64_t *root, uint64_t gpa, const void *page);

/* The leaf entry that maps @gpa; the tables down to it must be there. */
uint64_t *ept_leaf(uint64_t *root, uint64_t gpa);

/* The EPT_POINTER field for @root. */
uint64_t ept_pointer(const uint64_t *root);

#endif
