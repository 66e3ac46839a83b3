// SPDX-License-Identifier: BSD-2-Clause
// The short account of a saved state, its MSRs, and one of its vCPUs as if that were alone.
#include "host/snapshot/saved_state.h"

#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_LEN (sizeof(VCPU1_PREFIX) - 1)

bool saved_l2_active(const struct saved_state *state)
{
	return state->nested && (state->flags & KVM_STATE_NESTED_GUEST_MODE);
}

void kvm_state_summary(const struct snapshot *s, struct saved_state *state)
{
	const struct kvm_mp_state *mp = snapshot_data(s, "MP_STATE", sizeof(*mp));
	const struct kvm_nested_state *nested = snapshot_data(s, "NESTED_STATE", sizeof(*nested));

	memset(state, 0, sizeof(*state));
	if (mp)
		state->mp_state = mp->mp_state;
	if (!nested)
		return;
	state->flags = nested->flags;
	state->format = nested->format;
	state->size = nested->size;
	state->vmxon_pa = nested->hdr.vmx.vmxon_pa;
	state->vmcs12_pa = nested->hdr.vmx.vmcs12_pa;
	state->nested = state->vmxon_pa != ~0ull;
}

struct kvm_msr_entry *saved_msr(const struct snapshot *s, uint64_t index)
{
	const struct snapshot_section *section = snapshot_find(s, "MSRS");
	struct kvm_msr_entry *entry = section ? section->data : NULL;

	for (size_t n = section ? section->len / sizeof(*entry) : 0; n--; entry++)
		if (entry->index == index)
			return entry;
	return NULL;
}

const char *msr_name(uint32_t index, char *text, size_t size)
{
	static const struct {
		uint32_t index;
		const char *name;
	} names[] = {
#define M(name, index) {index, #name},
#include "lib/msr.def"
#undef M
	};

	snprintf(text, size, "0x%x", index);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].index == index)
			snprintf(text, size, "%s", names[i].name);
	return text;
}

unsigned kvm_vcpus_saved(const struct snapshot *s)
{
	return snapshot_find(s, VCPU1_PREFIX "REGS") ? 2 : 1;
}

struct snapshot kvm_vcpu_part(const struct snapshot *s, unsigned vcpu)
{
	struct snapshot part = {.memory_size = s->memory_size, .page = s->page};

	part.section = xcalloc(s->sections, sizeof(*part.section));
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
