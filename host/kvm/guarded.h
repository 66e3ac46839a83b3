/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buffers for ioctls that end right before a page that cannot be touched: a kernel that reads or
 * writes more than it said gets EFAULT, and so do we (a SIGSEGV).
 */
#ifndef HOST_KVM_GUARDED_H
#define HOST_KVM_GUARDED_H

#include <stddef.h>

/*
 * @size bytes of zeros, more than 0, the last of them at the end of a page. Aligned for a type
 * whose size divides @size. Never NULL, as xcalloc().
 */
void *guarded_alloc(size_t size);

/* The same with a copy of @size bytes at @data. */
void *guarded_copy(const void *data, size_t size);

/* Gives it back; NULL is none. A variable that is auto_guarded does so at the end of its scope. */
void guarded_free(void *p);
#define auto_guarded __attribute__((cleanup(cleanup_guarded)))

static inline void cleanup_guarded(void *it)
{
	guarded_free(*(void **)it);
}

#endif
