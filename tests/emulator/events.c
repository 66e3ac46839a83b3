/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What comes between VM entry and L2's next instruction: monitor trap flag, VMX-preemption timer,
 * interrupt and NMI windows, activity states, and injected events whose delivery faults. SDM,
 * chapters "VM Entries" (event injection, special features), "VMX Non-Root Operation", "VM Exits".
 */
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/idt.h"
#include "lib/ktap.h"
#include "lib/x2apic.h"
#include "tests/emulator/code.h"

#define NOP	     "\x90"
#define REP_MOVSB    "\xf3\xa4"
#define INTR_OTHER   7 /* type of "other event": the monitor trap flag */
#define VECTOR	     0x60
#define PENDING_BS   (1 << 14)
#define LIMIT_TICKS  2000000
#define LONG_TICKS   (1u << 30)
#define ERROR_EXT    1
#define ERROR_IDT(v) ((v) << 3 | 2)

static struct l2 l2;

/* L2 in front of @code, with an IDT. */
static void create(void)
{
	l2_create_plain(&l2, "tell");
	l2_tells(&l2, 1);
	code_l2(&l2);
	CODE(NOP NOP CPUID);
}

/* From CODE_VA, the offset of L2's handler of @vector. */
static uint64_t handler(uint8_t vector)
{
	const struct idt_entry *gate =
		l2_image_address(&l2, vmcs_read(GUEST_IDTR_BASE) + vector * sizeof(*gate));

	return (gate->offset_0 | (uint32_t)gate->offset_16 << 16) - CODE_VA;
}

static void inject(uint32_t info, unsigned len, uint32_t error)
{
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, info);
	vmcs_write(VM_ENTRY_INSTRUCTION_LEN, len);
	vmcs_write(VM_ENTRY_EXCEPTION_ERROR_CODE, error);
}

/* Back in front of the code, awake, with nothing pending. */
static void rewind(void)
{
	vmcs_write(GUEST_RIP, CODE_VA);
	vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED);
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, 0);
	vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	vmcs_write(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	inject(0, 0, 0);
}

static bool has_shutdown(void)
{
	char why[160];

	return vmx_misc_cap(MISC_CAP_SHUTDOWN, "", why, sizeof(why));
}

static bool possible_hlt(char *why, size_t size)
{
	return vmx_misc_cap(MISC_CAP_HLT, "HLT state", why, size);
}

/* ---- monitor trap flag ---------------------------------------------------------------------- */

static void trap_flag(void)
{
	create();
	vmx_control_set(VMX_CPU_MONITOR_TRAP_FLAG, true);
	code_exits(&l2, EXIT_REASON_MONITOR_TRAP_FLAG, 1);
	code_exits(&l2, EXIT_REASON_MONITOR_TRAP_FLAG, 2);
	code_exits(&l2, EXIT_REASON_CPUID, 2); /* instead of the trap behind it */
	/* Behind an injected event comes no instruction first. */
	rewind();
	inject(intr_info(INTR_HARD_EXCEPTION, VECTOR_UD), 0, 0);
	code_exits(&l2, EXIT_REASON_MONITOR_TRAP_FLAG, handler(VECTOR_UD));
	/* Injected itself, with the control on and off. */
	for (unsigned on = 0; on < 2; on++) {
		rewind();
		vmx_control_set(VMX_CPU_MONITOR_TRAP_FLAG, on);
		inject(intr_info(INTR_OTHER, 0), 0, 0);
		code_exits(&l2, EXIT_REASON_MONITOR_TRAP_FLAG, 0);
	}
	/* Behind each iteration. */
	CODE(REP_MOVSB CPUID);
	l2.regs.rsi = DATA_VA;
	l2.regs.rdi = DATA_VA + 64;
	l2.regs.rcx = 3;
	for (unsigned left = 3; left--;)
		if (!code_exits(&l2, EXIT_REASON_MONITOR_TRAP_FLAG, left ? 0 : 2) ||
		    !ktap_check("iterations left", left, l2.regs.rcx))
			break;
	l2_destroy_all();
}

/* ---- VMX-preemption timer ------------------------------------------------------------------- */

static void timer(uint64_t ticks)
{
	vmcs_write(VMX_PREEMPTION_TIMER_VALUE, ticks >> vmx_preemption_timer_shift());
}

