// SPDX-License-Identifier: BSD-2-Clause
// Programs without KVM: what is taken out of them, and which differences are known.
#include "tests/unit/unit.h"

#include "host/base/cleanup.h"
#include "host/fuzz/bare_parts.h"
#include "host/fuzz/program.h"
#include "host/fuzz/trace.h"

#include <string.h>

static void taken_out(void **state)
{
	static const struct {
		const char *step;
		unsigned taken;
	} steps[] = {
		{"l2 freeze alone paused", 1},
		{"l1 freeze nmi restored", 1},
		{"l2 freeze-behind init 0x123", 1},
		{"l1 freeze-behind alone 0x123", 1},
		{"l1 field EPT_POINTER 0x1018", 1},
		{"l1 field EPT_POINTER 0x1026", 0},
		{"l2 insn mwait 0x0", 1},
		{"l2 insn monitor 0x1", 1},
		{"l2 insn monitor 0x0", 0},
		{"l2 insn invd 0x1", 0},
		{"l1 page VIRTUAL_APIC_PAGE_ADDR nowhere", 1},
		{"l1 page POSTED_INTR_DESC_ADDR nowhere", 1},
		{"l1 page VIRTUAL_APIC_PAGE_ADDR ones", 0},
		{"l1 page MSR_BITMAP nowhere", 0},
		{"l2 rdmsr 0x480", 1},
		{"l2 rdmsr 0x174", 0},
		{"l2 wrmsr 0xc0000103 0x7", 0},
		{"l2 wrmsr 0xc0000103 0x100000007", 1},
		{"l2 rdmsr 0xc0000103", 0},
		{"l1 entry-load 0x176 0x8000000000000000", 1},
		{"l1 entry-load 0x176 0xffff800000000000", 0},
		{"l1 self-ipi 0xf", 1},
		{"l2 self-ipi 0x10", 0},
		{"l1 post 0xf", 0},
		{"l1 field GUEST_ACTIVITY_STATE 0x2", 1},
		{"l1 field GUEST_ACTIVITY_STATE 0x1", 0},
		{"l1 field GUEST_IA32_DEBUGCTL 0x1", 1},
		{"l1 enter", 0},
	};
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct program_lists p;

		assert_int_equal(program_read(&p, steps[i].step, &e), 0);
		if (bare_prepare(&p) != steps[i].taken)
			fail_msg("%s", steps[i].step);
		assert_int_equal(program_count(p.l1) + program_count(p.l2), 1 - steps[i].taken);
	}
}

/* The number of word @name of @t. */
static unsigned place(const struct program_trace *t, const char *name)
{
	for (unsigned i = 0; i < t->words; i++) {
		char text[64];

		trace_name(t, i, text, sizeof(text));
		if (!strcmp(text, name))
			return i;
	}
	fail_msg("no word %s", name);
	return 0;
}

/* What is known of a @program that has left @kvm and @bare in @word, with one exit of @reasons. */
static const char *known(const char *program, const uint64_t reasons[2], const char *word,
			 uint64_t kvm, uint64_t bare)
{
	auto_free struct program_trace *a = xcalloc(1, sizeof(*a)), *b = xcalloc(1, sizeof(*b));
	struct program_record r = {.exits = 1};
	struct err e = {0};

	assert_int_equal(program_read(&r.lists, program, &e), 0);
	*a = (struct program_trace){.exits = 1, .words = 400};
	*b = *a;
	a->word[place(a, "exit 0 VM_EXIT_REASON")] = reasons[0];
	b->word[place(a, "exit 0 VM_EXIT_REASON")] = reasons[1];
	a->word[place(a, word)] = kvm;
	b->word[place(a, word)] = bare;
	return bare_known(&r, a, b, place(a, word));
}

static void known_ones(void **state)
{
	static const uint64_t same[] = {10, 10}, invalid[] = {0x80000021, 0x80000021},
			      triple[] = {10, 2};
	static const char load[] = "l1 entry-load 0x174 0x7", int1[] = "l1 inject privileged 0x1",
			  nothing[] = "l2 cpuid 0x1", nmi[] = "exit 0 GUEST_INTERRUPTIBILITY_INFO",
			  reason[] = "exit 0 VM_EXIT_REASON", cs[] = "end GUEST_SYSENTER_CS";

	(void)state;
	assert_string_equal(known(int1, triple, reason, 10, 2), "KVM bug: injected-int1-lost");
	assert_null(known(nothing, triple, reason, 10, 2));
	assert_null(known(int1, same, reason, 10, 18));
	assert_string_equal(known(int1, same, "exit 0 l2_saw", 4, 5),
			    "KVM bug: injected-int1-lost");
	assert_null(known(int1, same, "exit 0 l2_saw", 5, 4));
	assert_string_equal(known(load, invalid, reason, 0x80000022, 0x80000021),
			    "KVM bug: failed-entry-loads-msrs");
	assert_null(known(load, invalid, reason, 0x80000021, 0x80000022));
	assert_string_equal(known(load, invalid, cs, 7, 0), "KVM bug: failed-entry-loads-msrs");
	assert_null(known(load, same, cs, 7, 0));
	assert_null(known(nothing, invalid, cs, 7, 0));
	assert_string_equal(known(nothing, same, nmi, 0, 8), "KVM limit: iret-unblocks-nmi");
	assert_null(known(nothing, same, nmi, 8, 0));
	assert_null(known(nothing, same, nmi, 0, 9));
}

/* Those of the steps that came later. */
static void known_ones_of_more_steps(void **state)
{
	static const uint64_t same[] = {10, 10}, faults[] = {0, 0}, mtf[] = {2, 37},
			      no_mtf[] = {37, 2}, cr[] = {28, 30}, no_cr[] = {30, 28};
	static const char other[] = "l1 inject other 0x0", lmsw[] = "l2 insn lmsw 0x1",
			  nothing[] = "l2 cpuid 0x1", reason[] = "exit 0 VM_EXIT_REASON",
			  rflags[] = "exit 0 GUEST_RFLAGS";

	(void)state;
	assert_string_equal(known(other, mtf, reason, 2, 37),
			    "KVM bug: injected-monitor-trap-lost");
	assert_null(known(other, no_mtf, reason, 37, 2));
	assert_null(known(nothing, mtf, reason, 2, 37));
	assert_string_equal(known(lmsw, cr, reason, 28, 30), "KVM bug: cr-read-shadow-lost");
	assert_null(known(lmsw, no_cr, reason, 30, 28));
	assert_null(known(nothing, cr, reason, 28, 30));
	assert_string_equal(known(nothing, faults, rflags, 0x46, 0x10046),
			    "KVM bug: fault-exit-without-rf");
	assert_null(known(nothing, faults, rflags, 0x10046, 0x46));
	assert_null(known(nothing, faults, rflags, 0x46, 0x10047));
	assert_null(known(nothing, same, rflags, 0x46, 0x10046));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken_out),
		cmocka_unit_test(known_ones),
		cmocka_unit_test(known_ones_of_more_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
