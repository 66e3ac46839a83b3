/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells the host which pages play which role: `page` of docs/protocol.md. */
#ifndef HV_PAGE_NAMES_H
#define HV_PAGE_NAMES_H

#include "lib/page.h"

/* Announces that @pages pages from @addr play the role @name (SDM name where there is one). */
void page_announce(const char *name, const void *addr, size_t pages);

/* page_alloc(), announced. */
void *page_alloc_named(const char *name);

/* From now on no page is announced: nobody is there who asks for it, and each line takes time. */
void page_announce_nothing(void);

#endif
