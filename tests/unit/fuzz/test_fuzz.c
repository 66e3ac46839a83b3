// SPDX-License-Identifier: BSD-2-Clause
// Programs as text and as drawn; comparing and making smaller, with a VM that is only played.
#include "tests/unit/unit.h"

#include "host/base/cleanup.h"
#include "host/fuzz/fuzz.h"
#include "host/fuzz/trace.h"

#include <string.h>

/* ---- text ----------------------------------------------------------------------------------- */

static void round_trip(void **state)
{
	uint64_t random = 1;
	struct program_lists p = {0}, changed, again;
	struct err e = {0};

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		auto_buf struct buf text = {0}, second = {0};

		if (i % 2)
			program_change(&changed, &p, &random);
		else
			program_draw(&changed, &random);
		p = changed;
		assert_true(program_count(p.l1) <= PROGRAM_STEPS);
		assert_true(program_count(p.l2) <= PROGRAM_STEPS);
		program_print(&p, &text);
		if (program_read(&again, buf_text(&text), &e))
			fail_msg("%s\n%s", e.text, text.p);
		program_print(&again, &second);
		assert_string_equal(buf_text(&text), buf_text(&second));
	}
}

static void same_seed(void **state)
{
	uint64_t a = 7, b = 7;
	struct program_lists p, q;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		program_draw(&p, &a);
		program_draw(&q, &b);
		assert_memory_equal(&p, &q, sizeof(p));
	}
}

static void bad_text(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"l3 sti\n", "line 1: 'l3' is none of l1, l2, apicv"},
		{"# all is well\nl2 dance\n", "line 2: l2 has no step 'dance'"},
		{"l1 sti\n", "l1 has no step 'sti'"},
		{"l1\n", "l1 has no step ''"},
		{"l2 write 1\n", "write has 2 operands"},
		{"l2 rdmsr x\n", "'x' is no operand of rdmsr"},
		{"l1 field GUEST_RIPP 1\n", "'GUEST_RIPP' is no operand of field"},
		{"l1 control CPU_HLT_EXITING maybe\n", "'maybe' is no operand of control"},
		{"l2 freeze nmi soon\n", "'soon' is no operand of freeze"},
	};
	auto_buf struct buf many = {0};
	struct program_lists p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		e.text[0] = '\0';
		assert_int_equal(program_read(&p, bad[i].text, &e), -1);
		assert_contains(e.text, bad[i].why);
	}
	for (unsigned i = 0; i <= PROGRAM_STEPS; i++)
		buf_printf(&many, "l2 cli\n");
	assert_int_equal(program_read(&p, buf_text(&many), &e), -1);
	assert_contains(e.text, "more than 48 steps of l2");
}

/* ---- a VM that is only played ---------------------------------------------------------------- */

#define PROGRAM_AT 0x1000
#define TRACE_AT   0x4000

static struct {
	uint8_t memory[0x10000];
	unsigned next; /* of L2's steps */
	bool restored, ended;
	unsigned flights, stuck_from; /* flights after which nothing comes; 0: never */
	bool noisy;		      /* no two traces are alike */
	enum act wakes;		      /* what ends HLT */
	bool woken;
	int64_t soon; /* what FREEZE_SOON was asked for, ns */
	struct vm_end end;
} vm;

static struct fuzz_vm played_vm;

static struct program_lists *given(void)
{
	return (void *)(vm.memory + PROGRAM_AT);
}

static struct program_trace *trace(void)
{
	return (void *)(vm.memory + TRACE_AT);
}

static bool has(const struct program_step *list, uint8_t op)
{
	for (; list->op; list++)
		if (list->op == op)
			return true;
	return false;
}

static uint8_t *memory(void *v, uint64_t *size)
{
	(void)v;
	*size = sizeof(vm.memory);
	return vm.memory;
}

