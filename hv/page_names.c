/* SPDX-License-Identifier: BSD-2-Clause */
/* Announces pages to the host. */
#include "hv/page_names.h"
#include "lib/ktap.h"

static bool announcing = true;

void page_announce(const char *name, const void *addr, size_t pages)
{
	if (announcing)
		ktap_event("page", "name=\"%s\" gpa=0x%lx pages=%lu", name, page_gpa(addr), pages);
}

void *page_alloc_named(const char *name)
{
	void *p = page_alloc();

	page_announce(name, p, 1);
	return p;
}

void page_announce_nothing(void)
{
	announcing = false;
}
