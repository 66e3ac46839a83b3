/* SPDX-License-Identifier: BSD-2-Clause */
/* An L2 that does what L1 wrote down; told of in l2guest/script.h. */
#include "l2guest/script.h"
#include "l2guest/l2.h"

static unsigned traced;
/* Where interrupts must come in now (0: anywhere), and where one came in instead. */
static uint64_t boundary, stray;

static void trace(uint8_t byte)
{
	if (traced < sizeof(l2_shared->val) - 1)
		((uint8_t *)l2_shared->val)[traced++] = byte;
}

/* Runs @insns, in which label 1 is where interrupts must come in; operands behind it: inputs. */
#define WITH_BOUNDARY(insns, ...)              \
	asm volatile("lea 1f(%%rip), %%r8\n\t" \
		     "mov %%r8, %0\n\t" insns  \
		     : "=m"(boundary)          \
		     : __VA_ARGS__             \
		     : "r8", "memory", "cc")

static void settle(void)
{
	uint64_t expected = boundary, found = stray ? stray : boundary;

	boundary = stray = 0;
	l2_expect("where L2 was interrupted", expected, found);
}

static void write_apic(uint32_t msr, uint8_t val)
{
	WITH_BOUNDARY("wrmsr; 1:", "c"(msr), "a"(val), "d"(0));
	settle();
}

/* The code of script_code() may exit by VMCALL. */
static void call(uint8_t before)
{
	uint64_t page = l2_shared->data_va + SCRIPT_PAGE_2 * PAGE_SIZE;

	boundary = page + 1;
	asm volatile("call *%0" ::"r"(page - before), "a"((uint64_t)L2_CALL_TELL),
		     "b"((uint64_t)SCRIPT_CALLS)
		     : "memory", "cc");
}

static void run(const struct script_step *s)
{
	for (; s->op != OP_END && s->op != OP_HANDLER; s++) {
		switch (s->op) {
		case OP_TELL:
			l2_tell(s->arg);
			break;
		case OP_MARK:
			trace(s->arg);
			break;
		case OP_FREEZE:
			l2_freeze();
			break;
		case OP_STI:
			WITH_BOUNDARY("sti; nop; 1: nop");
			settle();
			break;
		case OP_CLI:
			asm volatile("cli" ::: "memory");
			break;
		case OP_LET_IN:
			WITH_BOUNDARY("sti; nop; 1: cli");
			settle();
			break;
		case OP_STI_FREEZE:
			WITH_BOUNDARY("sti; outb %%al, %1; 1: cli", "N"(FREEZE_IO_PORT));
			settle();
			break;
		case OP_SLEEP:
			WITH_BOUNDARY("sti; hlt; 1: cli");
			settle();
			break;
		case OP_CALL:
			call(s->arg);
			settle();
			break;
		case OP_SELF_IPI:
			write_apic(MSR_X2APIC_SELF_IPI, s->arg);
			break;
		case OP_TPR:
			write_apic(MSR_X2APIC_TPR, s->arg);
			break;
		case OP_EOI:
			write_apic(MSR_X2APIC_EOI, 0);
			break;
		case OP_PPR:
			l2_expect("L2's PPR", s->arg, rdmsr(MSR_X2APIC_PPR));
			break;
		}
	}
}

static bool on_interrupt(struct trap_frame *f)
{
	struct script_step *s = (struct script_step *)l2_shared->arg, *end = s + SCRIPT_STEPS;
	uint64_t expected = boundary;

	if (expected && f->rip != expected)
		stray = f->rip;
	boundary = 0;
	trace(f->vector);
	while (s < end && !(s->op == OP_HANDLER && s->arg == f->vector))
		s++;
	if (s < end) {
		s->arg = 0;
		run(s + 1);
		asm volatile("cli" ::: "memory");
	}
	trace(SCRIPT_LEFT);
	boundary = expected;
	return s < end;
}

static void script(struct l2_shared *shared)
{
	l2_on_interrupt = on_interrupt;
	run((const struct script_step *)shared->arg);
	for (;;)
		l2_tell(SCRIPT_ENDED);
}

L2_SCENARIO(script, script);
