/* SPDX-License-Identifier: BSD-2-Clause */
/* An L2 that runs a few bytes of code of a check's own. */
#ifndef EMULATOR_CODE_H
#define EMULATOR_CODE_H

#include "hv/steps.h"

/* Where the code begins, and a page for its data. */
#define CODE_VA	 L2_SPARE_VA(0)
#define CODE_GPA L2_SPARE_GPA(0)
#define DATA_VA	 L2_SPARE_VA(1)
#define DATA_GPA L2_SPARE_GPA(1)

/* Exits whatever the controls are: where the code ends. */
#define CPUID "\x0f\xa2"

/*
 * Makes @l2, built before, run what code_put() gives it. Every exception exits. Returns the data
 * page.
 */
void *code_l2(struct l2 *l2);

/* @code (a string of hexadecimal escapes) at CODE_VA, where L2 is next; what is behind it exits. */
void code_put(const char *code, unsigned size);
#define CODE(code) code_put(code, sizeof(code) - 1)

/*
 * One VM entry that must end with a VM exit for @reason at @offset from CODE_VA. Unlike l2_exits()
 * it checks nothing else.
 */
bool code_exits(struct l2 *l2, uint32_t reason, uint64_t offset);

/* The same for the exception @vector. */
bool code_faults(struct l2 *l2, uint8_t vector, uint64_t offset);

#endif
