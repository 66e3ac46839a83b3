// SPDX-License-Identifier: BSD-2-Clause
// Draws programs: near to valid ones, as most of what cannot be fails in the same dull way.
#include "host/fuzz/steps.h"

#include <fnmatch.h>
#include <string.h>

#define ONE_OF(random, array) ((array)[random_below(random, ARRAY_SIZE(array))])

/* Fields with values of which at least some are good; 0 ends them. The rest of the table is drawn
 * seldom. */
static const struct {
	const char *field;
	uint64_t values[8];
} fields[] = {
	{"EXCEPTION_BITMAP", {0x2, 0x8, 0x40, 0x80, 0x2000, 0x4000, 0x604a}},
	{"PAGE_FAULT_ERROR_CODE_MASK", {1, 2, 0x10}},
	{"PAGE_FAULT_ERROR_CODE_MATCH", {1, 2, 0x10}},
	{"CR0_GUEST_HOST_MASK", {0x8, 0x20, 0x28, 0x10000, 0x4002a, ~0ull}},
	{"CR0_READ_SHADOW", {0x8, 0x20, 0x10000, 0x80050033}},
	{"CR4_GUEST_HOST_MASK", {0x4, 0x2000, 0x2048, 0x80, ~0ull}},
	{"CR4_READ_SHADOW", {0x4, 0x40, 0x2000, 0x80}},
	{"TPR_THRESHOLD", {1, 4, 15}},
	{"GUEST_ACTIVITY_STATE", {1, 1, 2}},
	{"GUEST_INTERRUPTIBILITY_INFO", {1, 2, 8, 9, 10}},
	{"GUEST_PENDING_DBG_EXCEPTIONS", {0x1, 0x4000, 0x1001, 0x5000}},
	{"GUEST_RFLAGS", {0x202, 0x102, 0x302, 0x2}},
	{"GUEST_SYSENTER_CS", {0x10, 0xffff}},
	{"GUEST_SYSENTER_ESP", {0x7000, 0xffff800000000000}},
	{"GUEST_SYSENTER_EIP", {0x8000, 0x7fffffffffff}},
	{"GUEST_IA32_PAT", {0x0007040600070406, 0x0606060606060606, 0x0107040600070406}},
	{"GUEST_IA32_EFER", {0x500, 0x501, 0xd01}},
	{"GUEST_DR7", {0x400, 0x401, 0x700, 0x403}},
	{"GUEST_IA32_DEBUGCTL", {1, 2, 3}},
	{"GUEST_FS_BASE", {0x1000, 0xffff900000000000}},
	{"GUEST_GS_BASE", {0x2000, 0xffffa00000000000}},
	{"GUEST_LDTR_AR_BYTES", {0x10000, 0x82}},
	{"GUEST_INTR_STATUS", {0x51, 0x5100, 0x6151, 0x91}},
	{"EOI_EXIT_BITMAP1", {~0ull, 0x3ffffffff}},
	{"EOI_EXIT_BITMAP2", {~0ull, 0x10001}},
	{"VIRTUAL_PROCESSOR_ID", {1, 0xffff}},
	{"VMX_PREEMPTION_TIMER_VALUE", {1, 0xffffffff}},
	{"VM_ENTRY_INSTRUCTION_LEN", {1, 2, 15, 16}},
	{"VM_ENTRY_EXCEPTION_ERROR_CODE", {1, 0xffff, 0x10000}},
	{"HOST_IA32_SYSENTER_ESP", {0x3000, 0xffffb00000000000}},
	{"HOST_IA32_SYSENTER_EIP", {0x4000}},
	{"HOST_FS_BASE", {0x5000, 0xffffc00000000000}},
	{"HOST_IA32_PAT", {0x0606060606060606, 0x0007040600070406}},
};

/*
 * Never drawn: addresses that KVM or the CPU would write to, and what L1 needs to live on or L2 to
 * go on with its steps.
 */
static const char *const never[] = {"*_ADDR*",	     "*_BITMAP",     "*_BITMAP_*",
				    "IO_BITMAP_?",   "EPT*",	     "*POINTER*",
				    "HOST_*",	     "GUEST_RIP",    "GUEST_RSP",
				    "*_MSR_*_COUNT", "GUEST_CR3",    "GUEST_*DTR_BASE",
				    "GUEST_TR_*",    "GUEST_CS_*",   "GUEST_SS_*",
				    "TSC_*",	     "POSTED_INTR*", "PID_*",
				    "PLE_*",	     "GUEST_PDPTR*", "SECONDARY_VM_EXIT*",
				    "VM_FUNCTION*",  "HLAT*"};

static unsigned field_index(const char *name)
{
	for (unsigned i = 0; i < program_field_count; i++)
		if (!strcmp(program_fields[i], name))
			return i;
	return 0;
}

