/* SPDX-License-Identifier: BSD-2-Clause */
/* GDT, IDT, TSS of L1 and what happens on a trap: nothing may reset the machine silently. */
#include "boot/trap.h"
#include "boot/cpus.h"
#include "boot/layout.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/ktap.h"
#include "lib/print.h"
#include "lib/string.h"

struct tss {
	uint32_t reserved_0;
	uint64_t rsp[3];
	uint64_t reserved_1;
	uint64_t ist[7];
	uint64_t reserved_2;
	uint16_t reserved_3, iopb;
} __attribute__((packed));

#define GDT_ENTRIES (SEL_TSS / 8 + 2)

extern const uint64_t boot_gdt[];

static struct idt_entry idt[IDT_VECTORS] __attribute__((aligned(16)));
static struct {
	uint64_t gdt[GDT_ENTRIES];
	struct tss tss __attribute__((aligned(16)));
	uint8_t ist_stack[4096] __attribute__((aligned(16)));
} cpus[CPUS];
static unsigned counts[IDT_VECTORS];
int trap_fixed;

void trap_init(unsigned cpu)
{
	uint64_t *gdt = cpus[cpu].gdt, base = (uint64_t)&cpus[cpu].tss;
	struct tss *tss = &cpus[cpu].tss;
	struct desc_ptr idtr = {sizeof(idt) - 1, (uint64_t)idt};
	struct desc_ptr gdtr = {sizeof(cpus[cpu].gdt) - 1, (uint64_t)gdt};

	idt_build(idt, SEL_CODE, 1u << VECTOR_NMI | 1u << VECTOR_DF | 1u << VECTOR_PF);
	tss->ist[0] = (uint64_t)cpus[cpu].ist_stack + sizeof(cpus[cpu].ist_stack);
	tss->iopb = sizeof(*tss);
	memcpy(gdt, boot_gdt, sizeof(cpus[cpu].gdt));
	/* 64-bit TSS descriptor, present, available; SDM, "TSS Descriptor in 64-bit mode". */
	gdt[SEL_TSS / 8] = (sizeof(*tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 |
			   (base >> 24 & 0xff) << 56;
	gdt[SEL_TSS / 8 + 1] = base >> 32;
	asm volatile("lgdt %0; lidt %1; ltr %w2" ::"m"(gdtr), "m"(idtr), "r"(SEL_TSS) : "memory");
}

unsigned trap_count(uint8_t vector)
{
	return counts[vector];
}

uint64_t trap_tss_base(void)
{
	return (uint64_t)&cpus[cpu_index()].tss;
}

uint64_t trap_idt_base(void)
{
	return (uint64_t)idt;
}

uint64_t trap_gdt_base(void)
{
	return (uint64_t)cpus[cpu_index()].gdt;
}

void trap_handle(struct trap_frame *f)
{
	if (f->vector >= 32) {
		counts[f->vector]++;
		wrmsr(MSR_X2APIC_EOI, 0);
		return;
	}
	if (f->vector == VECTOR_NMI) {
		/* The host's nudge, while L1 was on the CPU: hop.c tells the host. */
		counts[VECTOR_NMI]++;
		return;
	}
	if (fixup_of(f->rip)) {
		trap_fixed = (int)f->vector;
		f->rip = fixup_of(f->rip);
		return;
	}
	print_line("# L1 trap %lu error 0x%lx", f->vector, f->error);
	print_line("# rip 0x%lx rsp 0x%lx rflags 0x%lx cs 0x%lx ss 0x%lx", f->rip, f->rsp,
		   f->rflags, f->cs, f->ss);
	print_line("# rax 0x%lx rbx 0x%lx rcx 0x%lx rdx 0x%lx", f->rax, f->rbx, f->rcx, f->rdx);
	print_line("# rsi 0x%lx rdi 0x%lx rbp 0x%lx r8 0x%lx", f->rsi, f->rdi, f->rbp, f->r8);
	print_line("# r9 0x%lx r10 0x%lx r11 0x%lx r12 0x%lx", f->r9, f->r10, f->r11, f->r12);
	print_line("# r13 0x%lx r14 0x%lx r15 0x%lx", f->r13, f->r14, f->r15);
	print_line("# cr0 0x%lx cr2 0x%lx cr3 0x%lx cr4 0x%lx", read_cr0(), read_cr2(), read_cr3(),
		   read_cr4());
	ktap_error_and_end("what=\"trap in L1\" vector=%lu error=0x%lx rip=0x%lx cr2=0x%lx",
			   f->vector, f->error, f->rip, read_cr2());
}
