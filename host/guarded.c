// SPDX-License-Identifier: BSD-2-Clause
// Maps each buffer on its own, with its guard page. They are few and short-lived.
#include "host/guarded.h"
#include "host/util.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u

static size_t whole_pages(size_t size)
{
	return (size + PAGE - 1) / PAGE * PAGE;
}

void *guarded_alloc(size_t size)
{
	size_t room = whole_pages(size);
	uint8_t *at =
		mmap(NULL, room + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || mprotect(at + room, PAGE, PROT_NONE)) {
		perror("midflight: memory");
		exit(2);
	}
	return at + room - size;
}

void *guarded_copy(const void *data, size_t size)
{
	return memcpy(guarded_alloc(size), data, size);
}

void guarded_free(void *p, size_t size)
{
	if (p)
		munmap((uint8_t *)p + size - whole_pages(size), whole_pages(size) + PAGE);
}
