// SPDX-License-Identifier: BSD-2-Clause
// Reads traces in the order in which hv/programs/program.c writes them.
#include "host/fuzz/trace.h"
#include "host/fuzz/steps.h"

#include <string.h>

static const char *const of_exit[] = {
#define V(name) #name,
#define X(name) #name,
#include "l2guest/program_trace.def"
#undef X
#undef V
};
#define PER_EXIT ARRAY_SIZE(of_exit)

enum {
#define V(name) AT_##name,
#define X(name) AT_##name,
#include "l2guest/program_trace.def"
#undef X
#undef V
};

/* Behind the exits and the VMCS fields: runs of words. */
static const struct {
	const char *name;
	unsigned count; /* 0: the last one, of any length */
} at_end[] = {{"L2 page", PROGRAM_PAGES},
	      {"EPT entry", PROGRAM_PAGES},
	      {"page of L1's", PROGRAM_PAGE_NOWHERE},
	      {"virtual-APIC page", 1},
	      {"posted-interrupt descriptor", 1},
	      {"MSR areas", 1},
	      {"L1 IRR", 8},
	      {"L1 ISR", 8},
	      {"L1 MSR", sizeof((uint32_t[]){PROGRAM_L1_MSRS}) / sizeof(uint32_t)},
	      {"L1 CR0", 1},
	      {"L1 CR4", 1},
	      {"L1 CR8", 1},
	      {"L1 DR", 5},
	      {"L2 saw", 0}};

void trace_name(const struct program_trace *t, unsigned i, char *text, size_t size)
{
	if (i < t->exits * PER_EXIT) {
		snprintf(text, size, "exit %u %s", i / (unsigned)PER_EXIT, of_exit[i % PER_EXIT]);
		return;
	}
	i -= t->exits * (unsigned)PER_EXIT;
	if (i < program_field_count) {
		snprintf(text, size, "end %s", program_fields[i]);
		return;
	}
	i -= program_field_count;
	for (size_t n = 0; n < ARRAY_SIZE(at_end); n++) {
		if (i < at_end[n].count || !at_end[n].count) {
			snprintf(text, size, "end %s %u", at_end[n].name, i);
			return;
		}
		i -= at_end[n].count;
	}
}

void trace_kind(const char *name, char *kind, size_t size)
{
	int skipped = 0;

	sscanf(name, "exit %*u %n", &skipped);
	name += skipped;
	snprintf(kind, size, "%.*s", (int)strcspn(name, "0123456789"), name);
}

int trace_differs(const struct program_trace *a, const struct program_trace *b)
{
	const unsigned words = a->words < b->words ? a->words : b->words;

	for (unsigned i = 0; i < words && i < ARRAY_SIZE(a->word); i++)
		if (a->word[i] != b->word[i])
			return (int)i;
	return a->words != b->words || a->exits != b->exits ? (int)words : -1;
}

void trace_print(const struct program_trace *a, const struct program_trace *b, struct buf *text)
{
	trace_print_as(a, b, "without snapshot", "with one", text);
}

void trace_print_as(const struct program_trace *a, const struct program_trace *b,
		    const char *name_a, const char *name_b, struct buf *text)
{
	const unsigned words = a->words > b->words ? a->words : b->words;

	buf_printf(text, "  %-44s %18s %18s\n", "word", name_a, name_b);
	for (unsigned i = 0; i < words && i < ARRAY_SIZE(a->word); i++) {
		const uint64_t left = i < a->words ? a->word[i] : 0,
			       right = i < b->words ? b->word[i] : 0;
		char name[64];

		trace_name(i < a->words ? a : b, i, name, sizeof(name));
		if (left || right)
			buf_printf(text, "%c %-44s %#18llx %#18llx\n", left == right ? ' ' : '!',
				   name, (unsigned long long)left, (unsigned long long)right);
	}
}

void trace_features(const struct program_trace *t, void (*take)(void *arg, uint64_t feature),
		    void *arg)
{
	uint64_t last = 0;
	unsigned log = t->exits * (unsigned)PER_EXIT + program_field_count;

	for (size_t i = 0; i < ARRAY_SIZE(at_end); i++)
		log += at_end[i].count;
	for (unsigned i = 0; i < t->exits && (i + 1) * PER_EXIT <= t->words; i++) {
		const uint64_t *w = &t->word[i * PER_EXIT];
		const uint64_t key[] = {last,
					w[AT_entry],
					w[AT_instruction_error],
					w[AT_VM_EXIT_REASON],
					w[AT_VM_EXIT_INTR_INFO] & 0x7ff,
					w[AT_IDT_VECTORING_INFO_FIELD] & 0x7ff,
					w[AT_GUEST_INTERRUPTIBILITY_INFO],
					w[AT_GUEST_ACTIVITY_STATE]};

		take(arg, hash_bytes(1, key, sizeof(key)));
		last = w[AT_VM_EXIT_REASON];
	}
	for (unsigned i = log; i < t->words && i < ARRAY_SIZE(t->word); i++) {
		const uint64_t event = t->word[i] & 0xffffffff;

		if (event >> 16 == PROGRAM_SAW_EXCEPTION || event >> 16 == PROGRAM_SAW_INTERRUPT)
			take(arg, hash_bytes(2, &event, sizeof(event)));
	}
}
