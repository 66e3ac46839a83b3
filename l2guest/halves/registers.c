/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L2's halves of hv/scenarios/registers.c: each gives registers values of its own, is frozen, reads
 * them all into l2_shared.val[], and tells.
 */
#include "l2guest/l2.h"
#include "lib/random.h"
#include "lib/string.h"

/* arg[]: what to set in CR0 and CR4, which L1 leaves to L2. */
static void regs_cr(struct l2_shared *s)
{
	uint16_t msw;

	write_cr0(read_cr0() | s->arg[0]);
	write_cr4(read_cr4() | s->arg[1]);
	l2_freeze();
	s->val[0] = read_cr0();
	s->val[1] = read_cr4();
	asm volatile("smsw %0" : "=r"(msw));
	s->val[2] = msw;
	asm volatile("clts" ::: "memory");
	s->val[3] = read_cr0();
	msw |= CR0_TS;
	asm volatile("lmsw %0" ::"r"(msw) : "memory");
	s->val[4] = read_cr0();
	/* The masked bits as they were read: no exit. */
	write_cr0(s->val[3]);
	write_cr4(s->val[1] & ~s->arg[1]);
	s->val[5] = read_cr4();
	l2_tell(1);
}
L2_SCENARIO(regs_cr, regs_cr);

#define DR6_CLEAR 0xffff0ff0ull

static struct l2_shared *debug_shared;

static bool on_debug(struct trap_frame *f)
{
	if (f->vector != VECTOR_DB)
		return false;
	debug_shared->val[6]++;
	debug_shared->val[7] = read_dr6();
	return true;
}

/* arg[0]: DR7, with a breakpoint for writes of 8 bytes at DR0; arg[1..4]: DR1 to DR3, DR6. */
static void regs_debug(struct l2_shared *s)
{
	volatile uint64_t *watched = &s->val[8];

	debug_shared = s;
	l2_on_exception = on_debug;
	s->val[9] = read_dr7();
	write_dr0((uint64_t)watched);
	write_dr1(s->arg[1]);
	write_dr2(s->arg[2]);
	write_dr3(s->arg[3]);
	write_dr6(s->arg[4]);
	write_dr7(s->arg[0]);
	l2_freeze();
	s->val[0] = read_dr0() == (uint64_t)watched;
	s->val[1] = read_dr1();
	s->val[2] = read_dr2();
	s->val[3] = read_dr3();
	s->val[4] = read_dr6();
	s->val[5] = read_dr7();
	write_dr6(DR6_CLEAR);
	*watched = 1;
	l2_tell(1);
}
L2_SCENARIO(regs_debug, regs_debug);

/* L1 gives RFLAGS at point 1; none of it may change by an instruction before it is read. */
static void regs_flags(struct l2_shared *s)
{
	asm volatile("vmcall\n\t"
		     "outb %%al, %2\n\t"
		     "pushfq\n\t"
		     "popq %0\n\t"
		     "pushq %3\n\t"
		     "popfq"
		     : "=m"(s->val[0])
		     : "a"((uint64_t)L2_CALL_TELL), "i"(FREEZE_IO_PORT), "i"(RFLAGS_FIXED),
		       "b"(1ull)
		     : "memory", "cc");
	l2_tell(2);
}
L2_SCENARIO(regs_flags, regs_flags);

/* Base in three pieces, limit 0xfff, writable data, present; SDM, "Segment Descriptors". */
static uint64_t data_descriptor(uint64_t base)
{
	return 0xfff | (base & 0xffffff) << 16 | 0x93ull << 40 | 0x40ull << 48 |
	       (base >> 24 & 0xff) << 56;
}

static uint64_t read_through_fs(uint16_t selector)
{
	uint64_t v;

	asm volatile("mov %1, %%fs; mov %%fs:0, %0" : "=r"(v) : "r"((uint32_t)selector) : "memory");
	return v;
}

/* Gate 6 (#UD) of the new IDT is that of #BP. */
static bool on_breakpoint(struct trap_frame *f)
{
	if (f->vector != 3)
		return false;
	f->rip += 2;
	l2_shared->val[5]++;
	return true;
}

