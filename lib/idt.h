/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt descriptor tables and trap frames, for L1 and L2 alike. */
#ifndef LIB_IDT_H
#define LIB_IDT_H

#include <stdint.h>

#define IDT_VECTORS 256

struct idt_entry {
	uint16_t offset_0, selector;
	uint8_t ist, type;
	uint16_t offset_16;
	uint32_t offset_32, reserved;
};

/* What trap_entry.S pushes, lowest address first. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/*
 * In an asm behind its labels 1 and 2: an exception between them may go on at 2. fixup_of() is that
 * place for an exception at @rip; 0: there is none.
 */
#define FIXUP_1_TO_2 "\n\t.pushsection .fixups, \"a\"\n\t.long 1b, 2b\n\t.popsection"
uint64_t fixup_of(uint64_t rip);

/* Fills @idt with interrupt gates to trap_handle; vectors in bit mask @ist1 use IST 1. */
void idt_build(struct idt_entry idt[IDT_VECTORS], uint16_t code_selector, uint32_t ist1);

/* Supplied by L1 and L2 each: called with interrupts off, returns to what was interrupted. */
void trap_handle(struct trap_frame *f);

#endif
