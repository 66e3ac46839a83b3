/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of a VM that L0 keeps when the VM is gone. KVM takes references to pages of the guest, for
 * vmcs12's pages as long as L2 runs; one that it forgets is lost to the machine. No count of free
 * memory tells of one page, so each page of the guest is looked at by itself: when it was mapped
 * nowhere else and is given back, it is anonymous memory no more (/proc/kpageflags). That is exact,
 * and takes root.
 */
#ifndef HOST_L0_L0_PAGES_H
#define HOST_L0_L0_PAGES_H

#include "host/l1/page_names.h"
#include "host/snapshot/oracle.h"

#define L0_PAGES "leak" /* the oracle's name */

struct l0_pages;

/* Which page of L0's is where in a VM's private, anonymous @memory; NULL if that is not told. */
struct l0_pages *l0_pages_of(const uint8_t *memory, uint64_t size);

/* Behind the end of VM and memory: remembers those that are still held. Frees @pages. */
void l0_pages_gone(struct l0_pages *pages);

/*
 * Adds a finding for each page that was remembered since the last call, by its role in @names
 * (NULL: nobody knows it).
 */
void l0_pages_read(struct oracle_report *report, const struct page_names *names);

#endif