/* An entry with the timer at 0, in @activity. */
static void expires_at_once(const char *what, uint64_t activity, uint64_t offset)
{
	vmcs_write(GUEST_ACTIVITY_STATE, activity);
	timer(0);
	if (code_exits(&l2, EXIT_REASON_PREEMPTION_TIMER, offset))
		ktap_check(what, activity, vmcs_read(GUEST_ACTIVITY_STATE));
	ktap_check("timer value", 0, vmcs_read(VMX_PREEMPTION_TIMER_VALUE));
	rewind();
}

static void timer_zero(void)
{
	create();
	vmx_control_set(VMX_PIN_PREEMPTION_TIMER, true);
	vmx_control_set(VMX_EXIT_SAVE_PREEMPTION_TIMER, true);
	timer(LONG_TICKS); /* what is left of this one does not count */
	code_exits(&l2, EXIT_REASON_CPUID, 2);
	rewind();
	expires_at_once("active", GUEST_ACTIVITY_ACTIVE, 0);
	expires_at_once("HLT", GUEST_ACTIVITY_HLT, 0);
	if (has_shutdown())
		expires_at_once("shutdown", GUEST_ACTIVITY_SHUTDOWN, 0);
	inject(intr_info(INTR_HARD_EXCEPTION, VECTOR_UD), 0, 0);
	expires_at_once("behind an event", GUEST_ACTIVITY_ACTIVE, handler(VECTOR_UD));
	/* A pending debug exception comes first. */
	vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, PENDING_BS);
	vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_TF);
	timer(0);
	code_faults(&l2, VECTOR_DB, 0);
	l2_destroy_all();
}

/* It counts the ticks of the TSC, 1 for every 1 << shift of them, and is saved. */
static void timer_counts(void)
{
	unsigned shift = vmx_preemption_timer_shift();
	uint64_t begin, end, left, start = LIMIT_TICKS >> shift;

	create();
	vmx_control_set(VMX_PIN_PREEMPTION_TIMER, true);
	vmx_control_set(VMX_EXIT_SAVE_PREEMPTION_TIMER, true);
	CODE("\xeb\xfe"); /* JMP to itself */
	timer(LIMIT_TICKS);
	begin = rdtsc();
	if (code_exits(&l2, EXIT_REASON_PREEMPTION_TIMER, 0))
		ktap_check("fires too early", 0, rdtsc() - begin + (1 << shift) < LIMIT_TICKS);
	CODE(CPUID);
	timer(LIMIT_TICKS);
	begin = rdtsc();
	if (code_exits(&l2, EXIT_REASON_CPUID, 0)) {
		end = rdtsc();
		left = vmcs_read(VMX_PREEMPTION_TIMER_VALUE);
		ktap_check("counts more than passes", 0,
			   start - left > ((end - begin) >> shift) + 1);
	}
	vmx_control_set(VMX_EXIT_SAVE_PREEMPTION_TIMER, false);
	timer(LIMIT_TICKS);
	if (code_exits(&l2, EXIT_REASON_CPUID, 0))
		ktap_check("value that is not saved", start, vmcs_read(VMX_PREEMPTION_TIMER_VALUE));
	l2_destroy_all();
}

/* ---- windows -------------------------------------------------------------------------------- */

static void enter_with(uint64_t rflags, uint64_t interruptibility, uint64_t activity)
{
	rewind();
	vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED | rflags);
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, interruptibility);
	vmcs_write(GUEST_ACTIVITY_STATE, activity);
	timer(LIMIT_TICKS);
}

static void exits_in(uint32_t reason, uint64_t offset, uint64_t activity)
{
	if (code_exits(&l2, reason, offset))
		ktap_check("activity state", activity, vmcs_read(GUEST_ACTIVITY_STATE));
}

