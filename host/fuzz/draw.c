// SPDX-License-Identifier: BSD-2-Clause
// Draws programs: near to valid ones, as most of what cannot be fails in the same dull way.
#include "host/fuzz/steps.h"

#include <fnmatch.h>
#include <stdlib.h>
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
	{"GUEST_CR3", {1ull << 63, 1ull << 50}},
	{"VM_FUNCTION_CONTROL", {1, 2}},
	{"EPT_POINTER", {0x1018, 0x1026, 0x10000000000001e}},
	{"GUEST_TR_SELECTOR", {0x4c}},
	{"TSC_MULTIPLIER", {1ull << 48, 1ull << 47}},
	{"XSS_EXIT_BITMAP", {1, ~0ull}},
	{"GUEST_PML_INDEX", {1, 511, 512}},
};

/* Fields of which a page of L1's is a value. None into which a VM exit would write at
 * PROGRAM_NOWHERE. */
static const char *const of_pages[] = {
	"IO_BITMAP_A",		 "IO_BITMAP_B", "MSR_BITMAP",	     "VIRTUAL_APIC_PAGE_ADDR",
	"POSTED_INTR_DESC_ADDR", "PML_ADDRESS", "EPTP_LIST_ADDRESS", "VMREAD_BITMAP",
	"VMWRITE_BITMAP",

	"VM_ENTRY_MSR_LOAD_ADDR"};

/*
 * What goes together, as chance alone hardly ever has it: steps of L1 for one VM entry, then of L2.
 */