/* The bug: an INT3 in front of which an MSR was written is another one behind a restore. */
static int stop_at(void *v, const struct freeze *freeze, const char *bytes)
{
	(void)v;
	if (freeze->at == FREEZE_SOON) {
		vm.soon = freeze->value;
		return VM_OK;
	}
	assert_int_equal(freeze->at, FREEZE_ASLEEP);
	if (*bytes) {
		vm.next = 0;
		vm.restored = false;
		vm.flights++;
		memset(trace(), 0, sizeof(*trace()));
	}
	if (vm.stuck_from && vm.flights >= vm.stuck_from)
		return VM_TIMEOUT;
	trace()->mark = 0;
	while (given()->l2[vm.next].op) {
		const struct program_step *s = &given()->l2[vm.next++];

		if (s->op == PROGRAM_FREEZE || s->op == PROGRAM_FREEZE_BEHIND) {
			trace()->mark = PROGRAM_MARK(s);
			return VM_PORT;
		}
		if (s->op == PROGRAM_HLT && !vm.woken) {
			vm.next--;
			return VM_OK;
		}
		if (s->op == PROGRAM_UD2 && vm.restored)
			return VM_ENDED;
	}
	trace()->exits = 1;
	trace()->words = 30;
	trace()->word[2] =
		vm.restored && has(given()->l2, PROGRAM_WRMSR) && has(given()->l2, PROGRAM_INT3)
			? 3
			: 18;
	trace()->word[5] = vm.noisy ? vm.flights : 0;
	trace()->done = 1;
	return VM_PORT;
}

static int act(void *v, const struct act_config *config, bool live)
{
	(void)v;
	assert_false(live);
	assert_int_not_equal(config->act, ACT_NONE);
	vm.woken |= config->act == vm.wakes;
	return VM_OK;
}

static int save(void *v, struct saved_vm *to, struct saved_state *state)
{
	(void)v;
	(void)to;
	(void)state;
	return VM_OK;
}

static int oracles(void *v, const struct snapshot *saved, struct oracle_report *report)
{
	(void)v;
	(void)saved;
	if (has(given()->l2, PROGRAM_STR))
		oracle_add(report, "in place", "REGS.rax", "expected %d, found %d", 1, 2);
	return VM_OK;
}

static int quit(void *v)
{
	(void)v;
	return VM_OK;
}

static int restore(void *v, const struct saved_vm *from)
{
	(void)v;
	vm.restored = true;
	return from == &played_vm.saved && has(given()->l2, PROGRAM_SIDT) ? VM_REFUSED : VM_OK;
}

static void *create(const struct vm_config *config)
{
	(void)config;
	return &vm;
}

static void destroy(void *v)
{
	(void)v;
}

static const struct vm_end *end_of(void *v)
{
	(void)v;
	snprintf(vm.end.text, sizeof(vm.end.text), "shut down");
	return &vm.end;
}

static const struct driver played = {.create = create,
				     .destroy = destroy,
				     .restore = restore,
				     .stop_at = stop_at,
				     .save = save,
				     .quit = quit,
				     .end = end_of,
				     .act = act,
				     .oracles = oracles,
				     .memory = memory};

static struct fuzz_compared c;

static int begin(void **state)
{
	(void)state;
	memset(&vm, 0, sizeof(vm));
	memset(&played_vm, 0, sizeof(played_vm));
	played_vm.driver = &played;
	played_vm.vm = &vm;
	played_vm.program_gpa = PROGRAM_AT;
	played_vm.trace_gpa = TRACE_AT;
	played_vm.oracles = true;
	return 0;
}

static enum fuzz_word compare(const char *text, int mark)
{
	struct program_lists p;
	struct err e = {0};

	if (program_read(&p, text, &e))
		fail_msg("%s", e.text);
	return fuzz_compare(&played_vm, &p, mark, false, &c);
}

static void compared(void **state)
{
	(void)state;
	assert_int_equal(compare("l2 sti\nl2 freeze nmi paused\nl2 cli\n", 0), FUZZ_ALIKE);
	assert_int_equal(compare("l2 sti\nl2 freeze alone paused\n", 1), FUZZ_NO_MARK);
	assert_int_equal(compare("l2 wrmsr 0x174 1\nl2 freeze alone paused\nl2 int3\n", 0),
			 FUZZ_FOUND);
	assert_string_equal(c.why, "exit 0 VM_EXIT_REASON: expected 0x12, found 0x3");
	assert_string_equal(c.kind, "alone: VM_EXIT_REASON");
	assert_int_equal(compare("l2 freeze alone paused\nl2 ud2\n", 0), FUZZ_FOUND);
	assert_string_equal(c.why, "the VM ended: shut down");
	assert_int_equal(compare("l2 freeze alone paused\nl2 sidt\n", 0), FUZZ_FOUND);
	assert_string_equal(c.kind, "alone: refused: ");
	assert_int_equal(compare("l2 freeze alone paused\nl2 str\n", 0), FUZZ_FOUND);
	assert_string_equal(c.why, "oracle in place: REGS.rax: expected 1, found 2");
	vm.stuck_from = vm.flights + 3;
	assert_int_equal(compare("l2 freeze alone paused\n", 0), FUZZ_FOUND);
	assert_string_equal(c.kind, "alone: no end");
	assert_int_equal(compare("l2 freeze alone paused\n", 0), FUZZ_DROPPED);
}

