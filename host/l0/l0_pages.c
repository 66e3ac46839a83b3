// SPDX-License-Identifier: BSD-2-Clause
// Finds pages that L0 keeps of a VM that is gone (Documentation/admin-guide/mm/pagemap.rst).
#include "host/l0/l0_pages.h"
#include "host/base/cleanup.h"
#include "host/base/pagemap.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <sys/mman.h>

#define CHUNK 512

#define KPF_MMAP (1ull << 11) /* linux/kernel-page-flags.h */
#define KPF_ANON (1ull << 12)

struct l0_pages {
	struct page {
		uint64_t pfn, gpa;
	} * page;
	size_t count;
};

static struct l0_pages held;

static void add(struct l0_pages *l, const struct page *page)
{
	if (l->count % CHUNK == 0)
		l->page = xrealloc(l->page, (l->count + CHUNK) * sizeof(*l->page));
	l->page[l->count++] = *page;
}

static void add_present(struct l0_pages *l, uint64_t gpa, const uint64_t *entry, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct page page = {entry[i] & PAGEMAP_PFN, gpa + i * PAGEMAP_PAGE};

		if (entry[i] & PAGEMAP_PRESENT && page.pfn && page.pfn != PAGEMAP_PFN)
			add(l, &page);
	}
}

struct l0_pages *l0_pages_of(const uint8_t *memory, uint64_t size)
{
	auto_close int fd = pagemap_open();
	struct l0_pages *l = xcalloc(1, sizeof(*l));
	uint64_t entry[CHUNK];

	for (uint64_t gpa = 0, n; gpa < size; gpa += n * PAGEMAP_PAGE) {
		n = (size - gpa) / PAGEMAP_PAGE;
		if (n > CHUNK)
			n = CHUNK;
		pagemap_read(fd, memory + gpa, entry, n);
		add_present(l, gpa, entry, n);
	}
	return l;
}

/* Anonymous memory that nobody has mapped, and that is not free. */
static bool is_held(int fd, const struct page *page)
{
	uint64_t flags;

	return pread(fd, &flags, sizeof(flags), (off_t)(page->pfn * sizeof(flags))) ==
		       sizeof(flags) &&
	       (flags & (KPF_ANON | KPF_MMAP)) == KPF_ANON;
}

/*
 * Each CPU keeps a few pages that it will put on Linux's lists together. MADV_COLD has one do it,
 * that on which it is called.
 */
static void drain(void)
{
	void *page = mmap(NULL, PAGEMAP_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	cpu_set_t own, one;

	if (page == MAP_FAILED || sched_getaffinity(0, sizeof(own), &own))
		return;
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &own))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (!sched_setaffinity(0, sizeof(one), &one))
			madvise(page, PAGEMAP_PAGE, MADV_COLD);
	}
	sched_setaffinity(0, sizeof(own), &own);
	munmap(page, PAGEMAP_PAGE);
}

void l0_pages_gone(struct l0_pages *l)
{
	auto_close int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	bool drained = false;

	for (size_t i = 0; fd >= 0 && i < l->count; i++) {
		if (!is_held(fd, &l->page[i]))
			continue;
		if (!drained)
			drain();
		drained = true;
		if (is_held(fd, &l->page[i]))
			add(&held, &l->page[i]);
	}
	free(l->page);
	free(l);
}

void l0_pages_read(struct oracle_report *report, const struct page_names *names)
{
	for (size_t i = 0; i < held.count; i++) {
		const uint64_t gpa = held.page[i].gpa;
		auto_free char *field = xasprintf("page 0x%" PRIx64, gpa);

		oracle_add(report, L0_PAGES, field, "%s: its VM is gone, and L0 keeps it",
			   names ? page_names_find(names, gpa) : "of the guest");
	}
	free(held.page);
	held = (struct l0_pages){0};
}
