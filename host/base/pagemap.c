// SPDX-License-Identifier: BSD-2-Clause
// /proc/self/pagemap (Documentation/admin-guide/mm/pagemap.rst).
#include "host/base/pagemap.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int pagemap_open(void)
{
	return open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
}

void pagemap_read(int fd, const uint8_t *memory, uint64_t *entry, size_t n)
{
	const off_t at = (off_t)((uintptr_t)memory / PAGEMAP_PAGE * sizeof(*entry));

	if (fd < 0 || pread(fd, entry, n * sizeof(*entry), at) != (ssize_t)(n * sizeof(*entry)))
		memset(entry, 0xff, n * sizeof(*entry));
}
