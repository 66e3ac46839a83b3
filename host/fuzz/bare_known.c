// SPDX-License-Identifier: BSD-2-Clause
// Differences between KVM and the CPU that are known; docs/fuzz.md tells of each.
#include "host/fuzz/bare_parts.h"
#include "host/fuzz/steps.h"
#include "host/fuzz/trace.h"
#include "l2guest/layout.h"

#include <string.h>

enum at {
#define V(name) AT_##name,
#define X(name) AT_##name,
#include "l2guest/program_trace.def"
#undef X
#undef V
	PER_EXIT
};

#define INVALID_STATE	 0x80000021 /* exit reasons of VM entries that fail */
#define MSR_LOADING	 0x80000022
#define TRIPLE_FAULT	 2
#define PIN_VIRTUAL_NMIS (1u << 5)
#define BLOCKING_BY_NMI	 8
#define PRIVILEGED	 5 /* type of event */
#define SOFT_EXCEPTION	 6
#define INT3		 3
#define FAIL_VALID	 2 /* enum l2_entry_result */
#define OTHER		 7
#define EXCEPTION	 0
#define EXTERNAL	 1
#define CR_ACCESS	 28
#define MTF		 37
#define RF		 (1u << 16)
#define HLT		 1 /* activity state */
#define SHADOW		 3 /* of STI, of MOV SS */

/* The first word in which two traces differ. */
struct place {
	const struct program_record *r;
	const struct program_trace *kvm, *bare;
	unsigned word, exit; /* exit: r->exits if it is behind them */
};

static bool is(const struct place *p, enum at at)
{
	return p->exit < p->kvm->exits && p->word % PER_EXIT == at;
}

/* Of the exit in which they differ. */
static uint64_t of_bare(const struct place *p, enum at at)
{
	return p->exit < p->bare->exits ? p->bare->word[p->exit * PER_EXIT + at] : 0;
}

/* Word @name of @t, as trace_name() has it. */
static uint64_t named(const struct program_trace *t, const char *name)
{
	char text[64];

	for (unsigned i = t->exits * PER_EXIT; i < t->words; i++) {
		trace_name(t, i, text, sizeof(text));
		if (!strcmp(text, name))
			return t->word[i];
	}
	return 0;
}

/* Whether L1 has a step @op whose .a is @a; -1: any. */
static bool has_step(const struct place *p, unsigned op, int a)
{
	for (const struct program_step *s = p->r->lists.l1; s->op; s++)
		if (s->op == op && (a < 0 || s->a == a))
			return true;
	return false;
}

static bool is_int1(const struct place *p)
{
	if (p->exit >= p->kvm->exits || !has_step(p, PROGRAM_INJECT, PRIVILEGED))
		return false;
	return (p->word % PER_EXIT <= AT_l2_saw &&
		of_bare(p, AT_l2_saw) == p->kvm->word[p->exit * PER_EXIT + AT_l2_saw] + 1) ||
	       of_bare(p, AT_VM_EXIT_REASON) == TRIPLE_FAULT ||
	       (of_bare(p, AT_IDT_VECTORING_INFO_FIELD) >> 31 &&
		!(p->kvm->word[p->exit * PER_EXIT + AT_IDT_VECTORING_INFO_FIELD] >> 31)) ||
	       (of_bare(p, AT_IDT_VECTORING_INFO_FIELD) >> 8 & 7) == PRIVILEGED;
}

static bool is_early_load(const struct place *p)
{
	bool failed = false;

	for (unsigned i = 0; i < p->bare->exits; i++)
		failed |= p->bare->word[i * PER_EXIT + AT_VM_EXIT_REASON] == INVALID_STATE;
	return failed && has_step(p, PROGRAM_ENTRY_LOAD, -1) &&
	       (p->exit == p->kvm->exits ||
		(is(p, AT_VM_EXIT_REASON) && p->kvm->word[p->word] == MSR_LOADING));
}

