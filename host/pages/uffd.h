/* SPDX-License-Identifier: BSD-2-Clause */
/* userfaultfd(2) as far as this folder uses it. */
#ifndef HOST_PAGES_UFFD_H
#define HOST_PAGES_UFFD_H

#include <linux/userfaultfd.h>
#include <stdint.h>

/* Newer than the headers of Debian 12. */
#ifndef UFFDIO_POISON
#define _UFFDIO_POISON 0x08
struct uffdio_poison {
	struct uffdio_range range;
	uint64_t mode;
	int64_t updated;
};
#define UFFDIO_POISON _IOWR(UFFDIO, _UFFDIO_POISON, struct uffdio_poison)
#endif

#endif
