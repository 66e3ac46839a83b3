/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interprets the programs of `midflight fuzz` (l2guest/program.h), one a hop: L1's steps, the
 * answers to L2's exits, and the trace. It checks nothing: the host compares traces.
 */
#include "boot/trap.h"
#include "hv/ept.h"
#include "hv/page_names.h"
#include "hv/programs/program_parts.h"
#include "hv/scenario.h"
#include "hv/smm.h"
#include "hv/steps.h"
#include "hv/vmx.h"
#include "lib/cpu.h"
#include "lib/string.h"
#include "lib/x2apic.h"

#define FAILED_MAX 3 /* VM entries that fail, then the program ends */

static struct program_lists given __attribute__((aligned(4096)));
static uint64_t l1_msr[PROGRAM_L1_MSR_COUNT]; /* L1's own, when the first program began */

/* ---- answers to exits ----------------------------------------------------------------------- */

/* An event that the exit has interrupted comes again, an exception that was L2's goes to L2. */
static void give_back(uint32_t reason)
{
	uint32_t info = program_field(IDT_VECTORING_INFO_FIELD),
		 code = program_field(IDT_VECTORING_ERROR_CODE);

	if (reason == EXIT_REASON_EXCEPTION_NMI) {
		info = program_field(VM_EXIT_INTR_INFO);
		code = program_field(VM_EXIT_INTR_ERROR_CODE);
		if ((info & 0xff) == VECTOR_PF && (info >> 8 & 7) == INTR_HARD_EXCEPTION)
			write_cr2(program_field(EXIT_QUALIFICATION));
		if ((info >> 8 & 7) == INTR_NMI)
			return;
	}
	if (!(info >> 31))
		return;
	program_set_field(VM_ENTRY_INTR_INFO_FIELD,
			  info & ~(1u << 12)); /* NMI unblocking by IRET */
	program_set_field(VM_ENTRY_EXCEPTION_ERROR_CODE, code);
	/* Of another event the SDM leaves the length undefined. */
	program_set_field(VM_ENTRY_INSTRUCTION_LEN, (info >> 8 & 7) >= INTR_SOFT_INT
							    ? program_field(VM_EXIT_INSTRUCTION_LEN)
							    : 0);
}

static void answer_ept(void)
{
	const uint64_t gpa = program_field(GUEST_PHYSICAL_ADDRESS) & ~(PAGE_SIZE - 1);

	for (unsigned i = 0; i < PROGRAM_PAGES; i++)
		if (l2_data_gpa(&run.l2, i) == gpa)
			program_map(i, EPT_RWX);
	if (run.gone && run.gone == ept_leaf(run.l2.ept, gpa)) {
		*run.gone = run.gone_leaf;
		run.gone = NULL;
		invept_all();
	}
}

/* What must be done whatever L1's steps say: an interrupt taken is ended, an NMI unblocked. */
static void take(uint32_t reason)
{
	const uint32_t info = program_field(VM_EXIT_INTR_INFO);

	if (reason == EXIT_REASON_EXTERNAL_INTERRUPT && info >> 31)
		wrmsr(MSR_X2APIC_EOI, 0);
	else if (reason == EXIT_REASON_EXTERNAL_INTERRUPT)
		apic_drain();
	else if (reason == EXIT_REASON_EXCEPTION_NMI && (info >> 8 & 7) == INTR_NMI)
		l2_unblock_nmi();
}

static void answer(uint32_t reason)
{
	switch (reason) {
	case EXIT_REASON_INTERRUPT_WINDOW:
		program_control(VMX_CPU_INTR_WINDOW_EXITING, false);
		break;
	case EXIT_REASON_NMI_WINDOW:
		program_control(VMX_CPU_NMI_WINDOW_EXITING, false);
		break;
	case EXIT_REASON_MONITOR_TRAP_FLAG:
		program_control(VMX_CPU_MONITOR_TRAP_FLAG, false);
		break;
	case EXIT_REASON_TPR_BELOW_THRESHOLD:
		program_set_field(TPR_THRESHOLD, 0);
		break;
	case EXIT_REASON_PREEMPTION_TIMER:
		program_control(VMX_PIN_PREEMPTION_TIMER, false);
		break;
	case EXIT_REASON_EPT_VIOLATION:
	case EXIT_REASON_EPT_MISCONFIG:
		answer_ept();
		break;
	default:
		if (!program_is_event(reason))
			program_set_field(GUEST_RIP,
					  program_field(GUEST_RIP) +
						  program_field(VM_EXIT_INSTRUCTION_LEN));
	}
	if (program_is_event(reason) && program_field(GUEST_ACTIVITY_STATE))
		program_set_field(GUEST_ACTIVITY_STATE, 0); /* or L2 sleeps for ever */
	give_back(reason);
}

