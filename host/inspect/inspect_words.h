/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of a saved state in words: bits and values by their SDM names. */
#ifndef HOST_INSPECT_INSPECT_WORDS_H
#define HOST_INSPECT_INSPECT_WORDS_H

#include "host/base/util.h"

/* What a number is. */
enum kind {
	KIND_NONE,
	/* inspect_bits.def, hv/vmx_controls.def */
	KIND_PIN,
	KIND_PRIMARY,
	KIND_SECONDARY,
	KIND_TERTIARY,
	KIND_EXIT,
	KIND_ENTRY,
	KIND_CR0,
	KIND_CR4,
	KIND_EFER,
	KIND_RFLAGS,
	KIND_DR6,
	KIND_DR7,
	KIND_DEBUGCTL,
	KIND_INTERRUPTIBILITY,
	KIND_PENDING_DEBUG,
	KIND_EXCEPTIONS,
	KIND_PF_ERROR,
	KIND_EPT_VIOLATION,
	KIND_DEBUG_QUALIFICATION,
	KIND_EXIT_FLAGS,
	KIND_VM_FUNCTIONS,
	KIND_XSS,
	KIND_CET,
	KIND_APIC_BASE,
	KIND_FEATURE_CONTROL,
	KIND_NESTED_FLAGS,
	KIND_SMM_FLAGS,
	KIND_VMX_FLAGS,
	KIND_EVENT_FLAGS,
	KIND_SHADOW,
	KIND_SREGS2_FLAGS,
	KIND_BITS_END,
	/* inspect_names.def */
	KIND_ACTIVITY,
	KIND_MP_STATE,
	KIND_FORMAT,
	KIND_LAUNCH_STATE,
	KIND_ABORT,
	KIND_EVENT_TYPE,
	KIND_MEMORY_TYPE,
	KIND_SEGMENT_TYPE,
	KIND_CR_ACCESS,
	KIND_APIC_ACCESS,
	KIND_TIMER_MODE,
	KIND_INSTRUCTION_ERROR,
	KIND_NAMES_END,
	/* functions of inspect_words.c */
	KIND_REVISION,
	KIND_SELECTOR,
	KIND_ACCESS_RIGHTS,
	KIND_PAT,
	KIND_LINK,
	KIND_SIGNED,
	KIND_EXCEPTION,
	KIND_INTERRUPT_STATUS,
	KIND_EPTP,
	KIND_EOI0,
	KIND_EOI1,
	KIND_EOI2,
	KIND_EOI3,
	KIND_ENTRY_EVENT,
	KIND_EXIT_EVENT,
	KIND_EXIT_REASON,
	KIND_QUALIFICATION,
	KIND_LVT_TIMER,
	KINDS
};

/*
 * Appends what @value means, parts separated by ", "; nothing if there is nothing to say. @vmcs12
 * is that of which @value is a field: an exit qualification depends on the exit reason; else NULL.
 */
void words(struct buf *b, enum kind kind, uint64_t value, const uint8_t *vmcs12);

/*
 * Appends `+X, -Y` for the bits that appeared and disappeared; false: @kind has no bits, and
 * nothing was appended.
 */
bool words_changed(struct buf *b, enum kind kind, uint64_t before, uint64_t after);

/*
 * A register of 256 bits, one for each vector, whose parts of 32 bits are @stride bytes apart:
 * appends the vectors that are set, or "none".
 */
void words_vectors(struct buf *b, const uint8_t *p, unsigned stride);

/* Such a register is the same in both. */
bool words_same_vectors(const uint8_t *before, const uint8_t *after, unsigned stride);

/* Appends `+0x31, -0x51` for the vectors that appeared and disappeared. */
void words_vectors_changed(struct buf *b, const uint8_t *before, const uint8_t *after,
			   unsigned stride);

#endif
