/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L2's half `script`: L1 writes what L2 does as a list of steps (SCRIPT_L2(), hv/script.h). First
 * come the steps of the main program, then, each behind S_HANDLER(), those of interrupt handlers.
 *
 * L2 keeps a trace of bytes: a vector when its interrupt comes in, SCRIPT_LEFT when its handler is
 * left, and the marks of S_MARK(). Where an interrupt that was waiting must come in right behind a
 * step's instruction, L2 checks that RIP.
 */
#ifndef L2GUEST_SCRIPT_H
#define L2GUEST_SCRIPT_H

#include <stdint.h>
#include "l2guest/layout.h"

struct script_step {
	uint8_t op, arg;
};

enum script_op {
	OP_END,
	OP_HANDLER,
	OP_TELL,
	OP_MARK,
	OP_FREEZE,
	OP_STI,
	OP_CLI,
	OP_LET_IN,
	OP_STI_FREEZE,
	OP_SLEEP,
	OP_CALL,
	OP_SELF_IPI,
	OP_TPR,
	OP_EOI,
	OP_PPR,
};

/* clang-format off */
/*
 * The handler of @vector: until the next S_HANDLER(). It is entered with interrupts off and must
 * give the EOI itself. It serves once; other interrupts are only traced and ended.
 */
#define S_HANDLER(vector)  {OP_HANDLER, vector}
#define S_TELL(point)	   {OP_TELL, point}
#define S_MARK(mark)	   {OP_MARK, mark} /* 2 to 31 */
#define S_FREEZE	   {OP_FREEZE, 0} /* l2_freeze() */
#define S_STI		   {OP_STI, 0}
#define S_CLI		   {OP_CLI, 0}
#define S_LET_IN	   {OP_LET_IN, 0} /* STI, NOP, CLI */
#define S_STI_FREEZE	   {OP_STI_FREEZE, 0} /* STI, freeze point, CLI */
#define S_SLEEP		   {OP_SLEEP, 0} /* STI, HLT, CLI */
/*
 * Calls the code of script_code() @before bytes before its second page. Interrupts must come in
 * behind the first byte of that page.
 */
#define S_CALL(before)	   {OP_CALL, before}
#define S_SELF_IPI(vector) {OP_SELF_IPI, vector}
#define S_TPR(tpr)	   {OP_TPR, tpr}
#define S_EOI		   {OP_EOI, 0}
#define S_PPR(ppr)	   {OP_PPR, ppr} /* L2 must read this there */
/* clang-format on */

#define SCRIPT_STEPS (L2_ARGS * sizeof(uint64_t) / sizeof(struct script_step))

#define SCRIPT_LEFT 1 /* in the trace */

/* What L2 tells at the end of the main program, and by a VMCALL in the code of script_code(). */
#define SCRIPT_ENDED 100
#define SCRIPT_CALLS 101

/* The first and second page of script_code() among L2's walk pages. */
#define SCRIPT_PAGE_1 3
#define SCRIPT_PAGE_2 4

#endif
