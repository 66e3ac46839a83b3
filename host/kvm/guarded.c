// SPDX-License-Identifier: BSD-2-Clause
// Mappings that end with a guard page. A free one of the usual size waits for its next use: making
// and ending a mapping takes longer than most of the ioctls that they are for.
#include "host/kvm/guarded.h"
#include "host/base/util.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE  4096u
#define USUAL (4 * PAGE) /* bytes before the guard page */

static uint8_t *spare; /* a mapping of the usual size, or NULL */

/* Bytes before the guard page for @size bytes and, in front of them, that number. */
static size_t room_for(size_t size)
{
	size += sizeof(size);
	return size <= USUAL ? USUAL : (size + PAGE - 1) / PAGE * PAGE;
}

static uint8_t *map(size_t room)
{
	uint8_t *at =
		mmap(NULL, room + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || mprotect(at + room, PAGE, PROT_NONE)) {
		perror("midflight: memory");
		exit(2);
	}
	return at;
}

void *guarded_alloc(size_t size)
{
	size_t room = room_for(size);
	uint8_t *at = room == USUAL ? __atomic_exchange_n(&spare, NULL, __ATOMIC_ACQUIRE) : NULL;

	if (!at)
		at = map(room);
	memcpy(at + room - size - sizeof(size), &size, sizeof(size));
	return memset(at + room - size, 0, size);
}

void *guarded_copy(const void *data, size_t size)
{
	return memcpy(guarded_alloc(size), data, size);
}

void guarded_free(void *p)
{
	uint8_t *at = p;
	size_t size, room;

	if (!p)
		return;
	memcpy(&size, at - sizeof(size), sizeof(size));
	room = room_for(size);
	at += size - room;
	if (room == USUAL)
		at = __atomic_exchange_n(&spare, at, __ATOMIC_ACQ_REL);
	if (at)
		munmap(at, room + PAGE);
}