static bool is_nmi_unblocked(const struct place *p)
{
	return is(p, AT_GUEST_INTERRUPTIBILITY_INFO) &&
	       (p->kvm->word[p->word] ^ p->bare->word[p->word]) == BLOCKING_BY_NMI &&
	       p->bare->word[p->word] & BLOCKING_BY_NMI &&
	       !(named(p->kvm, "end PIN_BASED_VM_EXEC_CONTROL") & PIN_VIRTUAL_NMIS);
}

static bool is_exit_in_shadow(const struct place *p)
{
	const uint64_t *w = &p->kvm->word[p->exit * PER_EXIT];

	return is(p, AT_GUEST_RIP) && w[AT_VM_EXIT_REASON] == EXTERNAL &&
	       w[AT_GUEST_INTERRUPTIBILITY_INFO] & SHADOW &&
	       !(of_bare(p, AT_GUEST_INTERRUPTIBILITY_INFO) & SHADOW);
}

static bool is_posted_early(const struct place *p)
{
	static const char irr[] = "end L1 IRR 7";
	const uint64_t notification = 1ull << L2_NOTIFICATION_VECTOR % 32;

	_Static_assert(L2_NOTIFICATION_VECTOR / 32 == 7, "in that word of IRR");
	return (is(p, AT_GUEST_INTR_STATUS) || p->exit == p->kvm->exits) &&
	       named(p->bare, irr) & notification && !(named(p->kvm, irr) & notification);
}

static bool is_mtf_lost(const struct place *p)
{
	return is(p, AT_VM_EXIT_REASON) && has_step(p, PROGRAM_INJECT, OTHER) &&
	       p->bare->word[p->word] == MTF && p->kvm->word[p->word] != MTF;
}

/* An instruction that faults under L1's exception bitmap: RF as on the stack of a handler. */
static bool is_without_rf(const struct place *p)
{
	return is(p, AT_GUEST_RFLAGS) && of_bare(p, AT_VM_EXIT_REASON) == EXCEPTION &&
	       (p->kvm->word[p->word] ^ p->bare->word[p->word]) == RF &&
	       p->bare->word[p->word] & RF;
}

/* L2 reads the bits that L1 owns as they are, and writes them back. */
static bool is_lmsw(const struct place *p)
{
	bool has = false;
	char name[64];

	for (const struct program_step *s = p->r->lists.l2; s->op; s++)
		has |= s->op == PROGRAM_INSN && s->a % PROGRAM_INSNS == PROGRAM_INSN_LMSW;
	trace_name(p->kvm, p->word, name, sizeof(name));
	if (has && !strncmp(name, "end L2 saw ", strlen("end L2 saw ")))
		return !((p->kvm->word[p->word] ^ p->bare->word[p->word]) &
			 ~named(p->kvm, "end CR0_GUEST_HOST_MASK"));
	return has && is(p, AT_VM_EXIT_REASON) && p->kvm->word[p->word] == CR_ACCESS &&
	       p->bare->word[p->word] != CR_ACCESS;
}

/* The lower vector ends L2 at once; where is not looked at. */
static bool is_notification_lost(const struct place *p)
{
	const uint64_t *w = &p->kvm->word[p->exit * PER_EXIT];

	return (is(p, AT_GUEST_RIP) || is(p, AT_GUEST_INTR_STATUS)) &&
	       has_step(p, PROGRAM_POST, -1) && w[AT_VM_EXIT_REASON] == EXTERNAL &&
	       of_bare(p, AT_VM_EXIT_REASON) == EXTERNAL &&
	       (of_bare(p, AT_GUEST_INTR_STATUS) & 0xff) >= (w[AT_GUEST_INTR_STATUS] & 0xff) &&
	       named(p->kvm, "end posted-interrupt descriptor 0") !=
		       named(p->bare, "end posted-interrupt descriptor 0");
}