/* LGDT and LIDT to tables in L2's data; arg[0]: the selector that only the new GDT has. */
static void regs_tables(struct l2_shared *s)
{
	const struct l2_header *header = (const void *)L2_VA_BASE;
	struct idt_entry *idt = (void *)s->data_va;
	uint64_t *gdt = (void *)(s->data_va + 0x1008), *data = (void *)(s->data_va + 0x2000);
	struct desc_ptr gdtr = {s->arg[0] + 7, (uint64_t)gdt}, idtr = {0x7ff, (uint64_t)idt};

	l2_on_exception = on_breakpoint;
	memcpy(idt, (const void *)header->idt, 0x800);
	idt[VECTOR_UD] = idt[3];
	memcpy(gdt, (const void *)header->gdt, header->gdt_limit + 1);
	gdt[s->arg[0] / 8] = data_descriptor((uint64_t)data);
	*data = s->seed;
	asm volatile("lgdt %0; lidt %1" ::"m"(gdtr), "m"(idtr));
	l2_freeze();
	asm volatile("sgdt %0; sidt %1" : "=m"(gdtr), "=m"(idtr));
	s->val[0] = gdtr.base - s->data_va;
	s->val[1] = gdtr.limit;
	s->val[2] = idtr.base - s->data_va;
	s->val[3] = idtr.limit;
	s->val[4] = read_through_fs(s->arg[0]);
	asm volatile("ud2" ::: "memory");
	l2_tell(1);
}
L2_SCENARIO(regs_tables, regs_tables);

/* L1 has put the LDT at the start of L2's data; arg[0]: the selector of its one entry. */
static void regs_segments(struct l2_shared *s)
{
	uint64_t *ldt = (void *)s->data_va, *data = (void *)(s->data_va + 0x2000);
	uint16_t ldtr, tr;

	ldt[s->arg[0] / 8] = data_descriptor((uint64_t)data);
	*data = s->seed;
	l2_freeze();
	asm volatile("sldt %0; str %1" : "=m"(ldtr), "=m"(tr));
	s->val[0] = ldtr;
	s->val[1] = tr;
	s->val[2] = (uint64_t)read_ds() << 48 | (uint64_t)read_es() << 32 |
		    (uint32_t)read_gs() << 16 | read_ss();
	s->val[3] = rdmsr(MSR_IA32_GS_BASE);
	s->val[4] = read_through_fs(s->arg[0]);
	l2_tell(1);
}
L2_SCENARIO(regs_segments, regs_segments);

/*
 * L1 has put a GDT at the start of L2's data; arg[0..7]: what to load in ES, CS, SS, DS, FS, GS,
 * LDTR and TR, val[0..7]: what they are then.
 */
static void regs_loads(struct l2_shared *s)
{
	struct desc_ptr gdtr = {PAGE_SIZE - 1, s->data_va};
	uint16_t sel[8];

	for (unsigned i = 0; i < 8; i++)
		sel[i] = s->arg[i];
	asm volatile("lgdt %0; lldt %1; ltr %2" ::"m"(gdtr), "m"(sel[6]), "m"(sel[7]) : "memory");
	asm volatile("movq %0, %%rax\n\t"
		     "pushq %%rax\n\t"
		     "leaq 1f(%%rip), %%rax\n\t"
		     "pushq %%rax\n\t"
		     "lretq\n"
		     "1:"
		     :
		     : "r"((uint64_t)sel[1])
		     : "rax", "memory");
	asm volatile(
		"movw %0, %%es; movw %1, %%ss; movw %2, %%ds; movw %3, %%fs; movw %4, %%gs" ::"r"(
			sel[0]),
		"r"(sel[2]), "r"(sel[3]), "r"(sel[4]), "r"(sel[5])
		: "memory");
	l2_freeze();
	asm volatile("movw %%es, %0; movw %%cs, %1; movw %%ss, %2; movw %%ds, %3; movw %%fs, %4\n\t"
		     "movw %%gs, %5; sldt %6; str %7"
		     : "=m"(sel[0]), "=m"(sel[1]), "=m"(sel[2]), "=m"(sel[3]), "=m"(sel[4]),
		       "=m"(sel[5]), "=m"(sel[6]), "=m"(sel[7]));
	for (unsigned i = 0; i < 8; i++)
		s->val[i] = sel[i];
	l2_tell(1);
}
L2_SCENARIO(regs_loads, regs_loads);