static bool drawn(unsigned field)
{
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		if (!fnmatch(never[i], program_fields[field], 0))
			return false;
	return true;
}

/* 64 bits of any kind: a few, or many. */
static uint64_t any(uint64_t *random)
{
	const uint64_t bits = random_next(random);

	switch (random_below(random, 4)) {
	case 0:
		return bits & 0xff;
	case 1:
		return 1ull << (bits & 63);
	case 2:
		return bits & 0x7ffffffff000;
	default:
		return bits;
	}
}

static void draw_field(struct program_step *s, uint64_t *random)
{
	unsigned i = (unsigned)random_below(random, ARRAY_SIZE(fields) * 9 / 8), n = 0;

	if (i < ARRAY_SIZE(fields)) {
		while (n < ARRAY_SIZE(fields[i].values) && fields[i].values[n])
			n++;
		s->b = field_index(fields[i].field);
		n = (unsigned)random_below(random, n + 1);
		s->val = n < ARRAY_SIZE(fields[i].values) ? fields[i].values[n] : 0;
		return;
	}
	do
		s->b = (uint32_t)random_below(random, program_field_count);
	while (!drawn(s->b));
	s->val = any(random);
}

static uint64_t draw_operand(char kind, uint64_t *random)
{
	static const uint32_t msrs[] = PROGRAM_MSRS;
	static const uint8_t vectors[] = {0x31, 0x41, 0x51, 0x52, 0x61, 0x91};
	static const uint8_t exceptions[] = {0, 1, 2, 3, 6, 13, 14};
	static const uint8_t types[] = {0, 2, 3, 3, 4, 5, 6};

	switch (kind) {
	case 'v':
		return random_below(random, 4) ? ONE_OF(random, vectors)
					       : ONE_OF(random, exceptions);
	case 'm':
		return ONE_OF(random, msrs);
	case 'c':
		return random_below(random, program_control_count);
	case 't':
		return ONE_OF(random, types);
	case 'y':
		return random_below(random, 4) != 0;
	case 'a':
		return random_below(random, 2) ? 0 : random_below(random, PROGRAM_ACTS);
	case 'w':
		return random_below(random, PROGRAM_WHENS);
	case 'x':
		return any(random);
	default:
		return random_below(random, 8);
	}
}

#define BEHIND_BITS_MIN 9 /* 512 ns */
#define BEHIND_BITS_MAX 19

/* Only L2 sleeps, and only what wakes it ends that. */
static void mend_mark(struct program_step *s, uint64_t *random)
{
	if (s->op == PROGRAM_FREEZE_BEHIND || s->op == PROGRAM_L1_FREEZE_BEHIND)
		s->val = random_next(random) >>
			 (64 - BEHIND_BITS_MIN -
			  random_below(random, BEHIND_BITS_MAX - BEHIND_BITS_MIN + 1));
	if (s->op == PROGRAM_L1_FREEZE)
		s->b %= PROGRAM_ASLEEP;
	if (s->op == PROGRAM_FREEZE && s->b >= PROGRAM_ASLEEP && !program_acts[s->a].act)
		s->a = (uint8_t)(1 + random_below(random, PROGRAM_ACTS - 1));
}

/* An event as its type has it, most often. */
static void mend_event(struct program_step *s, uint64_t *random)
{
	static const uint8_t vector_of[] = {0x41, 0, 2, 6, 0x51, 1, 3};

	if (s->op == PROGRAM_INJECT && random_below(random, 8))
		s->b = vector_of[s->a % ARRAY_SIZE(vector_of)];
	if (s->op == PROGRAM_INJECT_CODE)
		s->a = random_below(random, 4) ? 13 : 14;
}

/* An MSR that an area may have with a good value, most often: else the entry fails, or L1 dies. */
static void mend_area(struct program_step *s, uint64_t *random)
{
	static const struct {
		uint32_t msr;
		uint64_t value[2];
	} good[] = {{0x174, {0x10, 0xffff}},
		    {0x175, {0x7000, 0xffff800000000000}},
		    {0x176, {0x8000, 0x7fffffffffff}},
		    {0x277, {0x0007040600070406, 0x0606060606060606}},
		    {0x1d9, {0, 1}},
		    {0xc0000080, {0x500, 0xd01}},
		    {0xc0000081, {0x0010000800000000, 0}},
		    {0xc0000082, {0x1000, 0xffff900000000000}},
		    {0xc0000084, {0x200, 0x47700}},
		    {0xc0000102, {0x2000, 0xffffa00000000000}},
		    {0xc0000103, {1, 0}}};
	const unsigned i = (unsigned)random_below(random, ARRAY_SIZE(good));

	if (s->op < PROGRAM_ENTRY_LOAD || s->op > PROGRAM_EXIT_LOAD || !random_below(random, 8))
		return;
	s->b = good[i].msr;
	if (s->op != PROGRAM_EXIT_STORE)
		s->val = ONE_OF(random, good[i].value);
}

