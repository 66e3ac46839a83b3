// SPDX-License-Identifier: BSD-2-Clause
// The short account of a saved state.
#include "host/snapshot/saved_state.h"

#include <linux/kvm.h>
#include <string.h>

bool saved_l2_active(const struct saved_state *state)
{
	return state->nested && (state->flags & KVM_STATE_NESTED_GUEST_MODE);
}

void kvm_state_summary(const struct snapshot *s, struct saved_state *state)
{
	const struct snapshot_section *mp = snapshot_find(s, "MP_STATE");
	const struct snapshot_section *section = snapshot_find(s, "NESTED_STATE");
	const struct kvm_nested_state *nested;

	memset(state, 0, sizeof(*state));
	if (mp && mp->len >= sizeof(struct kvm_mp_state))
		state->mp_state = ((const struct kvm_mp_state *)mp->data)->mp_state;
	if (!section || section->len < sizeof(*nested))
		return;
	nested = section->data;
	state->flags = nested->flags;
	state->format = nested->format;
	state->size = nested->size;
	state->vmxon_pa = nested->hdr.vmx.vmxon_pa;
	state->vmcs12_pa = nested->hdr.vmx.vmcs12_pa;
	state->nested = state->vmxon_pa != ~0ull;
}