static void not_exact(void **state)
{
	(void)state;
	vm.noisy = true;
	assert_int_equal(compare("l2 freeze alone paused\n", 0), FUZZ_INEXACT);
	played_vm.program_gpa = sizeof(vm.memory) - 8;
	assert_int_equal(compare("l2 freeze alone paused\n", 0), FUZZ_ERROR);
	assert_contains(c.why, "where its program is");
}

/* Behind a mark, if the VM does not come to the next one before. */
static void behind(void **state)
{
	(void)state;
	assert_int_equal(compare("l2 freeze-behind alone 0x1234\n", 0), FUZZ_ALIKE);
	assert_int_equal(vm.soon, 0x1234);
	assert_true(vm.restored);
}

/* An L2 that sleeps without a mark is woken by an interrupt, else by an NMI, else given up. */
static void asleep(void **state)
{
	(void)state;
	vm.wakes = ACT_NMI;
	assert_int_equal(compare("l2 hlt\nl2 freeze alone paused\n", 0), FUZZ_ALIKE);
	assert_true(vm.woken);
	vm.woken = false;
	vm.wakes = ACT_NONE;
	assert_int_equal(compare("l2 hlt\nl2 freeze alone paused\n", 0), FUZZ_DROPPED);
}

/* What is left of a failure among many steps is what it needs, and nothing else. */
static void smaller(void **state)
{
	auto_buf struct buf text = {0};
	struct program_lists p;
	struct err e = {0};
	int mark = 1;

	(void)state;
	buf_printf(&text, "apicv\nl1 enter\nl1 invept\nl2 cli\nl2 freeze alone paused\nl2 wrmsr "
			  "0x174 0x1234\nl2 pause\n"
			  "l2 freeze nmi restored\nl2 cpuid 1\nl2 int3\nl2 sti\n");
	assert_int_equal(program_read(&p, buf_text(&text), &e), 0);
	assert_int_equal(fuzz_compare(&played_vm, &p, mark, false, &c), FUZZ_FOUND);
	fuzz_minimise(&played_vm, &p, &mark, &c);
	assert_int_equal(mark, 0);
	text.len = 0;
	program_print(&p, &text);
	assert_string_equal(buf_text(&text),
			    "l2 freeze alone paused\nl2 wrmsr 0x174 0x0\nl2 int3\n");
	assert_int_equal(fuzz_compare(&played_vm, &p, mark, true, &c), FUZZ_FOUND);
}

/* ---- traces ---------------------------------------------------------------------------------- */

static void count(void *arg, uint64_t feature)
{
	(void)feature;
	++*(unsigned *)arg;
}

static void traces(void **state)
{
	static struct program_trace a, b;
	auto_buf struct buf text = {0};
	unsigned features = 0;
	char name[64];

	(void)state;
	a.exits = b.exits = 1;
	a.words = b.words = 40;
	a.word[2] = b.word[2] = 18;
	assert_int_equal(trace_differs(&a, &b), -1);
	b.word[12] = 0x1234;
	assert_int_equal(trace_differs(&a, &b), 12);
	trace_name(&a, 12, name, sizeof(name));
	assert_string_equal(name, "exit 0 GUEST_RIP");
	trace_print(&a, &b, &text);
	assert_contains(text.p, "! exit 0 GUEST_RIP");
	assert_contains(text.p, "  exit 0 VM_EXIT_REASON");
	trace_features(&a, count, &features);
	assert_int_equal(features, 1);
	b = a;
	b.words++;
	assert_int_equal(trace_differs(&a, &b), 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(same_seed),
		cmocka_unit_test(bad_text),
		cmocka_unit_test_setup(compared, begin),
		cmocka_unit_test_setup(not_exact, begin),
		cmocka_unit_test_setup(behind, begin),
		cmocka_unit_test_setup(asleep, begin),
		cmocka_unit_test_setup(smaller, begin),
		cmocka_unit_test(traces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
