// SPDX-License-Identifier: BSD-2-Clause
// Looks at one of a snapshot's vCPUs as if it were alone.
#include "host/snapshot/snapshot_vcpus.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX_LEN (sizeof(VCPU1_PREFIX) - 1)

unsigned kvm_vcpus_saved(const struct snapshot *s)
{
	return snapshot_find(s, VCPU1_PREFIX "REGS") ? 2 : 1;
}

struct snapshot kvm_vcpu_part(const struct snapshot *s, unsigned vcpu)
{
	struct snapshot part = {.memory_size = s->memory_size, .page = s->page};

	part.section = xcalloc(s->sections ? s->sections : 1, sizeof(*part.section));
	for (unsigned i = 0; i < s->sections; i++) {
		const struct snapshot_section *from = &s->section[i];
		struct snapshot_section *to = &part.section[part.sections];
		bool second = !strncmp(from->name, VCPU1_PREFIX, PREFIX_LEN);

		if (second != (vcpu == 1))
			continue;
		*to = *from;
		if (second)
			snprintf(to->name, sizeof(to->name), "%s", from->name + PREFIX_LEN);
		part.sections++;
	}
	return part;
}

void kvm_vcpu_part_free(struct snapshot *part)
{
	free(part->section);
	memset(part, 0, sizeof(*part));
}
