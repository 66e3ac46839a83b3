/* SPDX-License-Identifier: BSD-2-Clause */
/* An L2 that executes the instructions that L1 names, right behind a freeze point (exits.h). */
#include "l2guest/exits.h"
#include "l2guest/l2.h"

/* RIP is known before, so that L1 can compare while the instruction has exited. */
#define EXECUTE(insn)                                                                           \
	asm volatile("movq $1f, %0\n\t"                                                         \
		     "movq $2f, %1\n"                                                           \
		     "1:\t" insn "\n"                                                           \
		     "2:"                                                                       \
		     : "=m"(s->val[EXITS_RIP]), "=m"(s->val[EXITS_NEXT]), "+a"(rax), "+b"(rbx), \
		       "+c"(rcx), "+d"(rdx), "+D"(rdi)                                          \
		     : "S"(s->cr3)                                                              \
		     : "memory", "cc")

static void execute(struct l2_shared *s, enum exits_insn insn)
{
	uint64_t rax = s->arg[EXITS_RAX], rbx = (uint64_t)&s->val[EXITS_MEMORY], rdi = rbx,
		 rcx = s->arg[EXITS_RCX], rdx = s->arg[EXITS_RDX];

	switch (insn) {
#define I(name, text)          \
	case INSN_##name:      \
		EXECUTE(text); \
		break;
#include "l2guest/exits.def"
#undef I
	case EXITS_INSNS:
		break;
	}
	s->val[EXITS_GOT_RAX] = rax;
	s->val[EXITS_GOT_RCX] = rcx;
	s->val[EXITS_GOT_RDX] = rdx;
}

static void exits(struct l2_shared *s)
{
	for (;; l2_tell(1)) {
		if (s->arg[EXITS_FREEZE] && !s->frozen)
			l2_freeze();
		for (unsigned i = 0; i < EXITS_INSNS; i++)
			if (s->arg[EXITS_WHICH] >> i & 1)
				execute(s, i);
	}
}

L2_SCENARIO(exits, exits);
