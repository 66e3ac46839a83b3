/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs made by chance (docs/fuzz.md): what L1 and L2 do, as two lists of steps that the host
 * writes into L1's memory, and the trace that L1 leaves there. The half `program` has its list in
 * L2's last data page and its log in the one before.
 */
#ifndef L2GUEST_PROGRAM_H
#define L2GUEST_PROGRAM_H

#include <stdint.h>

enum program_op {
	PROGRAM_END_OF_LIST,
#define S(id, who, word, operands, text) PROGRAM_##id,
#include "l2guest/program.def"
#undef S
	PROGRAM_OPS
};

enum program_insn {
#define I(id, word, text) PROGRAM_INSN_##id,
#include "l2guest/program_insns.def"
#undef I
	PROGRAM_INSNS
};

enum program_vmx_insn {
#define I(id, word) PROGRAM_VMX_##id,
#define W(id, word, text)
#include "l2guest/program_vmx.def"
#undef W
#undef I
	PROGRAM_VMX_INSNS
};

enum program_way {
#define I(id, word)
#define W(id, word, text) PROGRAM_WAY_##id,
#include "l2guest/program_vmx.def"
#undef W
#undef I
	PROGRAM_WAYS
};

enum program_page {
	PROGRAM_PAGE_ZEROS,
	PROGRAM_PAGE_ONES,
	PROGRAM_PAGE_EPTP_LIST, /* L2's EPTP, the same with the other A/D flag, 0 */
	PROGRAM_PAGE_SHADOW,	/* a shadow VMCS */
	PROGRAM_PAGE_NOWHERE,	/* no memory is there */
	PROGRAM_PAGE_KINDS
};
#define PROGRAM_NOWHERE 0xf00000000ull

struct program_step {
	uint8_t op, a;
	uint16_t reserved;
	uint32_t b;
	uint64_t val;
};

#define PROGRAM_STEPS 48 /* in each list, PROGRAM_END_OF_LIST behind the last one */
#define PROGRAM_PAGES 8	 /* of L2's data pages are for steps */
#define PROGRAM_APICV (1u << 0)

/* At the page "fuzz program". */
struct program_lists {
	uint32_t flags, reserved[3];
	struct program_step l1[PROGRAM_STEPS + 1], l2[PROGRAM_STEPS + 1];
};
_Static_assert(sizeof(struct program_lists) <= 4096, "in one page");

/* What L2 has seen: one of a step, an interrupt, or an exception. */
struct program_seen {
	uint32_t step; /* its number */
	uint16_t kind; /* PROGRAM_SAW_... */
	uint16_t vector;
	uint64_t val; /* what the step read; error code and CR2 of an exception */
};
enum { PROGRAM_SAW_VALUE = 1, PROGRAM_SAW_INTERRUPT, PROGRAM_SAW_EXCEPTION };
#define PROGRAM_SEEN 250
struct program_log {
	uint64_t count;
	uint64_t mark; /* as that of the trace: L2 is at a mark of its own */
	struct program_seen seen[PROGRAM_SEEN];
};
_Static_assert(sizeof(struct program_log) <= 4096, "in one page");

/* L2 tells this at its end. */
#define PROGRAM_TELLS_END 0x7e57

/* MSRs that every CPU here has; L1 reads them at the end. */
#define PROGRAM_L1_MSRS                                                                  \
	0x174, 0x175, 0x176, 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, \
		0xc0000102, 0x277, 0x1d9
/* Those of steps: none is of time, none makes L1 or L2 lose itself. */
#define PROGRAM_MSRS                                                                              \
	{                                                                                         \
		PROGRAM_L1_MSRS, 0xc0000103, 0x48, 0x122, 0x3a, 0x480, 0x10a, 0x808, 0x80b, 0x80a \
	}

/* What the CPU offers to L1: where KVM offers less, that is how L1 flies without KVM, too. */
#define PROGRAM_GROUPS	    6 /* of controls: enum vmx_group */
#define PROGRAM_FIELD_WORDS 4
struct program_offers {
	uint64_t may_be_1[PROGRAM_GROUPS];
	uint64_t ept_vpid_cap;
	uint64_t field[PROGRAM_FIELD_WORDS]; /* bit N: VMCS field N of the table is there */
};

/*
 * The trace, at the pages "fuzz trace": words in the order in which they came; names of what a word
 * is stand in program_trace.def.
 */
#define PROGRAM_TRACE_PAGES 6
#define PROGRAM_EXITS_MAX   48
struct program_trace {
	uint32_t done; /* 1: the program has come to its end */
	uint32_t exits;
	uint32_t words, reserved;
	uint64_t l2_log;  /* address of L2's */
	uint64_t pi_desc; /* of L2's posted-interrupt descriptor; 0: none */
	uint64_t mark;	  /* PROGRAM_MARK() of the step at which the host may freeze; 0: none */
	struct program_offers offers;
	uint64_t word[PROGRAM_TRACE_PAGES * 512 - 16];
};
/* When the host does what stands at a mark; behind those ASLEEP L2 does HLT with interrupts on. */
enum program_when {
	PROGRAM_PAUSED,
	PROGRAM_RESTORED,
	PROGRAM_ASLEEP,
	PROGRAM_ASLEEP_RESTORED,
	PROGRAM_WHENS
};
#define PROGRAM_MARK(step) \
	((uint64_t)1 << 63 | ((step)->val & 0xffffff) << 16 | (uint64_t)(step)->b << 8 | (step)->a)
#define PROGRAM_MARK_ACT(mark)	((mark)&0xff)
#define PROGRAM_MARK_WHEN(mark) ((mark) >> 8 & 0xff)
#define PROGRAM_MARK_NS(mark)                                               \
	((int64_t)((mark) >> 16 & 0xffffff)) /* to freeze so long behind it \
					      */
_Static_assert(sizeof(struct program_trace) == PROGRAM_TRACE_PAGES * 4096, "in its pages");

/*
 * Programs with the traces that they have left under KVM, as a multiboot module: the header, then
 * for each program a record and its @words words. L1 flies one after the other, and tells in what
 * its trace is another one (docs/protocol.md).
 */
#define PROGRAM_MODULE_MAGIC 0x31736d6172676f72 /* "rograms1" */
struct program_module {
	uint64_t magic;
	uint32_t count, reserved;
	struct program_offers offers;
};
struct program_record {
	uint32_t number, exits, words, reserved; /* number: the host's */
	struct program_lists lists;
};
_Static_assert(sizeof(struct program_record) % 8 == 0, "the words behind it are aligned");

#endif
