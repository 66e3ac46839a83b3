/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An L2 that does the steps of a program (program.h) and logs what it sees. An exception at one of
 * its instructions goes on behind it.
 */
#include "l2guest/program.h"
#include "l2guest/l2.h"
#include "lib/string.h"

static struct program_log *seen;
static uint32_t now;  /* the step */
static uint64_t data; /* L2's pages */

#define PROGRAM_INSN_AT	  0x400 /* in the first of them: what instructions of the table work on */
#define PROGRAM_INSN_SIZE 0x400

static void saw(uint16_t kind, uint16_t vector, uint64_t val)
{
	if (seen->count < PROGRAM_SEEN)
		seen->seen[seen->count] = (struct program_seen){
			.step = now, .kind = kind, .vector = vector, .val = val};
	seen->count++;
}

static bool on_interrupt(struct trap_frame *f)
{
	saw(PROGRAM_SAW_INTERRUPT, f->vector, 0);
	return false;
}

static bool on_exception(struct trap_frame *f)
{
	const uint64_t cr2 = f->vector == 14 ? read_cr2() : 0;

	saw(PROGRAM_SAW_EXCEPTION, f->vector, f->error << 48 ^ cr2);
	f->rflags &= ~RFLAGS_TF;
	if (f->vector == 7) /* #NM */
		asm volatile("clts");
	f->rip = fixup_of(f->rip) ?: f->rip;
	return true;
}

/* @text, with what follows as of asm. */
#define INSN(text, outputs, ...) \
	asm volatile("1:\t" text "\n2:" FIXUP_1_TO_2:outputs:__VA_ARGS__ : "memory", "cc")
#define OUT(...) __VA_ARGS__

/* A register into, or out of, the caller's val. */
#define READ(op, name)                                                \
	case op:                                                      \
		INSN("mov %%" name ", %[val]", OUT([val] "+r"(val))); \
		break
#define WRITE(op, name)                                        \
	case op:                                               \
		INSN("mov %[val], %%" name, , [val] "r"(val)); \
		break

static uint64_t read_dr(unsigned number)
{
	uint64_t val = 0;

	switch (number) {
		READ(0, "dr0");
		READ(1, "dr1");
		READ(2, "dr2");
		READ(3, "dr3");
		READ(4, "dr6");
		READ(5, "dr7");
	}
	return val;
}

static void write_dr(unsigned number, uint64_t val)
{
	switch (number) {
		WRITE(0, "dr0");
		WRITE(1, "dr1");
		WRITE(2, "dr2");
		WRITE(3, "dr3");
	}
}

static uint64_t read_register(const struct program_step *s)
{
	uint64_t val = 0;

	switch (s->op) {
		READ(PROGRAM_READ_CR0, "cr0");
		READ(PROGRAM_READ_CR3, "cr3");
		READ(PROGRAM_READ_CR4, "cr4");
		READ(PROGRAM_READ_TPR, "cr8");
	case PROGRAM_READ_DR:
		return read_dr(s->a % 6);
	case PROGRAM_SIDT: {
		struct desc_ptr idtr = {0};

		INSN("sidt %[idtr]", OUT([idtr] "+m"(idtr)));
		val = idtr.base;
		break;
	}
	case PROGRAM_STR: {
		uint32_t tr = 0;

		INSN("str %[tr]", OUT([tr] "+r"(tr)));
		val = tr;
		break;
	}
	}
	return val;
}

static void write_register(const struct program_step *s)
{
	static const uint64_t cr0_bits[] = {CR0_MP, CR0_TS, CR0_NE, CR0_WP, CR0_AM};
	static const uint64_t cr4_bits[] = {CR4_TSD, CR4_DE, CR4_MCE, CR4_PGE, CR4_OSXMMEXCPT};
	uint64_t val;

	switch (s->op) {
	case PROGRAM_FLIP_CR0:
		val = read_cr0() ^ cr0_bits[s->a % 5];
		INSN("mov %[val], %%cr0", , [val] "r"(val));
		break;
	case PROGRAM_FLIP_CR4:
		val = read_cr4() ^ cr4_bits[s->a % 5];
		INSN("mov %[val], %%cr4", , [val] "r"(val));
		break;
	case PROGRAM_LOAD_CR3:
		val = read_cr3();
		INSN("mov %[val], %%cr3", , [val] "r"(val));
		break;
	case PROGRAM_WRITE_TPR:
		val = s->a * 2 % 16;
		INSN("mov %[val], %%cr8", , [val] "r"(val));
		break;
	case PROGRAM_WRITE_DR:
		write_dr(s->a % 4, s->val);
		break;
	case PROGRAM_XSETBV: {
		uint64_t xcr0 = read_cr4() & CR4_OSXSAVE ? xgetbv(0) : 1;

		INSN("xsetbv", , "a"((uint32_t)xcr0), "c"(0), "d"((uint32_t)(xcr0 >> 32)));
		break;
	}
	}
}

static uint64_t msr(const struct program_step *s)
{
	uint32_t low = 0, high = 0;

	if (s->op == PROGRAM_RDMSR) {
		INSN("rdmsr", OUT("+a"(low), "+d"(high)), "c"(s->b));
	} else {
		low = (uint32_t)s->val;
		high = s->val >> 32;
		INSN("wrmsr", , "a"(low), "d"(high), "c"(s->b));
	}
	return (uint64_t)high << 32 | low;
}

