/* SPDX-License-Identifier: BSD-2-Clause */
/* The trace of a program (l2guest/program_trace.def): of each exit, and of the end. */
#include "boot/trap.h"
#include "hv/ept.h"
#include "hv/evmcs.h"
#include "hv/programs/program_parts.h"
#include "hv/steps.h"
#include "hv/vmx.h"
#include "hv/vmx_caps.h"
#include "lib/cpu.h"
#include "lib/x2apic.h"

#define SUM_MULTIPLY	   0x9e3779b97f4a7c15ull
#define VECTORS_FROM	   32
#define ADVANCED_EXIT_INFO 0xe00ull /* of an EPT violation's qualification */

/* ---- the VMCS, whatever is in it ----------------------------------------------------------- */

uint64_t program_field(enum vmcs_field f)
{
	uint64_t val;

	if (!program_offers_field(f))
		return 0;
	if (vmcs_enlightened())
		return evmcs_has(f) ? evmcs_read(vmcs_enlightened(), f) : 0;
	return vmread(vmcs_encoding(f), &val) ? val : 0;
}

void program_set_field(enum vmcs_field f, uint64_t val)
{
	if (!program_offers_field(f))
		return;
	if (!vmcs_enlightened()) {
		vmwrite(vmcs_encoding(f), val);
	} else if (evmcs_has(f)) {
		evmcs_write(vmcs_enlightened(), f, val);
		evmcs_dirty(vmcs_enlightened(), evmcs_group(f));
	}
}

struct program_run run;

const uint32_t program_l1_msrs[PROGRAM_L1_MSR_COUNT] = {PROGRAM_L1_MSRS};

/* ---- the trace ------------------------------------------------------------------------------ */

static void put(uint64_t val)
{
	if (run.trace.words < sizeof(run.trace.word) / sizeof(run.trace.word[0]))
		run.trace.word[run.trace.words++] = val;
}

static uint64_t sum(const void *p, size_t size)
{
	const uint64_t *word = p;
	uint64_t s = size;

	for (size_t i = 0; i < size / sizeof(*word); i++)
		s = (s ^ word[i]) * SUM_MULTIPLY + (s >> 29);
	return s;
}

static uint64_t l1_irqs(void)
{
	uint64_t s = 0;

	for (unsigned v = VECTORS_FROM; v < 256; v++)
		s = s * 31 + trap_count(v) - run.irqs[v];
	return s;
}

struct program_log *program_log(void)
{
	return (struct program_log *)l2_data_page(&run.l2, L2_DATA_PAGES - 2);
}

/* Which exits are no instruction's; none of them is skipped. */
bool program_is_event(uint32_t reason)
{
	switch (reason) {
	case EXIT_REASON_EXCEPTION_NMI:
	case EXIT_REASON_EXTERNAL_INTERRUPT:
	case EXIT_REASON_INIT_SIGNAL:
	case EXIT_REASON_SIPI_SIGNAL:
	case EXIT_REASON_INTERRUPT_WINDOW:
	case EXIT_REASON_NMI_WINDOW:
	case EXIT_REASON_MONITOR_TRAP_FLAG:
	case EXIT_REASON_TPR_BELOW_THRESHOLD:
	case EXIT_REASON_EPT_VIOLATION:
	case EXIT_REASON_EPT_MISCONFIG:
	case EXIT_REASON_PREEMPTION_TIMER:
	case EXIT_REASON_EOI_INDUCED:
	case EXIT_REASON_APIC_WRITE:
	case EXIT_REASON_PML_FULL:
		return true;
	}
	return false;
}

/* @f of an exit by @reason; 0 where the SDM leaves it undefined ("Information for VM Exits ...").
 */
