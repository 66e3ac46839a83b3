// SPDX-License-Identifier: BSD-2-Clause
// In which states the freezes of a foreign guest found it.
#include "host/guest/guest_states.h"
#include "host/guest/guest.h"
#include "host/snapshot/proof.h"
#include "host/snapshot/saved_state.h"

static const struct {
	const char *name, *proof;
} states[] = {
#define S(name, proof, text) {name, proof},
#include "host/guest/guest_states.def"
#undef S
};

uint32_t guest_states_of(const struct snapshot *s)
{
	uint32_t met = 0;

	for (unsigned vcpu = 0; vcpu < kvm_vcpus_saved(s); vcpu++) {
		struct snapshot part = kvm_vcpu_part(s, vcpu);
		struct err e = {0};

		for (unsigned i = 0; i < ARRAY_SIZE(states); i++)
			if (proof_check(&part, states[i].proof, &e) == 1)
				met |= 1u << i;
		kvm_vcpu_part_free(&part);
	}
	return met;
}

const char *guest_state_name(unsigned n)
{
	return n < ARRAY_SIZE(states) ? states[n].name : NULL;
}

void guest_states_text(const struct flight_result *r, struct buf *text)
{
	for (unsigned i = 0; i < ARRAY_SIZE(states); i++) {
		unsigned count = 0;

		for (unsigned n = 0; r->hop && n < r->hops; n++)
			count += r->hop[n].taken && r->hop[n].states & 1u << i;
		if (count)
			buf_printf(text, "%s%s %u", text->len ? ", " : "", states[i].name, count);
	}
}
