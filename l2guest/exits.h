/* SPDX-License-Identifier: BSD-2-Clause */
/* What L1 tells the half `exits`, and what that leaves behind. */
#ifndef L2GUEST_EXITS_H
#define L2GUEST_EXITS_H

enum exits_insn {
#define I(name, insn) INSN_##name,
#include "l2guest/exits.def"
#undef I
	EXITS_INSNS
};
#define INSN_BIT(name) (1ull << INSN_##name)

/* Indices of l2_shared.arg[] ... */
enum exits_arg {
	EXITS_WHICH, /* the instructions, INSN_BIT()s, executed in this order; then point 1 */
	EXITS_RAX,
	EXITS_RCX,
	EXITS_RDX,
	EXITS_FREEZE, /* the freeze point: 0 none, else it stands before the first of them */
};

/* ... and of l2_shared.val[], about the instruction executed last. */
enum exits_val {
	EXITS_RIP, /* its address and the next one's */
	EXITS_NEXT,
	EXITS_GOT_RAX, /* the registers behind it */
	EXITS_GOT_RCX,
	EXITS_GOT_RDX,
	EXITS_MEMORY, /* 16 bytes for instructions that access memory */
};

#endif