static uint64_t defined(enum vmcs_field f, uint32_t reason)
{
	const bool ept = reason == EXIT_REASON_EPT_VIOLATION || reason == EXIT_REASON_EPT_MISCONFIG;
	bool is = true;

	switch (f) {
	case EXIT_QUALIFICATION:
		if (reason == EXIT_REASON_EPT_VIOLATION &&
		    !program_offers_ept(EPT_CAP_ADVANCED_EXIT_INFO))
			return program_field(f) & ~ADVANCED_EXIT_INFO;
		break;
	case GUEST_LINEAR_ADDRESS:
		is = reason == EXIT_REASON_EPT_VIOLATION &&
		     (program_field(EXIT_QUALIFICATION) & 1 << 7);
		break;
	case GUEST_PHYSICAL_ADDRESS:
		is = ept;
		break;
	case VM_EXIT_INTR_ERROR_CODE:
		is = program_field(VM_EXIT_INTR_INFO) & INTR_ERROR_CODE;
		break;
	case IDT_VECTORING_ERROR_CODE:
		is = program_field(IDT_VECTORING_INFO_FIELD) & INTR_ERROR_CODE;
		break;
	case VMX_INSTRUCTION_INFO:
		is = reason == EXIT_REASON_GDTR_IDTR || reason == EXIT_REASON_LDTR_TR;
		break;
	case VM_EXIT_INSTRUCTION_LEN:
		is = !program_is_event(reason) && !(reason & VMX_EXIT_REASONS_FAILED_VMENTRY);
		break;
	default:
		break;
	}
	return is ? program_field(f) : 0;
}

void program_trace_exit(enum l2_entry_result result)
{
	const uint32_t reason = program_field(VM_EXIT_REASON);
	const uint64_t entry = result, instruction_error = run.entry_error,
		       l2_registers = sum(&run.l2.regs, sizeof(run.l2.regs)),
		       l2_saw = program_log()->count, l1_interrupts = l1_irqs(),
		       l1_did = run.l1_did;

	run.trace.exits++;
#define V(name) put(name);
#define X(name) put(defined(name, reason));
#include "l2guest/program_trace.def"
#undef X
#undef V
	run.l1_did = 0;
}

/* What is left when all is over; in the order that host/fuzz/trace.c names. */
void program_trace_end(void)
{
	for (unsigned f = 0; f < VMCS_FIELDS; f++)
		put(vmcs_is_info(f) || f == VMX_PREEMPTION_TIMER_VALUE ? 0 : program_field(f));
	for (unsigned i = 0; i < PROGRAM_PAGES; i++)
		put(sum(l2_data_page(&run.l2, i), PAGE_SIZE));
	for (unsigned i = 0; i < PROGRAM_PAGES; i++)
		put(*ept_leaf(run.l2.ept, l2_data_gpa(&run.l2, i)) & ~EPT_ADDRESS);
	for (unsigned i = 0; i < PROGRAM_PAGE_NOWHERE; i++)
		put(sum(run.pages[i], PAGE_SIZE));
	put(run.l2.vapic ? sum(run.l2.vapic, PAGE_SIZE) : 0);
	put(run.l2.pi ? sum(run.l2.pi, sizeof(*run.l2.pi)) : 0);
	put(sum(run.msr_area, sizeof(run.msr_area)));
	for (unsigned i = 0; i < 8; i++)
		put(rdmsr(MSR_X2APIC_IRR0 + i));
	for (unsigned i = 0; i < 8; i++)
		put(rdmsr(MSR_X2APIC_ISR0 + i));
	for (unsigned i = 0; i < PROGRAM_L1_MSR_COUNT; i++)
		put(rdmsr(program_l1_msrs[i]));
	put(read_cr0());
	put(read_cr4());
	put(read_cr8());
	put(read_dr0());
	put(read_dr1());
	put(read_dr2());
	put(read_dr3());
	put(read_dr7());
	for (unsigned i = 0; i < program_log()->count && i < PROGRAM_SEEN; i++) {
		const struct program_seen *seen = &program_log()->seen[i];

		put((uint64_t)seen->step << 32 | (uint32_t)seen->kind << 16 | seen->vector);
		put(seen->val);
	}
}
