/* SPDX-License-Identifier: BSD-2-Clause */
/* 4-KiB pages from a fixed pool in L1's image; L1 runs identity-mapped, so address = L1 GPA. */
#ifndef LIB_PAGE_H
#define LIB_PAGE_H

#include <stddef.h>
#include <stdint.h>

/* A zeroed page. Ends the run with an `error` event when the pool is empty. Never freed. */
void *page_alloc(void);

/* @n zeroed pages in a row. */
void *page_alloc_n(size_t n);

/* Gives all pages back; no pointer to one may be used afterwards. */
void page_free_all(void);

static inline uint64_t page_gpa(const void *p)
{
	return (uint64_t)p;
}

#endif