static void draw_step(struct program_step *s, bool l1, uint64_t *random)
{
	const struct step_info *info;

	memset(s, 0, sizeof(*s));
	do
		s->op = (uint8_t)(1 + random_below(random, PROGRAM_OPS - 1));
	while (step_infos[s->op].l1 != l1 || s->op == PROGRAM_ENTER ||
	       ((s->op == PROGRAM_HLT || s->op == PROGRAM_STI_HLT) && random_below(random, 2)));
	info = &step_infos[s->op];
	if (l1 && random_below(random, 3) == 0)
		s->op = PROGRAM_FIELD, info = &step_infos[s->op];
	for (unsigned i = 0; info->operands[i]; i++)
		step_set_operand(s, info->operands[i], i, draw_operand(info->operands[i], random));
	if (s->op == PROGRAM_FIELD)
		draw_field(s, random);
	mend_event(s, random);
	mend_area(s, random);
	mend_mark(s, random);
}

/* Puts a step before step @i of @list, if there is room. */
static void insert(struct program_step *list, unsigned i, const struct program_step *s)
{
	const unsigned n = program_count(list);

	if (n >= PROGRAM_STEPS || i > n)
		return;
	memmove(list + i + 1, list + i, (n - i) * sizeof(*list));
	list[i] = *s;
}

static void append(struct program_step *list, bool l1, uint64_t *random)
{
	struct program_step s;

	draw_step(&s, l1, random);
	insert(list, program_count(list), &s);
}

/* A mark somewhere in what L2 does, or right before L1 enters it. */
static void insert_mark(struct program_lists *p, uint64_t *random)
{
	static const uint8_t ops[] = {PROGRAM_FREEZE, PROGRAM_FREEZE, PROGRAM_FREEZE_BEHIND,
				      PROGRAM_L1_FREEZE_BEHIND};
	struct program_step mark = {.op = ONE_OF(random, ops)};
	const bool l1 = step_infos[mark.op].l1;
	struct program_step *list = l1 ? p->l1 : p->l2;
	unsigned at = (unsigned)random_below(random, program_count(list) + 1);

	for (unsigned i = 0; step_infos[mark.op].operands[i]; i++) {
		const char kind = step_infos[mark.op].operands[i];

		step_set_operand(&mark, kind, i, draw_operand(kind, random));
	}
	mend_mark(&mark, random);
	while (l1 && list[at].op && list[at].op != PROGRAM_ENTER)
		at++;
	insert(list, at, &mark);
}

static bool has_mark(const struct program_lists *p)
{
	for (int l1 = 1; l1 >= 0; l1--)
		for (const struct program_step *s = l1 ? p->l1 : p->l2; s->op; s++)
			if (strchr(step_infos[s->op].operands, 'a'))
				return true;
	return false;
}

void program_draw(struct program_lists *p, uint64_t *random)
{
	const struct program_step enter = {.op = PROGRAM_ENTER};
	unsigned n;

	memset(p, 0, sizeof(*p));
	p->flags = random_below(random, 2) ? PROGRAM_APICV : 0;
	for (unsigned entries = (unsigned)random_below(random, 5); entries; entries--) {
		for (n = (unsigned)random_below(random, 4); n; n--)
			append(p->l1, true, random);
		insert(p->l1, program_count(p->l1), &enter);
	}
	for (n = 1 + (unsigned)random_below(random, 3); n; n--)
		append(p->l1, true, random);
	for (n = 3 + (unsigned)random_below(random, 10); n; n--)
		append(p->l2, false, random);
	for (n = 1 + (unsigned)random_below(random, 4); n; n--)
		insert_mark(p, random);
}

void program_change(struct program_lists *p, const struct program_lists *from, uint64_t *random)
{
	*p = *from;
	for (unsigned changes = 1 + (unsigned)random_below(random, 3); changes; changes--) {
		const bool l1 = random_below(random, 2);
		struct program_step *list = l1 ? p->l1 : p->l2, s;
		const unsigned n = program_count(list);

		draw_step(&s, l1, random);
		switch (random_below(random, 3)) {
		case 0:
			insert(list, (unsigned)random_below(random, n + 1), &s);
			break;
		case 1:
			if (n)
				program_drop(list, (unsigned)random_below(random, n));
			break;
		default:
			if (n)
				list[random_below(random, n)] = s;
		}
	}
	if (!has_mark(p))
		insert_mark(p, random);
}