/* One that is not INT3: as a hardware exception it has no such vector, or lacks its error code. */
static bool injects_soft(const struct place *p)
{
	for (const struct program_step *s = p->r->lists.l1; s->op; s++)
		if (s->op == PROGRAM_INJECT && s->a == SOFT_EXCEPTION && s->b != INT3)
			return true;
	return false;
}

/* KVM injects it again as a hardware exception. */
static bool is_retyped(const struct place *p)
{
	return is(p, AT_entry) && p->kvm->word[p->word] == FAIL_VALID && !p->bare->word[p->word] &&
	       injects_soft(p);
}

/* Delivered, L2 goes on anywhere. */
static bool is_retyped_without_end(const struct place *p)
{
	for (unsigned i = 0; i < p->kvm->exits; i++)
		if (p->kvm->word[i * PER_EXIT + AT_entry] == FAIL_VALID)
			return injects_soft(p);
	return false;
}

static bool is_awake(const struct place *p)
{
	return is(p, AT_GUEST_ACTIVITY_STATE) && !p->kvm->word[p->word] &&
	       p->bare->word[p->word] == HLT;
}

static bool is_called(const struct place *p, const char *name)
{
	char text[64];

	trace_name(p->kvm, p->word, text, sizeof(text));
	return !strcmp(text, name);
}

/* An entry in HLT with an event, or a shadow, that this state does not allow. */
static bool is_let_in(const struct place *p)
{
	return is(p, AT_VM_EXIT_REASON) && p->bare->word[p->word] == INVALID_STATE &&
	       !(p->kvm->word[p->word] >> 31) && of_bare(p, AT_GUEST_ACTIVITY_STATE) == HLT &&
	       (of_bare(p, AT_VM_ENTRY_INTR_INFO_FIELD) >> 31 ||
		of_bare(p, AT_GUEST_INTERRUPTIBILITY_INFO) & SHADOW);
}

static bool is_vector_0(const struct place *p)
{
	return is_called(p, "end virtual-APIC page 0") &&
	       (has_step(p, PROGRAM_POST, 0) || has_step(p, PROGRAM_PIR, 0));
}

static const struct {
	const char *id;
	bool (*is)(const struct place *p);
} known[] = {{"KVM bug: injected-int1-lost", is_int1},
	     {"KVM bug: injected-monitor-trap-lost", is_mtf_lost},
	     {"KVM bug: fault-exit-without-rf", is_without_rf},
	     {"KVM bug: cr-read-shadow-lost", is_lmsw},
	     {"KVM bug: failed-entry-loads-msrs", is_early_load},
	     {"KVM limit: iret-unblocks-nmi", is_nmi_unblocked},
	     {"KVM bug: interrupt-exit-in-shadow", is_exit_in_shadow},
	     {"KVM limit: posted-before-entry", is_posted_early},
	     {"KVM bug: notification-lost-to-lower-vector", is_notification_lost},
	     {"KVM bug: posted-vector-0-stays", is_vector_0},
	     {"KVM bug: soft-exception-retyped", is_retyped},
	     {"KVM bug: pending-event-forgets-hlt", is_awake},
	     {"KVM limit: entry-in-hlt-unchecked", is_let_in}};

const char *bare_known(const struct program_record *r, const struct program_trace *kvm,
		       const struct program_trace *bare, unsigned word)
{
	const struct place p = {.r = r,
				.kvm = kvm,
				.bare = bare,
				.word = word,
				.exit = word / PER_EXIT < kvm->exits ? word / PER_EXIT
								     : kvm->exits};

	/* INT1 that comes has L2 begin an instruction again, for ever. */
	if (!bare)
		return has_step(&p, PROGRAM_INJECT, PRIVILEGED) ? known[0].id
		       : is_retyped_without_end(&p)		? "KVM bug: soft-exception-retyped"
								: NULL;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].is(&p))
			return known[i].id;
	return NULL;
}
