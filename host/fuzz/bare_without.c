// SPDX-License-Identifier: BSD-2-Clause
// What the bare emulated CPU and the one that KVM offers may differ in, each with its reason.
#include "host/fuzz/bare_parts.h"
#include "host/fuzz/steps.h"

#include <fnmatch.h>
#include <string.h>

static bool high_half(uint64_t val)
{
	return val >> 32;
}

static bool not_canonical(uint64_t val)
{
	return (uint64_t)((int64_t)(val << 16) >> 16) != val;
}

static bool class_0(uint64_t vector)
{
	return vector < 16;
}

static bool shutdown(uint64_t state)
{
	return state == 2;
}

static bool reserved_rights(uint64_t val)
{
	return val & ~0x1f0ffull;
}

static bool not_0(uint64_t val)
{
	return val;
}

static bool uncacheable(uint64_t eptp)
{
	return !(eptp & 7);
}

static bool nowhere(uint64_t kind)
{
	return kind == PROGRAM_PAGE_NOWHERE;
}

/* Steps about these are taken out of both flights. */
static const struct {
	enum { MSR, FIELD, SELF_IPI, INSN, PAGE } what;
	uint32_t msr;		     /* or the instruction */
	const char *field;	     /* pattern */
	bool (*value)(uint64_t val); /* only with such a value; NULL: any */
	const char *why;
} without[] = {
	{MSR, 0x48, NULL, NULL, "the emulator has no IA32_SPEC_CTRL, takes any value for it"},
	{MSR, 0x122, NULL, NULL, "nor IA32_TSX_CTRL"},
	{MSR, 0x10a, NULL, NULL, "nor IA32_ARCH_CAPABILITIES"},
	{MSR, 0x1d9, NULL, NULL, "nor IA32_DEBUGCTL"},
	{FIELD, 0, "*_DEBUGCTL", NULL, "nor IA32_DEBUGCTL"},
	{FIELD, 0, "*_PERF_GLOBAL_CTRL", NULL, "nor IA32_PERF_GLOBAL_CTRL"},
	{MSR, 0xc0000103, NULL, high_half, "the emulator takes reserved bits of IA32_TSC_AUX"},
	{MSR, 0xc0000084, NULL, high_half, "the emulator keeps 32 bits of IA32_FMASK"},
	{MSR, 0x480, NULL, NULL, "IA32_VMX_BASIC has KVM's own revision of the VMCS"},
	{MSR, 0x175, NULL, not_canonical,
	 "KVM makes it canonical, as AMD's CPUs do, nested or not"},
	{MSR, 0x176, NULL, not_canonical, "the same"},
	{SELF_IPI, 0, NULL, class_0, "KVM's APIC takes them for interrupts, nested or not"},
	{FIELD, 0, "GUEST_ACTIVITY_STATE", shutdown, "not in KVM's IA32_VMX_MISC"},
	{FIELD, 0, "CR3_TARGET_COUNT", not_0, "nor CR3 targets"},
	{FIELD, 0, "GUEST_*_AR_BYTES", reserved_rights, "KVM drops them, as some CPUs do"},
	{FIELD, 0, "GUEST_BNDCFGS", NULL, "it is there, but none of its controls in KVM"},
	{FIELD, 0, "EPT_POINTER", uncacheable, "KVM offers no EPT of that memory type"},
	{INSN, PROGRAM_INSN_MWAIT, NULL, NULL, "KVM has no MWAIT but a NOP, with any operand"},
	{INSN, PROGRAM_INSN_MONITOR, NULL, not_0, "the same of MONITOR's"},
	{PAGE, 0, "VIRTUAL_APIC_PAGE_ADDR", nowhere, "KVM refuses the entry, a CPU does not look"},
	{PAGE, 0, "POSTED_INTR_DESC_ADDR", nowhere, "KVM posts nothing, a CPU writes there"},
};

/* Whether operand @kind of value @value is what row @i is about. */
static bool is_operand(size_t i, char kind, uint64_t value)
{
	if (without[i].what == MSR)
		return kind == 'm' && value == without[i].msr;
	return without[i].what == FIELD && kind == 'f' && value < program_field_count &&
	       !fnmatch(without[i].field, program_fields[value], 0);
}

static bool is_about(const struct program_step *s, size_t i)
{
	const char *kinds = step_infos[s->op % PROGRAM_OPS].operands;

	if (without[i].what == INSN)
		return s->op == PROGRAM_INSN && s->a % PROGRAM_INSNS == without[i].msr &&
		       (!without[i].value || without[i].value(s->b % 8));
	if (without[i].what == PAGE)
		return s->op == PROGRAM_PAGE && s->b < program_field_count &&
		       !fnmatch(without[i].field, program_fields[s->b], 0) &&
		       without[i].value(s->a);
	if (without[i].what == SELF_IPI)
		return (s->op == PROGRAM_SELF_IPI || s->op == PROGRAM_L1_SELF_IPI) &&
		       without[i].value(s->a);
	for (unsigned n = 0; kinds[n]; n++)
		if (is_operand(i, kinds[n], step_operand(s, kinds[n], n)))
			return !without[i].value ||
			       (strchr(kinds, 'x') && without[i].value(s->val));
	return false;
}

static bool is_without(const struct program_step *s)
{
	if (strchr(step_infos[s->op % PROGRAM_OPS].operands, 'a'))
		return true; /* a mark: nobody freezes */
	for (size_t i = 0; i < ARRAY_SIZE(without); i++)
		if (is_about(s, i))
			return true;
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
_Static_assert(PROGRAM_PAGE_SHADOW == 3, "as the trace calls it");
static const struct {
	const char *name, *why;
} may_differ[] = {
	{"end *_DEBUGCTL", "the emulator has no IA32_DEBUGCTL"},
	{"end page of L1's 3", "KVM has a revision of the VMCS of its own, which is in that page"},
};

const char *bare_may_differ(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(may_differ); i++)
		if (!fnmatch(may_differ[i].name, name, 0))
			return may_differ[i].why;
	return NULL;
}
