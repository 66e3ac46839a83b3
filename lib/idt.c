/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds an IDT over the stubs of trap_entry.S. */
#include "lib/idt.h"

#define TRAP_STUB_SIZE	   16
#define IDT_INTERRUPT_GATE 0x8e /* present, DPL 0, 64-bit interrupt gate */

extern const uint8_t trap_stubs[];

void idt_build(struct idt_entry idt[IDT_VECTORS], uint16_t code_selector, uint32_t ist1)
{
	for (unsigned i = 0; i < IDT_VECTORS; i++) {
		uint64_t stub = (uint64_t)trap_stubs + i * TRAP_STUB_SIZE;

		idt[i] = (struct idt_entry){
			.offset_0 = (uint16_t)stub,
			.selector = code_selector,
			.ist = i < 32 && (ist1 >> i & 1),
			.type = IDT_INTERRUPT_GATE,
			.offset_16 = (uint16_t)(stub >> 16),
			.offset_32 = (uint32_t)(stub >> 32),
		};
	}
}

extern const struct {
	uint32_t at, next;
} fixups_begin[], fixups_end[];

uint64_t fixup_of(uint64_t rip)
{
	for (const typeof(*fixups_begin) *f = fixups_begin; f < fixups_end; f++)
		if (rip >= f->at && rip < f->next)
			return f->next;
	return 0;
}
