/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The half `steps` does what L1 tells it in l2_shared.arg[], one step per argument: what, in the
 * highest byte, and an address or number below. A value that a step asks for is the next argument.
 * At STEP_END it tells point 1 and starts again. What a step read is in l2_shared.val[], at the
 * index of its argument.
 */
#ifndef L2GUEST_STEPS_H
#define L2GUEST_STEPS_H

enum step {
	STEP_END,
	STEP_READ,   /* 8 bytes at the address */
	STEP_WRITE,  /* the value, to there */
	STEP_RUN,    /* calls the address; reads what it returns */
	STEP_FREEZE, /* l2_freeze() */
	STEP_CR3,    /* loads CR3 */
	STEP_INVLPG,
	STEP_VMFUNC, /* EPTP switching to the list's entry of this number */
	STEP_RDMSR,
	STEP_WRMSR,  /* the value */
	STEP_VMREAD, /* the field of this encoding */
	STEP_VMWRITE,
	STEP_WAIT, /* with interrupts on, until so many were taken in all */
};

#define STEP_SHIFT	   56
#define STEP(what, number) ((uint64_t)STEP_##what << STEP_SHIFT | (uint64_t)(number))

#endif
