/* SPDX-License-Identifier: BSD-2-Clause */
/* A program as text, one step a line, and as what L1 gets (l2guest/program.h); docs/fuzz.md. */
#ifndef HOST_FUZZ_PROGRAM_H
#define HOST_FUZZ_PROGRAM_H

#include "host/base/util.h"
#include "host/l1/scenario.h"
#include "l2guest/program.h"

/* What the host does at a mark, and when; in the control all of it is done while the VM stands. */
#define PROGRAM_ACTS 12
extern const struct program_act {
	const char *word;
	enum act act;
	uint8_t vector;	      /* of an interrupt or exception */
} program_acts[PROGRAM_ACTS]; /* the first is ACT_NONE */

#define PROGRAM_ACT_VECTOR  0x61 /* of IRQ and POST */
#define PROGRAM_WAKE_VECTOR 0x71 /* an L2 that sleeps elsewhere is woken */

/* Reads @text, which has no NUL. 0, or -1 with @e, which names the line. */
int program_read(struct program_lists *p, const char *text, struct err *e);
/* The same of file @dir/@name, whose text is appended to @text. */
int program_load(struct program_lists *p, const char *dir, const char *name, struct buf *text,
		 struct err *e);
/* Appends the program as text, which program_read() reads as the same. */
void program_print(const struct program_lists *p, struct buf *text);
/* Step @i of L1's (or L2's) list as text, without end of line. */
void program_print_step(const struct program_step *s, struct buf *text);

/* The number of steps in a list. */
unsigned program_count(const struct program_step *list);

/* A new program; one that is @from with a change or two. Drawn by *@random alone. */
void program_draw(struct program_lists *p, uint64_t *random);
void program_change(struct program_lists *p, const struct program_lists *from, uint64_t *random);

/* Takes step @i out of @list. */
void program_drop(struct program_step *list, unsigned i);

#endif
