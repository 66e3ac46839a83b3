// SPDX-License-Identifier: BSD-2-Clause
// Copies guest memory for the driver's own snapshots. Most of a small VM's memory was never
// touched: the kernel knows which, and reading it would only make it map pages of zeros.
#include "host/kvm/kvm_vm.h"
#include "host/base/cleanup.h"
#include "host/base/pagemap.h"

#include <string.h>

#define PAGEMAP_CHUNK 512

static bool is_zero(const uint8_t *p)
{
	uint64_t first;

	memcpy(&first, p, sizeof(first));
	return !first && !memcmp(p, p + sizeof(first), SNAPSHOT_PAGE - sizeof(first));
}

static void save_page(uint8_t **copy, const uint8_t *page, bool there)
{
	if (!there || is_zero(page)) {
		free(*copy);
		*copy = NULL;
		return;
	}
	if (!*copy)
		*copy = xrealloc(NULL, SNAPSHOT_PAGE);
	memcpy(*copy, page, SNAPSHOT_PAGE);
}

void kvm_memory_save(struct snapshot *s, const uint8_t *memory, uint64_t size)
{
	uint64_t entry[PAGEMAP_CHUNK], pages = size / SNAPSHOT_PAGE;
	auto_close int fd = pagemap_open();

	if (s->memory_size != size)
		snapshot_alloc_memory(s, size);
	for (uint64_t i = 0; i < pages; i++) {
		if (i % PAGEMAP_CHUNK == 0)
			pagemap_read(fd, memory + i * SNAPSHOT_PAGE, entry,
				     pages - i < PAGEMAP_CHUNK ? pages - i : PAGEMAP_CHUNK);
		save_page(&s->page[i], memory + i * SNAPSHOT_PAGE,
			  entry[i % PAGEMAP_CHUNK] & PAGEMAP_THERE);
	}
}

void kvm_memory_restore(const struct snapshot *s, uint8_t *memory)
{
	for (uint64_t i = 0; i < s->memory_size / SNAPSHOT_PAGE; i++)
		if (s->page[i])
			memcpy(memory + i * SNAPSHOT_PAGE, s->page[i], SNAPSHOT_PAGE);
}