static void interrupt_window(void)
{
	create();
	vmx_control_set(VMX_PIN_PREEMPTION_TIMER, true);
	vmx_control_set(VMX_CPU_INTR_WINDOW_EXITING, true);
	enter_with(RFLAGS_IF, 0, GUEST_ACTIVITY_ACTIVE);
	exits_in(EXIT_REASON_INTERRUPT_WINDOW, 0, GUEST_ACTIVITY_ACTIVE);
	enter_with(RFLAGS_IF, GUEST_INTR_STATE_STI, GUEST_ACTIVITY_ACTIVE);
	exits_in(EXIT_REASON_INTERRUPT_WINDOW, 1, GUEST_ACTIVITY_ACTIVE);
	enter_with(RFLAGS_IF, GUEST_INTR_STATE_MOV_SS, GUEST_ACTIVITY_ACTIVE);
	exits_in(EXIT_REASON_INTERRUPT_WINDOW, 1, GUEST_ACTIVITY_ACTIVE);
	enter_with(0, 0, GUEST_ACTIVITY_ACTIVE);
	exits_in(EXIT_REASON_CPUID, 2, GUEST_ACTIVITY_ACTIVE);
	enter_with(RFLAGS_IF, 0, GUEST_ACTIVITY_HLT);
	exits_in(EXIT_REASON_INTERRUPT_WINDOW, 0, GUEST_ACTIVITY_HLT);
	enter_with(0, 0, GUEST_ACTIVITY_HLT);
	exits_in(EXIT_REASON_PREEMPTION_TIMER, 0, GUEST_ACTIVITY_HLT);
	if (!has_shutdown())
		goto end;
	/* Shutdown blocks it, and RFLAGS stays as it is. */
	enter_with(RFLAGS_IF, 0, GUEST_ACTIVITY_SHUTDOWN);
	exits_in(EXIT_REASON_PREEMPTION_TIMER, 0, GUEST_ACTIVITY_SHUTDOWN);
	ktap_check("RFLAGS.IF in shutdown", RFLAGS_IF, vmcs_read(GUEST_RFLAGS) & RFLAGS_IF);
end:
	l2_destroy_all();
}

static void nmi_window(void)
{
	create();
	vmx_control_set(VMX_PIN_PREEMPTION_TIMER, true);
	vmx_control_set(VMX_PIN_VIRTUAL_NMIS, true);
	vmx_control_set(VMX_CPU_NMI_WINDOW_EXITING, true);
	enter_with(0, 0, GUEST_ACTIVITY_ACTIVE);
	exits_in(EXIT_REASON_NMI_WINDOW, 0, GUEST_ACTIVITY_ACTIVE);
	enter_with(0, GUEST_INTR_STATE_MOV_SS, GUEST_ACTIVITY_ACTIVE);
	exits_in(EXIT_REASON_NMI_WINDOW, 1, GUEST_ACTIVITY_ACTIVE);
	enter_with(0, GUEST_INTR_STATE_NMI, GUEST_ACTIVITY_ACTIVE);
	exits_in(EXIT_REASON_CPUID, 2, GUEST_ACTIVITY_ACTIVE);
	ktap_check("blocking by NMI", GUEST_INTR_STATE_NMI, vmcs_read(GUEST_INTERRUPTIBILITY_INFO));
	enter_with(0, 0, GUEST_ACTIVITY_HLT);
	exits_in(EXIT_REASON_NMI_WINDOW, 0, GUEST_ACTIVITY_HLT);
	if (has_shutdown()) {
		enter_with(0, 0, GUEST_ACTIVITY_SHUTDOWN);
		exits_in(EXIT_REASON_NMI_WINDOW, 0, GUEST_ACTIVITY_SHUTDOWN);
	}
	l2_destroy_all();
}

/* ---- shutdown ------------------------------------------------------------------------------- */

/* It blocks external interrupts, which then wait for L1; not so NMIs of VM entry. */
static void shutdown_blocks(void)
{
	create();
	vmx_control_set(VMX_PIN_PREEMPTION_TIMER, true);
	apic_timer_arm(VECTOR, 1);
	while (!apic_timer_expired())
		cpu_relax();
	enter_with(RFLAGS_IF, 0, GUEST_ACTIVITY_SHUTDOWN);
	exits_in(EXIT_REASON_PREEMPTION_TIMER, 0, GUEST_ACTIVITY_SHUTDOWN);
	ktap_check("interrupt waits", 1, apic_irr(VECTOR));
	apic_drain();
	enter_with(0, 0, GUEST_ACTIVITY_SHUTDOWN);
	inject(intr_info(INTR_NMI, VECTOR_NMI), 0, 0);
	vmx_control_set(VMX_CPU_MONITOR_TRAP_FLAG, true);
	exits_in(EXIT_REASON_MONITOR_TRAP_FLAG, handler(VECTOR_NMI), GUEST_ACTIVITY_ACTIVE);
	ktap_check("blocking by NMI", GUEST_INTR_STATE_NMI, vmcs_read(GUEST_INTERRUPTIBILITY_INFO));
	l2_destroy_all();
}

static bool possible_shutdown(char *why, size_t size)
{
	return vmx_misc_cap(MISC_CAP_SHUTDOWN, "shutdown state", why, size);
}

/* ---- delivery that faults ------------------------------------------------------------------- */