/* Where SYSCALL goes: back, with RFLAGS as it is there in RAX. */
extern const uint8_t regs_syscall_target[];
asm("	.text\n"
    "regs_syscall_target:\n"
    "	pushfq\n"
    "	popq	%rax\n"
    "	jmp	*%rcx\n");

/* arg[0]: IA32_STAR; arg[1]: IA32_FMASK, with DF. */
static void regs_syscall(struct l2_shared *s)
{
	wrmsr(MSR_IA32_STAR, s->arg[0]);
	wrmsr(MSR_IA32_LSTAR, (uint64_t)regs_syscall_target);
	wrmsr(MSR_IA32_FMASK, s->arg[1]);
	l2_freeze();
	asm volatile("std\n\t"
		     "syscall\n\t"
		     "movq %%r11, %1\n\t"
		     "cld"
		     : "=a"(s->val[0]), "=m"(s->val[1])
		     :
		     : "rcx", "r11", "memory", "cc");
	l2_tell(1);
}
L2_SCENARIO(regs_syscall, regs_syscall);

/* XSAVE area, standard format. */
#define XSAVE_FTW    4
#define XSAVE_MXCSR  24
#define XSAVE_ST     32
#define XSAVE_XMM    160
#define XSAVE_AVX    576
#define XSAVE_XSTATE 512
#define XSAVE_END    4096

static void xsave(uint8_t *area, uint64_t xcr0)
{
	memset(area, 0, XSAVE_END);
	asm volatile("xsave64 %0"
		     : "+m"(*(uint8_t(*)[XSAVE_END])area)
		     : "a"((uint32_t)xcr0), "d"((uint32_t)(xcr0 >> 32)));
}

/* arg[0]: XCR0. val[0..2]: offset of the first difference; val[3]: XCR0 behind the snapshot. */
static void regs_xsave(struct l2_shared *s)
{
	uint8_t *source = (void *)s->data_va, *before = source + 4096, *after = before + 4096;
	uint64_t xcr0 = s->arg[0], state = s->seed;

	xsetbv(0, xcr0);
	for (unsigned i = 0; i < XSAVE_END; i += 8)
		*(uint64_t *)(source + i) = random_next(&state);
	memset(source, 0, XSAVE_ST);
	*(uint16_t *)source = 0x0e7f; /* FCW: rounds towards zero, 53 bits */
	source[XSAVE_FTW] = 0xff;
	*(uint32_t *)(source + XSAVE_MXCSR) = 0xbf80; /* flushes to zero, rounds down */
	for (unsigned i = XSAVE_ST; i < XSAVE_XMM; i += 16)
		memset(source + i + 10, 0, 6);
	memset(source + XSAVE_XMM + 256, 0, XSAVE_AVX - XSAVE_XMM - 256);
	*(uint64_t *)(source + XSAVE_XSTATE) = xcr0;
	asm volatile("xrstor64 %0" ::"m"(*(uint8_t(*)[XSAVE_END])source), "a"((uint32_t)xcr0),
		     "d"((uint32_t)(xcr0 >> 32)));
	xsave(before, xcr0);
	l2_freeze();
	s->val[3] = xgetbv(0);
	xsave(after, xcr0);
	for (s->val[0] = XSAVE_ST; s->val[0] < XSAVE_XMM + 256; s->val[0]++)
		if (source[s->val[0]] != before[s->val[0]])
			break;
	for (s->val[1] = XSAVE_AVX; s->val[1] < XSAVE_AVX + 256; s->val[1]++)
		if (source[s->val[1]] != before[s->val[1]])
			break;
	for (s->val[2] = 0; s->val[2] < XSAVE_END; s->val[2]++)
		if (before[s->val[2]] != after[s->val[2]])
			break;
	l2_tell(1);
}
L2_SCENARIO(regs_xsave, regs_xsave);
