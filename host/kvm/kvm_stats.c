// SPDX-License-Identifier: BSD-2-Clause
// Reads one statistic of a vCPU while it runs: the descriptor, once open, needs no vCPU ioctl.
#include "host/kvm/kvm_vm.h"

#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_LEN 256 /* more than KVM's names take */

int64_t kvm_stats_read(int fd, const char *name)
{
	struct kvm_stats_header h;
	struct kvm_stats_desc *desc;
	int64_t value = -1;
	size_t size;

	if (fd < 0 || pread(fd, &h, sizeof(h), 0) != sizeof(h) || !h.name_size ||
	    h.name_size > NAME_MAX_LEN)
		return -1;
	size = sizeof(*desc) + h.name_size;
	desc = xcalloc(1, size + 1);
	for (uint32_t i = 0; i < h.num_desc; i++) {
		if (pread(fd, desc, size, h.desc_offset + (off_t)(i * size)) != (ssize_t)size)
			break;
		if (strcmp(desc->name, name))
			continue;
		if (pread(fd, &value, sizeof(value), h.data_offset + (off_t)desc->offset) !=
		    sizeof(value))
			value = -1;
		break;
	}
	free(desc);
	return value;
}
