// SPDX-License-Identifier: BSD-2-Clause
// What the bare emulated CPU and the one that KVM offers may differ in, each with its reason.
#include "host/fuzz/bare_parts.h"
#include "host/fuzz/steps.h"

#include <fnmatch.h>
#include <string.h>

/* Steps about these are taken out of both flights. */
static const struct {
	char kind; /* of the operand: m, an MSR; f, a field, by pattern */
	uint32_t msr;
	const char *field;
	const char *why;
} without[] = {
	{'m', 0x1d9, NULL, "the emulator has no IA32_DEBUGCTL"},
	{'f', 0, "*_DEBUGCTL", "the same"},
	{'f', 0, "*_PERF_GLOBAL_CTRL", "the emulator has no IA32_PERF_GLOBAL_CTRL"},
};

static bool is_without(const struct program_step *s)
{
	const char *kinds = step_infos[s->op % PROGRAM_OPS].operands;

	if (s->op == PROGRAM_FREEZE || s->op == PROGRAM_L1_FREEZE)
		return true; /* nobody freezes */
	for (unsigned n = 0; kinds[n]; n++) {
		const uint64_t value = step_operand(s, kinds[n], n);

		for (size_t i = 0; i < ARRAY_SIZE(without); i++) {
			if (without[i].kind != kinds[n])
				continue;
			if (kinds[n] == 'm' ? value == without[i].msr
					    : value < program_field_count &&
						      !fnmatch(without[i].field,
							       program_fields[value], 0))
				return true;
		}
	}
	return false;
}

unsigned bare_prepare(struct program_lists *p)
{
	unsigned taken = 0;

	for (int l1 = 1; l1 >= 0; l1--) {
		struct program_step *list = l1 ? p->l1 : p->l2;

		for (unsigned i = program_count(list); i-- > 0;) {
			if (!is_without(&list[i]))
				continue;
			program_drop(list, i);
			taken++;
		}
	}
	return taken;
}

/* Words of the trace. */
static const struct {
	const char *name, *why;
} may_differ[] = {
	{"end *_DEBUGCTL", "the emulator has no IA32_DEBUGCTL"},
};

const char *bare_may_differ(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(may_differ); i++)
		if (!fnmatch(may_differ[i].name, name, 0))
			return may_differ[i].why;
	return NULL;
}
