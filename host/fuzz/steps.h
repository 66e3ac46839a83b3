/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables behind programs, for the files that read, draw and compare them. */
#ifndef HOST_FUZZ_STEPS_H
#define HOST_FUZZ_STEPS_H

#include "host/base/cleanup.h"
#include "host/fuzz/program.h"

#include <stdbool.h>

/* By op. */
struct step_info {
	const char *word, *operands;
	bool l1;
};
extern const struct step_info step_infos[PROGRAM_OPS];

extern const char *const program_fields[]; /* names, by enum vmcs_field of L1's */
extern const unsigned program_field_count, program_control_count;

/* How many words operand @kind has; 0: it is a number, or they are not in a row. */
unsigned step_words(char kind);

/* The operand of @kind, the @nth of a step. */
uint64_t step_operand(const struct program_step *s, char kind, unsigned nth);
void step_set_operand(struct program_step *s, char kind, unsigned nth, uint64_t value);

#endif