/* ---- the flight ----------------------------------------------------------------------------- */

static void create(void)
{
	for (unsigned i = 0; i < PROGRAM_L1_MSR_COUNT; i++) /* first: some go into the VMCS */
		wrmsr(program_l1_msrs[i], l1_msr[i]);
	if (run.program.flags & PROGRAM_APICV)
		l2_create(&run.l2, "program");
	else
		l2_create_plain(&run.l2, "program");
	memcpy(l2_data_page(&run.l2, L2_DATA_PAGES - 1), run.program.l2, sizeof(run.program.l2));
	for (unsigned i = 0; i < PROGRAM_PAGES; i++)
		*(uint8_t *)l2_data_page(&run.l2, i) = 0xc3; /* RET */
	run.trace.l2_log = page_gpa(program_log());
	run.trace.pi_desc = run.l2.pi ? page_gpa(run.l2.pi) : 0;
	memset(run.msr_area, 0, sizeof(run.msr_area));
	memset(run.vmcs_page, 0, sizeof(run.vmcs_page));
	*(uint32_t *)run.vmcs_page = vmx_revision();
	run.other_vmcs = page_gpa(run.vmcs_page);
	run.gone = NULL;
	run.l1_did = 0;
	program_fill_pages();
	vmcs_forget();
	for (unsigned v = 0; v < 256; v++)
		run.irqs[v] = trap_count(v);
}

static void enter_until_end(void)
{
	for (unsigned failed = 0; run.trace.exits < PROGRAM_EXITS_MAX && failed < FAILED_MAX;) {
		enum l2_entry_result result;
		uint32_t reason;

		program_steps();
		result = vmx_enter(&run.l2.regs, run.l2.launched);
		reason = program_field(VM_EXIT_REASON);
		run.entry_error =
			result == L2_ENTRY_FAIL_VALID ? program_field(VM_INSTRUCTION_ERROR) : 0;
		if (result == L2_ENTRY_OK && !(reason & VMX_EXIT_REASONS_FAILED_VMENTRY)) {
			run.l2.launched = true;
			take(reason);
		}
		program_trace_exit(result);
		if (result != L2_ENTRY_OK || (reason & VMX_EXIT_REASONS_FAILED_VMENTRY))
			failed++;
		else if (reason == EXIT_REASON_TRIPLE_FAULT ||
			 (reason == EXIT_REASON_VMCALL && run.l2.regs.rbx == PROGRAM_TELLS_END))
			break;
		else if (run.answers)
			answer(reason);
	}
}

static void fly(void)
{
	static bool told;

	if (!told) {
		page_announce("fuzz program", &given, 1);
		page_announce("fuzz trace", &run.trace, PROGRAM_TRACE_PAGES);
		page_announce_nothing();  /* each line takes longer than a program */
		wrmsr(MSR_IA32_FMASK, 0); /* Bochs starts with another value */
		for (unsigned i = 0; i < PROGRAM_L1_MSR_COUNT; i++)
			l1_msr[i] = rdmsr(program_l1_msrs[i]);
		smi_handler_install();
	}
	told = true;
	run.program = given;
	memset(&run.trace, 0, sizeof(run.trace));
	memset(&run.l2, 0, sizeof(run.l2));
	run.next_step = 0;
	create();
	program_offers(&run.trace.offers);
	enter_until_end();
	program_trace_end();
	run.trace.done = 1;
	freeze_point();
}

static void fly_module(void)
{
	fly();
	while (program_module_next(&given)) {
		l2_destroy_all();
		fly();
		program_module_tell(&run.trace);
	}
}

SCENARIO(program, NEEDS(L2_ANY), FLY(fly_module),
	 TITLE("what `midflight fuzz` has L1 and L2 do; by itself an L2 that only ends"),
	 PROMISE("a program leaves the same trace with and without a snapshot"),
	 HOST("writes the program, freezes at its marks, compares traces (docs/fuzz.md)"),
	 BUG("whatever it finds"), FAILURE("another trace"), FREEZE(port), PROOF("vmxon !l2"));