static const char *const together[] = {
	"l1 control PIN_PREEMPTION_TIMER yes\nl1 field VMX_PREEMPTION_TIMER_VALUE 0\n",
	"l1 control CPU2_RDSEED_EXITING yes\nl2 insn rdseed 0\n",
	"l1 control CPU2_RDRAND_EXITING yes\nl2 insn rdrand 0\n",
	"l1 control CPU_RDTSC_EXITING yes\nl2 insn rdtsc 0\nl2 insn rdtscp 0\n",
	"l1 control CPU_MWAIT_EXITING yes\nl1 control CPU_MONITOR_EXITING yes\nl2 insn monitor "
	"0\nl2 insn mwait 0\n",
	"l1 control CPU2_INVPCID yes\nl1 control CPU_INVLPG_EXITING yes\nl2 insn invpcid 2\nl2 "
	"invlpg 1\n",
	"l1 field CR0_GUEST_HOST_MASK 0x9\nl1 field CR0_READ_SHADOW 0\nl2 insn lmsw 0x1\nl2 insn "
	"smsw 0\n",
	"l1 control CPU2_VMFUNC yes\nl1 field VM_FUNCTION_CONTROL 1\nl1 page EPTP_LIST_ADDRESS "
	"eptp-list\n"
	"l2 insn vmfunc 1\nl2 read 1\n",
	"l1 control CPU2_PML yes\nl1 ept-ad yes\nl1 page PML_ADDRESS zeros\nl1 field "
	"GUEST_PML_INDEX 1\n"
	"l2 write 1 1\nl2 write 2 1\nl2 write 3 1\n",
	"l1 control CPU_IO_BITMAPS yes\nl1 page IO_BITMAP_A ones\nl1 page IO_BITMAP_B ones\nl2 "
	"insn rep-outs 3\nl2 insn in-high 0\n",
	"l1 control CPU2_DESC yes\nl2 insn lgdt 0\nl2 insn lidt 0\nl2 insn sldt 0\n",
	"l1 control CPU_PAUSE_EXITING yes\nl2 pause\n",
	"l1 control CPU_CR3_LOAD_EXITING yes\nl2 load-cr3\n",
	"l1 control CPU_MONITOR_TRAP_FLAG yes\n",
	"l1 control CPU_INTR_WINDOW_EXITING yes\nl2 sti\n",
	"l1 control CPU_NMI_WINDOW_EXITING yes\n",
	"l1 field GUEST_ACTIVITY_STATE 1\nl1 control CPU_INTR_WINDOW_EXITING yes\n",
	"l1 unmap-own 0\nl1 inject-code 13\n",
	"l1 unmap-own 1\nl1 inject external 0x51\n",
	"l1 unmap-own 0\nl1 inject nmi 2\n",
	"l1 unmap-own 0\nl2 int 0x51\nl2 int3\n",
	"l1 unmap-own 1\nl2 freeze irq paused\n",
	"l1 inject nmi 2\nl2 freeze-behind alone 0x800\nl2 insn iret 0\n",
	"l1 inject other 0\n",
	"l1 page VIRTUAL_APIC_PAGE_ADDR nowhere\nl1 entry-load 0x277 0x0606060606060606\nl1 "
	"exit-load 0x277 0x0007040600070406\n",
	"l1 exit-store 0x175\nl1 enter\nl1 field VM_EXIT_MSR_STORE_COUNT 0\n",
	"l1 field EXCEPTION_BITMAP 0x4000\nl1 unmap 2\nl2 read 2\n",
	"l1 control EXIT_HOST_64 no\n",
	"l1 control ENTRY_LOAD_EFER yes\nl1 field GUEST_IA32_EFER 0xd01\n",
	"l1 control ENTRY_LOAD_PERF_GLOBAL_CTRL yes\nl1 control EXIT_LOAD_PERF_GLOBAL_CTRL yes\n",
	"l2 sti\nl2 freeze irq paused\nl2 cli\n",
	"l1 inject exception 6\nl1 freeze-behind alone 0xc000\n",
	"l1 inject nmi 2\nl1 freeze-behind alone 0x10000\n",
	"l1 ept-ad yes\nl2 read 1\nl2 write 2 1\n",
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

static unsigned draw_field_of_page(uint64_t *random)
{
	return field_index(ONE_OF(random, of_pages));
}

static uint64_t draw_operand(char kind, uint64_t *random)
{
	static const uint32_t msrs[] = PROGRAM_MSRS;
	static const uint8_t vectors[] = {0x31, 0x41, 0x51, 0x52, 0x61, 0x91};
	static const uint8_t exceptions[] = {0, 1, 2, 3, 6, 13, 14};
	static const uint8_t types[] = {0, 2, 3, 3, 4, 5, 6, 7};

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
	case 'f':
		return draw_field_of_page(random);
	case 'z':
	case 'i':
	case 'o':
	case 'k':
		return random_below(random, step_words(kind));
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
#define ENTRY_BITS_MIN	15 /* 30 to 100 us behind L1's mark KVM is in its VM entry, in the lab */
#define ENTRY_BITS_MAX	17

/* A number of nanoseconds below 1 << @max, each power of two as likely. */
static uint64_t behind(unsigned min, unsigned max, uint64_t *random)
{
	return random_next(random) >> (64 - min - random_below(random, max - min + 1));
}

/* Only L2 sleeps, only what wakes it ends that, and only L2 takes any exception. */
static void mend_mark(struct program_step *s, uint64_t *random)
{
	if (s->op == PROGRAM_FREEZE_BEHIND || s->op == PROGRAM_L1_FREEZE_BEHIND)
		s->val = behind(BEHIND_BITS_MIN, BEHIND_BITS_MAX, random);
	if (s->op == PROGRAM_L1_FREEZE_BEHIND && random_below(random, 4))
		s->val = behind(ENTRY_BITS_MIN, ENTRY_BITS_MAX, random);
	if (s->op == PROGRAM_L1_FREEZE)
		s->b %= PROGRAM_ASLEEP;
	if ((s->op == PROGRAM_L1_FREEZE || s->op == PROGRAM_L1_FREEZE_BEHIND) &&
	    program_acts[s->a].act == ACT_EXCEPTION)
		s->a = 0; /* L1 would not survive it */
	if (s->op == PROGRAM_FREEZE && s->b >= PROGRAM_ASLEEP && !program_acts[s->a].act)
		s->a = (uint8_t)(1 + random_below(random, PROGRAM_ACTS - 1));
}

/* An event as its type has it, most often. */
static void mend_event(struct program_step *s, uint64_t *random)
{
	static const uint8_t vector_of[] = {0x41, 0, 2, 6, 0x51, 1, 3, 0};

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
	if (s->op == PROGRAM_VMX)
		s->val = random_below(random, 8);
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
	static const uint8_t ops[] = {PROGRAM_FREEZE,	     PROGRAM_FREEZE,
				      PROGRAM_FREEZE_BEHIND, PROGRAM_FREEZE_BEHIND,
				      PROGRAM_L1_FREEZE,     PROGRAM_L1_FREEZE_BEHIND};
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

/* Some that go together: L1's for one of its VM entries, L2's in a row. */
static void insert_together(struct program_lists *p, uint64_t *random)
{
	struct program_lists some;
	struct err e = {0};
	unsigned l1 = (unsigned)random_below(random, program_count(p->l1) + 1),
		 l2 = (unsigned)random_below(random, program_count(p->l2) + 1);

	if (program_read(&some, ONE_OF(random, together), &e))
		abort(); /* a text of ours: its unit test reads them all */
	for (unsigned i = 0; i < program_count(some.l1); i++)
		insert(p->l1, l1 + i, &some.l1[i]);
	for (unsigned i = 0; i < program_count(some.l2); i++)
		insert(p->l2, l2 + i, &some.l2[i]);
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
	for (n = (unsigned)random_below(random, 3); n; n--)
		insert_together(p, random);
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
		switch (random_below(random, 4)) {
		case 3:
			insert_together(p, random);
			break;
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
