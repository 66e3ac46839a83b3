// SPDX-License-Identifier: BSD-2-Clause
// Saves several vCPUs into one snapshot. Reads one statistic of a vCPU while it runs: the
// descriptor, once open, needs no vCPU ioctl.
#include "host/kvm/kvm_vm.h"
#include "host/base/cleanup.h"
#include "host/snapshot/saved_state.h"

#include <string.h>

#define NAME_MAX_LEN 256 /* more than KVM's names take */

/* Whether section @name is about the VM, not a vCPU. */
static bool is_vm_wide(const char *name)
{
	static const char *const names[] = {
#define P(name, file, get, set, type) #file[1] == 'm' ? #name : "",
#include "host/kvm/kvm_parts.def"
#undef P
		"IRQCHIP",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

struct kvm_fds kvm_vcpu_fds(const struct kvm_vm *vm, unsigned vcpu)
{
	return (struct kvm_fds){vm->fds.kvm, vm->fds.vm, vm->vcpu[vcpu].fd, vm->fds.saving};
}

static int save_second(const struct kvm_vm *vm, struct snapshot *s, struct err *e)
{
	const struct kvm_fds fds = kvm_vcpu_fds(vm, 1);
	struct snapshot own = {0};
	char name[SNAPSHOT_NAME_MAX];
	int ret = kvm_state_save(&fds, &own, e);

	for (unsigned i = 0; !ret && i < own.sections; i++) {
		const struct snapshot_section *section = &own.section[i];

		if (is_vm_wide(section->name))
			continue;
		snprintf(name, sizeof(name), VCPU1_PREFIX "%.30s", section->name);
		snapshot_add(s, name, section->data, section->len);
	}
	snapshot_free(&own);
	return ret;
}

int kvm_vcpus_save(const struct kvm_vm *vm, struct snapshot *s, struct err *e)
{
	int ret = kvm_state_save(&vm->fds, s, e);

	return !ret && vm->vcpus > 1 ? save_second(vm, s, e) : ret;
}

int64_t kvm_stats_read(int fd, const char *name)
{
	struct kvm_stats_header h;
	auto_free struct kvm_stats_desc *desc = NULL;
	int64_t value;
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
		return pread(fd, &value, sizeof(value), h.data_offset + (off_t)desc->offset) ==
				       sizeof(value)
			       ? value
			       : -1;
	}
	return -1;
}