/* The IDT has no gate for the event: #GP, whose error code names the vector. */
static void delivery_faults(void)
{
	static const struct {
		uint32_t info;
		uint8_t len, error, ext;
	} events[] = {
		{1u << 31 | INTR_EXTERNAL << 8 | 0x80, 0, 0, ERROR_EXT},
		{1u << 31 | INTR_NMI << 8 | VECTOR_NMI, 0, 0, ERROR_EXT},
		{1u << 31 | INTR_HARD_EXCEPTION << 8 | VECTOR_UD, 0, 0, ERROR_EXT},
		{1u << 31 | INTR_HARD_EXCEPTION << 8 | INTR_ERROR_CODE | VECTOR_PF, 0, 6,
		 ERROR_EXT},
		{1u << 31 | INTR_SOFT_INT << 8 | 0x80, 2, 0, 0},
		{1u << 31 | INTR_PRIV_EXCEPTION << 8 | VECTOR_DB, 1, 0, ERROR_EXT},
		{1u << 31 | INTR_SOFT_EXCEPTION << 8 | 3, 1, 0, 0},
	};

	create();
	vmcs_write(GUEST_IDTR_LIMIT, 0);
	for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		uint8_t vector = events[i].info & 0xff;

		rewind();
		if (events[i].info == intr_info(INTR_EXTERNAL, vector))
			vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
		inject(events[i].info, events[i].len, events[i].error);
		if (!code_faults(&l2, VECTOR_GP, 0))
			continue;
		ktap_check("error code", ERROR_IDT(vector) | events[i].ext,
			   vmcs_read(VM_EXIT_INTR_ERROR_CODE));
		ktap_check("IDT-vectoring information", events[i].info,
			   vmcs_read(IDT_VECTORING_INFO_FIELD));
		if (events[i].info & INTR_ERROR_CODE)
			ktap_check("IDT-vectoring error code", events[i].error,
				   vmcs_read(IDT_VECTORING_ERROR_CODE));
		if (events[i].len)
			ktap_check("instruction length", events[i].len,
				   vmcs_read(VM_EXIT_INSTRUCTION_LEN));
	}
	/* #GP on the way to #PF is #DF; that one, too: shutdown. */
	rewind();
	vmcs_write(EXCEPTION_BITMAP, 1 << VECTOR_DF);
	inject(intr_info(INTR_HARD_EXCEPTION, VECTOR_PF) | INTR_ERROR_CODE, 0, 6);
	if (code_faults(&l2, VECTOR_DF, 0))
		ktap_check("IDT-vectoring information valid", 0,
			   vmcs_read(IDT_VECTORING_INFO_FIELD) >> 31);
	rewind();
	vmcs_write(EXCEPTION_BITMAP, 0);
	inject(intr_info(INTR_HARD_EXCEPTION, VECTOR_PF) | INTR_ERROR_CODE, 0, 6);
	if (code_exits(&l2, EXIT_REASON_TRIPLE_FAULT, 0))
		ktap_check("IDT-vectoring information valid", 0,
			   vmcs_read(IDT_VECTORING_INFO_FIELD) >> 31);
	l2_destroy_all();
}

SCENARIO(cpu_mtf, NEEDS(L2_BASE, VMX_CPU_MONITOR_TRAP_FLAG), RUN(trap_flag));
SCENARIO(cpu_timer_zero, NEEDS(L2_BASE, VMX_PIN_PREEMPTION_TIMER, VMX_EXIT_SAVE_PREEMPTION_TIMER),
	 RUN(timer_zero, .possible = possible_hlt));
SCENARIO(cpu_timer_counts, NEEDS(L2_BASE, VMX_PIN_PREEMPTION_TIMER, VMX_EXIT_SAVE_PREEMPTION_TIMER),
	 RUN(timer_counts));
SCENARIO(cpu_interrupt_window,
	 NEEDS(L2_BASE, VMX_CPU_INTR_WINDOW_EXITING, VMX_PIN_PREEMPTION_TIMER),
	 RUN(interrupt_window, .possible = possible_hlt));
SCENARIO(cpu_nmi_window,
	 NEEDS(L2_BASE, VMX_PIN_VIRTUAL_NMIS, VMX_CPU_NMI_WINDOW_EXITING, VMX_PIN_PREEMPTION_TIMER),
	 RUN(nmi_window, .possible = possible_hlt));
SCENARIO(cpu_shutdown, NEEDS(L2_BASE, VMX_PIN_PREEMPTION_TIMER, VMX_CPU_MONITOR_TRAP_FLAG),
	 RUN(shutdown_blocks, .possible = possible_shutdown));
SCENARIO(cpu_delivery_faults, NEEDS(L2_BASE), RUN(delivery_faults));
