/* SPDX-License-Identifier: BSD-2-Clause */
/* L2 proper: start, interrupts, and the checks of its own registers. */
#include "l2guest/l2.h"
#include "lib/random.h"
#include "lib/string.h"

void l2_main(struct l2_shared *shared);

extern struct idt_entry l2_idt[]; /* entry.S tells L1 where */
extern const struct l2_scenario *const l2_scenarios_begin[], *const l2_scenarios_end[];

struct idt_entry l2_idt[IDT_VECTORS] __attribute__((aligned(16)));

struct l2_shared *volatile l2_shared;
bool (*l2_on_interrupt)(struct trap_frame *f);
bool (*l2_on_exception)(struct trap_frame *f);

void trap_handle(struct trap_frame *f)
{
	bool ended;

	if (f->vector < 32) {
		if (!l2_on_exception || !l2_on_exception(f))
			l2_call(L2_CALL_TRAP, f->vector, f->error, f->rip);
		return;
	}
	ended = l2_on_interrupt && l2_on_interrupt(f);
	l2_shared->irq_count[f->vector]++;
	if (l2_shared->irqs < L2_LOG)
		l2_shared->irq_log[l2_shared->irqs] = f->vector;
	l2_shared->irqs++;
	if (!ended)
		wrmsr(MSR_X2APIC_EOI, 0);
}

/* Canonical and page-aligned, different in each round. */
static uint64_t turn_value(uint64_t seed, uint64_t round, unsigned which)
{
	uint64_t state = seed + round * 64 + which;

	return random_next(&state) & 0x7ffffffff000;
}

void l2_turn_registers(struct l2_shared *shared, uint64_t round)
{
	static const struct {
		uint32_t msr;
		const char *check;
	} msrs[] = {
		{MSR_IA32_FS_BASE, "L2 IA32_FS_BASE"},
		{MSR_IA32_GS_BASE, "L2 IA32_GS_BASE"},
		{MSR_IA32_KERNEL_GS_BASE, "L2 IA32_KERNEL_GS_BASE"},
		{MSR_IA32_STAR, "L2 IA32_STAR"},
		{MSR_IA32_LSTAR, "L2 IA32_LSTAR"},
		{MSR_IA32_CSTAR, "L2 IA32_CSTAR"},
		{MSR_IA32_FMASK, "L2 IA32_FMASK"},
	};
	const unsigned count = sizeof(msrs) / sizeof(msrs[0]);
	static uint64_t last_tsc;
	struct desc_ptr gdtr, idtr;
	uint64_t tsc;
	/*
	 * Read together and first: a failed check calls L1, and the VM entry behind it may mend the
	 * others.
	 */
	uint64_t cr0 = read_cr0(), cr2 = read_cr2(), cr3 = read_cr3(), cr4 = read_cr4(),
		 cr8 = read_cr8(), dr7 = read_dr7();

	for (unsigned i = 0; i < count; i++) {
		uint64_t mask = msrs[i].msr == MSR_IA32_FMASK ? 0xffffffff : ~0ull;

		if (round)
			l2_expect(msrs[i].check, turn_value(shared->seed, round - 1, i) & mask,
				  rdmsr(msrs[i].msr));
		wrmsr(msrs[i].msr, turn_value(shared->seed, round, i) & mask);
	}
	shared->fs_base = turn_value(shared->seed, round, 0);
	shared->gs_base = turn_value(shared->seed, round, 1);
	shared->kernel_gs_base = turn_value(shared->seed, round, 2);

	if (round) {
		l2_expect("L2 CR2", turn_value(shared->seed, round - 1, count), cr2);
		l2_expect("L2 DR0", turn_value(shared->seed, round - 1, count + 1), read_dr0());
		l2_expect("L2 DR1", turn_value(shared->seed, round - 1, count + 2), read_dr1());
		l2_expect("L2 DR2", turn_value(shared->seed, round - 1, count + 3), read_dr2());
		l2_expect("L2 DR3", turn_value(shared->seed, round - 1, count + 4), read_dr3());
	}
	write_cr2(turn_value(shared->seed, round, count));
	write_dr0(turn_value(shared->seed, round, count + 1));
	write_dr1(turn_value(shared->seed, round, count + 2));
	write_dr2(turn_value(shared->seed, round, count + 3));
	write_dr3(turn_value(shared->seed, round, count + 4));

	l2_expect("L2 DR7", 0x400, dr7);
	l2_expect("L2 CR0", shared->cr0, cr0);
	l2_expect("L2 CR3", shared->cr3, cr3);
	l2_expect("L2 CR4", shared->cr4, cr4);
	l2_expect("L2 CR8", 0, cr8);
	l2_expect("L2 IA32_EFER", EFER_LME | EFER_LMA, rdmsr(MSR_IA32_EFER));
	l2_expect("L2 segment selectors",
		  (uint64_t)L2_SEL_CODE << 48 | (uint64_t)L2_SEL_DATA << 32 | L2_SEL_DATA << 16 |
			  L2_SEL_DATA,
		  (uint64_t)read_cs() << 48 | (uint64_t)read_ss() << 32 |
			  (uint32_t)read_ds() << 16 | read_es());
	asm volatile("sgdt %0; sidt %1" : "=m"(gdtr), "=m"(idtr));
	l2_expect("L2 GDTR base", ((const struct l2_header *)L2_VA_BASE)->gdt, gdtr.base);
	l2_expect("L2 IDTR base", ((const struct l2_header *)L2_VA_BASE)->idt, idtr.base);
	tsc = rdtsc();
	l2_expect("L2 TSC goes forward", 1, tsc > last_tsc);
	last_tsc = tsc;
	for (unsigned i = 0; i < 8 && shared->apicv; i++)
		l2_expect("L2 in-service register empty outside handlers", 0,
			  rdmsr(MSR_X2APIC_ISR0 + i));
}

void l2_main(struct l2_shared *shared)
{
	l2_shared = shared;
	idt_build(l2_idt, L2_SEL_CODE, 0);
	for (const struct l2_scenario *const *s = l2_scenarios_begin; s != l2_scenarios_end; s++)
		if (!strcmp((*s)->name, shared->scenario))
			(*s)->run(shared);
	l2_expect("L2 knows the scenario", 1, 0);
}
