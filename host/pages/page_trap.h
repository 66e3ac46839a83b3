/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes one page of guest memory away and tells when it is asked for, before it is given back: so a
 * vCPU can be stopped in the middle of what KVM does for it.
 */
#ifndef HOST_PAGES_PAGE_TRAP_H
#define HOST_PAGES_PAGE_TRAP_H

#include "host/base/util.h"

struct page_trap;

/*
 * @page: the host address of a page of anonymous memory that nobody touches meanwhile. @touched is
 * called once, in a thread of the trap's, while who asked still waits. NULL with @e filled.
 */
struct page_trap *page_trap_arm(void *page, void (*touched)(void *arg), void *arg, struct err *e);

/* Gives the page back if nobody has asked for it, and frees all. */
void page_trap_disarm(struct page_trap *t);

#endif