static uint64_t memory(const struct program_step *s)
{
	const uint64_t at = data + s->a % PROGRAM_PAGES * 4096;
	uint64_t val = 0;

	switch (s->op) {
	case PROGRAM_READ:
		INSN("mov 64(%[at]), %[val]", OUT([val] "+r"(val)), [at] "r"(at));
		break;
	case PROGRAM_WRITE:
		INSN("mov %[val], 64(%[at])", , [val] "r"(s->val), [at] "r"(at));
		break;
	case PROGRAM_CALL: /* a fault at its target is behind this instruction: the page must be
			      there */
		INSN("movb 0(%[at]), %b[val]", OUT([val] "+r"(val)), [at] "r"(at));
		val = 0;
		INSN("call *%[at]", , [at] "r"(at));
		break;
	case PROGRAM_INVLPG:
		INSN("invlpg (%[at])", , [at] "r"(at));
		break;
	}
	return val;
}

/* INT n has its vector in its code. */
static void int_n(uint8_t vector)
{
#define INT_16(base)                           \
	case base:                             \
		INSN("int $" #base, , "a"(0)); \
		break
	switch (vector & 0xf0) {
		INT_16(0x20);
		INT_16(0x30);
		INT_16(0x40);
		INT_16(0x50);
		INT_16(0x80);
	default:
		INSN("int $0x90", , "a"(0));
	}
#undef INT_16
}

static void event(const struct program_step *s)
{
	switch (s->op) {
	case PROGRAM_STI:
		INSN("sti; nop", , "a"(0));
		break;
	case PROGRAM_CLI:
		INSN("cli", , "a"(0));
		break;
	case PROGRAM_STI_HLT:
		INSN("sti; hlt; cli", , "a"(0));
		break;
	case PROGRAM_HLT:
		INSN("hlt", , "a"(0));
		break;
	case PROGRAM_INT:
		int_n(s->a);
		break;
	case PROGRAM_INT3:
		INSN("int3", , "a"(0));
		break;
	case PROGRAM_INT1:
		INSN(".byte 0xf1", , "a"(0));
		break;
	case PROGRAM_UD2:
		INSN("ud2", , "a"(0));
		break;
	case PROGRAM_STEP:
		INSN("pushf; orl $0x100, (%%rsp); popf; nop", , "a"(0));
		break;
	case PROGRAM_MOV_SS:
		INSN("mov %%ss, %%eax; mov %%eax, %%ss; nop", OUT("=a"((uint32_t){0})), "c"(0));
		break;
	case PROGRAM_SELF_IPI:
		INSN("wrmsr", , "a"((uint32_t)s->a), "c"(MSR_X2APIC_SELF_IPI), "d"(0));
		break;
	}
}

/* One of the table, whose results are dropped. */
static void insn(enum program_insn which, uint8_t number)
{
	uint64_t a = 0, c = number, d = 0x70;
	void *memory = (void *)(data + PROGRAM_INSN_AT), *b = memory, *from = memory, *to = memory;

#define I(id, word, text)                                                                  \
	case PROGRAM_INSN_##id:                                                            \
		INSN(text, OUT("+a"(a), "+b"(b), "+c"(c), "+d"(d), "+S"(from), "+D"(to))); \
		break;
	switch (which) {
#include "l2guest/program_insns.def"
	default:
		break;
	}
#undef I
	memset(memory, 0, PROGRAM_INSN_SIZE);
}

static void instruction(const struct program_step *s)
{
	uint32_t a = s->a, b = 0, c = 0, d = 0;

	switch (s->op) {
	case PROGRAM_INSN:
		insn(s->a % PROGRAM_INSNS, s->b % 8);
		break;
	case PROGRAM_CPUID:
		INSN("cpuid", OUT("+a"(a), "+b"(b), "+c"(c), "+d"(d)));
		break;
	case PROGRAM_VMCALL:
		INSN("vmcall", OUT("+a"(a), "+b"(b)));
		break;
	case PROGRAM_IN:
		d = 0x70 + s->a;
		INSN("in %%dx, %%al", OUT("+a"(a)), "d"(d));
		break;
	case PROGRAM_OUT:
		d = 0x70 + s->a;
		INSN("out %%al, %%dx", , "a"(a), "d"(d));
		break;
	case PROGRAM_CLTS:
		INSN("clts", , "a"(0));
		break;
	case PROGRAM_WBINVD:
		INSN("wbinvd", , "a"(0));
		break;
	case PROGRAM_PAUSE:
		INSN("pause", , "a"(0));
		break;
	case PROGRAM_RDPMC:
		c = 0x7fff;
		INSN("rdpmc", OUT("+a"(a), "+d"(d)), "c"(c));
		break;
	case PROGRAM_FREEZE:
	case PROGRAM_FREEZE_BEHIND:
		seen->mark = PROGRAM_MARK(s);
		INSN("out %%al, %%dx", , "a"(0), "d"(FREEZE_IO_PORT));
		seen->mark = 0;
		if (s->b >= PROGRAM_ASLEEP)
			INSN("sti; hlt; cli", , "a"(0));
		break;
	}
}

static void step(const struct program_step *s)
{
	uint64_t val;

	if (s->op == PROGRAM_RDMSR || s->op == PROGRAM_WRMSR)
		val = msr(s);
	else
		val = memory(s) ^ read_register(s);
	write_register(s);
	event(s);
	instruction(s);
	saw(PROGRAM_SAW_VALUE, s->op, val);
}

static void program(struct l2_shared *shared)
{
	const struct program_step *s;

	data = shared->data_va;
	s = (const void *)(data + (shared->data_pages - 1) * 4096);
	seen = (void *)(data + (shared->data_pages - 2) * 4096);
	l2_on_interrupt = on_interrupt;
	l2_on_exception = on_exception;
	for (now = 0; s[now].op; now++)
		step(&s[now]);
	for (;;)
		l2_tell(PROGRAM_TELLS_END);
}

L2_SCENARIO(program, program);
