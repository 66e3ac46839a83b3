/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interprets the programs of `midflight fuzz` (l2guest/program.h), one a hop: L1's steps, the
 * answers to L2's exits, and the trace. It checks nothing: the host compares traces.
 */
#include "boot/trap.h"
#include "hv/enlightened.h"
#include "hv/ept.h"
#include "hv/evmcs.h"
#include "hv/page_names.h"
#include "hv/programs/program_parts.h"
#include "hv/scenario.h"
#include "hv/smm.h"
#include "hv/steps.h"
#include "hv/vmx.h"
#include "lib/cpu.h"
#include "lib/string.h"
#include "lib/x2apic.h"

#define FAILED_MAX	   3 /* VM entries that fail, then the program ends */
#define SUM_MULTIPLY	   0x9e3779b97f4a7c15ull
#define VECTORS_FROM	   32
#define MSR_AREA	   8	    /* entries in each */
#define ADVANCED_EXIT_INFO 0xe00ull /* of an EPT violation's qualification */

static const uint32_t l1_msrs[] = {PROGRAM_L1_MSRS};
#define L1_MSRS (sizeof(l1_msrs) / sizeof(l1_msrs[0]))

static struct program_trace trace __attribute__((aligned(4096)));
static struct program_lists given __attribute__((aligned(4096)));
static struct program_lists program; /* as it was when the hop began */
static struct msr_entry msr_area[3][MSR_AREA] __attribute__((aligned(4096))); /* by op */
static uint64_t l1_msr[L1_MSRS]; /* L1's own, when the first program began */
static uint8_t pages[PROGRAM_PAGE_NOWHERE][PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t vmcs_page[PAGE_SIZE] __attribute__((aligned(4096)));
static uint64_t other_vmcs;	  /* the one that is not current */
static uint64_t *gone, gone_leaf; /* the EPT entry that an `unmap-own` has taken */
static uint64_t l1_did;		  /* what came of VMX instructions since the last exit */
static struct l2 l2;
static unsigned next_step; /* of L1's */
static unsigned irqs[256]; /* L1's own, when the program began */
static bool answers;	   /* what the exit asks for is done */
static uint64_t entry_error;

/* ---- the VMCS, whatever is in it ----------------------------------------------------------- */

static uint64_t field(enum vmcs_field f)
{
	uint64_t val;

	if (!program_offers_field(f))
		return 0;
	if (vmcs_enlightened())
		return evmcs_has(f) ? evmcs_read(vmcs_enlightened(), f) : 0;
	return vmread(vmcs_encoding(f), &val) ? val : 0;
}

static void set_field(enum vmcs_field f, uint64_t val)
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

/* ---- the trace ------------------------------------------------------------------------------ */

static void put(uint64_t val)
{
	if (trace.words < sizeof(trace.word) / sizeof(trace.word[0]))
		trace.word[trace.words++] = val;
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
		s = s * 31 + trap_count(v) - irqs[v];
	return s;
}

static struct program_log *l2_log(void)
{
	return (struct program_log *)l2_data_page(&l2, L2_DATA_PAGES - 2);
}

/* Which exits are no instruction's; none of them is skipped. */
static bool is_event(uint32_t reason)
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
			return field(f) & ~ADVANCED_EXIT_INFO;
		break;
	case GUEST_LINEAR_ADDRESS:
		is = reason == EXIT_REASON_EPT_VIOLATION && (field(EXIT_QUALIFICATION) & 1 << 7);
		break;
	case GUEST_PHYSICAL_ADDRESS:
		is = ept;
		break;
	case VM_EXIT_INTR_ERROR_CODE:
		is = field(VM_EXIT_INTR_INFO) & INTR_ERROR_CODE;
		break;
	case IDT_VECTORING_ERROR_CODE:
		is = field(IDT_VECTORING_INFO_FIELD) & INTR_ERROR_CODE;
		break;
	case VMX_INSTRUCTION_INFO:
		is = reason == EXIT_REASON_GDTR_IDTR || reason == EXIT_REASON_LDTR_TR;
		break;
	case VM_EXIT_INSTRUCTION_LEN:
		is = !is_event(reason) && !(reason & VMX_EXIT_REASONS_FAILED_VMENTRY);
		break;
	default:
		break;
	}
	return is ? field(f) : 0;
}

static void trace_exit(enum l2_entry_result result)
{
	const uint32_t reason = field(VM_EXIT_REASON);
	const uint64_t entry = result, instruction_error = entry_error,
		       l2_registers = sum(&l2.regs, sizeof(l2.regs)), l2_saw = l2_log()->count,
		       l1_interrupts = l1_irqs();

	trace.exits++;
#define V(name) put(name);
#define X(name) put(defined(name, reason));
#include "l2guest/program_trace.def"
#undef X
#undef V
	l1_did = 0;
}

/* What is left when all is over; in the order that host/fuzz/trace.c names. */
static void trace_end(void)
{
	for (unsigned f = 0; f < VMCS_FIELDS; f++)
		put(vmcs_is_info(f) || f == VMX_PREEMPTION_TIMER_VALUE ? 0 : field(f));
	for (unsigned i = 0; i < PROGRAM_PAGES; i++)
		put(sum(l2_data_page(&l2, i), PAGE_SIZE));
	for (unsigned i = 0; i < PROGRAM_PAGES; i++)
		put(*ept_leaf(l2.ept, l2_data_gpa(&l2, i)) & ~EPT_ADDRESS);
	for (unsigned i = 0; i < PROGRAM_PAGE_NOWHERE; i++)
		put(sum(pages[i], PAGE_SIZE));
	put(l2.vapic ? sum(l2.vapic, PAGE_SIZE) : 0);
	put(l2.pi ? sum(l2.pi, sizeof(*l2.pi)) : 0);
	put(sum(msr_area, sizeof(msr_area)));
	for (unsigned i = 0; i < 8; i++)
		put(rdmsr(MSR_X2APIC_IRR0 + i));
	for (unsigned i = 0; i < 8; i++)
		put(rdmsr(MSR_X2APIC_ISR0 + i));
	for (unsigned i = 0; i < L1_MSRS; i++)
		put(rdmsr(l1_msrs[i]));
	put(read_cr0());
	put(read_cr4());
	put(read_cr8());
	put(read_dr0());
	put(read_dr1());
	put(read_dr2());
	put(read_dr3());
	put(read_dr7());
	for (unsigned i = 0; i < l2_log()->count && i < PROGRAM_SEEN; i++) {
		const struct program_seen *seen = &l2_log()->seen[i];

		put((uint64_t)seen->step << 32 | (uint32_t)seen->kind << 16 | seen->vector);
		put(seen->val);
	}
}

/* ---- L1's steps ----------------------------------------------------------------------------- */

/* Gives L2 its page @i with @rights. */
static void map_page(unsigned i, uint64_t rights)
{
	const uint64_t gpa = l2_data_gpa(&l2, i);
	uint64_t *leaf;

	ept_map(l2.ept, gpa, l2_data_page(&l2, i));
	leaf = ept_leaf(l2.ept, gpa);
	*leaf = rights ? (*leaf & ~EPT_RWX) | rights : 0;
	invept_all();
}

static void inject(enum intr_type type, uint8_t vector, bool code)
{
	set_field(VM_ENTRY_INTR_INFO_FIELD, intr_info(type, vector) | (code ? INTR_ERROR_CODE : 0));
	set_field(VM_ENTRY_EXCEPTION_ERROR_CODE, 0);
	set_field(VM_ENTRY_INSTRUCTION_LEN, type == INTR_SOFT_INT	  ? 2
					    : type >= INTR_PRIV_EXCEPTION ? 1
									  : 0);
}

static void post(uint8_t vector, bool notify)
{
	if (!l2.pi)
		return;
	pi_post(l2.pi, vector);
	if (!notify)
		return;
	pi_notify(l2.pi);
	wrmsr(MSR_X2APIC_SELF_IPI, L2_NOTIFICATION_VECTOR);
}

/* VMCLEAR and what makes the VMCS current again, over @off: VMXOFF and VMXON. */
static void clear(bool off)
{
	vmclear(l2.vmcs);
	if (off) {
		vmx_off();
		vmx_on();
	}
	vmcs_load(l2.vmcs);
	l2.launched = false;
}

static void control(enum vmx_control c, bool on)
{
	enum vmcs_field at;
	char why[160];

	if (c >= VMX_CONTROLS || (on && !vmx_control_allowed(c, why, sizeof(why))))
		return;
	at = vmx_control_field(c);
	set_field(at, on ? field(at) | vmx_control_bit(c) : field(at) & ~vmx_control_bit(c));
}

/* One more entry of the area that @op is about. */
static void msr_entry(unsigned op, uint32_t msr, uint64_t val)
{
	static const enum vmcs_field addrs[] = {VM_ENTRY_MSR_LOAD_ADDR, VM_EXIT_MSR_STORE_ADDR,
						VM_EXIT_MSR_LOAD_ADDR},
				     counts[] = {VM_ENTRY_MSR_LOAD_COUNT, VM_EXIT_MSR_STORE_COUNT,
						 VM_EXIT_MSR_LOAD_COUNT};
	struct msr_entry *area = msr_area[op - PROGRAM_ENTRY_LOAD];
	unsigned n = 0;

	while (n < MSR_AREA && area[n].index)
		n++;
	if (n == MSR_AREA)
		return;
	area[n] = (struct msr_entry){.index = msr, .value = val};
	set_field(addrs[op - PROGRAM_ENTRY_LOAD], page_gpa(area));
	set_field(counts[op - PROGRAM_ENTRY_LOAD], n + 1);
}

/* What L2 needs leaves the EPT, until it is asked for. */
static void unmap_own(unsigned what)
{
	static const enum vmcs_field at[] = {GUEST_IDTR_BASE, GUEST_RSP, GUEST_GDTR_BASE,
					     GUEST_TR_BASE};
	const uint64_t va = field(at[what % 4]) - (what % 4 == 1);

	if (gone || va < L2_VA_BASE || va - L2_VA_BASE >= 1 << EPT_SHIFT_2M)
		return;
	gone = ept_leaf(l2.ept, *l2_pte(&l2, va) & PTE_ADDRESS);
	gone_leaf = *gone;
	*gone = 0;
	invept_all();
}

static uint64_t page_of(enum program_page kind)
{
	return kind < PROGRAM_PAGE_NOWHERE ? page_gpa(pages[kind]) : PROGRAM_NOWHERE;
}

static void fill_pages(void)
{
	uint64_t *list = (uint64_t *)pages[PROGRAM_PAGE_EPTP_LIST];

	memset(pages, 0, sizeof(pages));
	memset(pages[PROGRAM_PAGE_ONES], 0xff, PAGE_SIZE);
	list[0] = ept_pointer(l2.ept);
	list[1] = ept_pointer(l2.ept) ^ EPTP_AD;
	*(uint32_t *)pages[PROGRAM_PAGE_SHADOW] = vmx_revision() | 1u << 31;
}

/* The same VMCS at another address, not launched; that one stays as it is. */
static void change_vmcs(void)
{
	static uint64_t val[VMCS_FIELDS];
	const uint64_t next = other_vmcs;

	if (vmcs_enlightened())
		return;
	for (unsigned f = 0; f < VMCS_FIELDS; f++)
		val[f] = field(f);
	vmclear(next);
	vmptrld(next);
	for (unsigned f = 0; f < VMCS_FIELDS; f++)
		if (!vmcs_is_info(f))
			set_field(f, val[f]);
	other_vmcs = l2.vmcs;
	l2.vmcs = next;
	l2.launched = false;
}

/* A VMX instruction with odd operands; L2's VMCS is current behind it. */
static void vmx_insn(const struct program_step *s)
{
	bool cleared = false;

	l1_did = l1_did * 31 + program_vmx(s, l2.vmcs, vmcs_enlightened(), &cleared);
	if (!vmcs_enlightened())
		vmptrld(l2.vmcs);
	if (cleared)
		l2.launched = false;
}

static void step_vmcs(const struct program_step *s)
{
	switch (s->op) {
	case PROGRAM_ENTRY_LOAD:
	case PROGRAM_EXIT_STORE:
	case PROGRAM_EXIT_LOAD:
		msr_entry(s->op, s->b, s->val);
		break;
	case PROGRAM_FIELD:
		set_field(s->b, s->val);
		break;
	case PROGRAM_CONTROL:
		control(s->b, s->a);
		break;
	case PROGRAM_INJECT:
		inject(s->a, s->b, false);
		break;
	case PROGRAM_INJECT_CODE:
		inject(INTR_HARD_EXCEPTION, s->a, true);
		break;
	case PROGRAM_VMCLEAR:
		clear(false);
		break;
	case PROGRAM_VMXOFF:
		clear(true);
		break;
	case PROGRAM_NO_ANSWER:
		answers = false;
		break;
	case PROGRAM_PAGE:
		set_field(s->b, page_of(s->a));
		break;
	case PROGRAM_EPT_AD:
		set_field(EPT_POINTER, (field(EPT_POINTER) & ~EPTP_AD) | (s->a ? EPTP_AD : 0));
		break;
	case PROGRAM_OTHER_VMCS:
		change_vmcs();
		break;
	case PROGRAM_VMX:
		vmx_insn(s);
		break;
	}
}

static void step(const struct program_step *s)
{
	switch (s->op) {
	case PROGRAM_L1_FREEZE:
	case PROGRAM_L1_FREEZE_BEHIND:
		trace.mark = PROGRAM_MARK(s);
		freeze_point();
		trace.mark = 0;
		break;
	case PROGRAM_MSR_EXITS:
		msr_bitmap_set(l2.msr_bitmap, s->b, false, s->a);
		msr_bitmap_set(l2.msr_bitmap, s->b, true, s->a);
		break;
	case PROGRAM_EPT_NONE:
		map_page(s->a % PROGRAM_PAGES, 0);
		break;
	case PROGRAM_EPT_READ:
		map_page(s->a % PROGRAM_PAGES, EPT_R | EPT_X);
		break;
	case PROGRAM_EPT_WRITE:
		map_page(s->a % PROGRAM_PAGES, EPT_W);
		break;
	case PROGRAM_UNMAP_L2:
		unmap_own(s->a);
		break;
	case PROGRAM_L1_SELF_IPI:
		wrmsr(MSR_X2APIC_SELF_IPI, s->a);
		break;
	case PROGRAM_POST:
	case PROGRAM_PIR:
		post(s->a, s->op == PROGRAM_POST);
		break;
	case PROGRAM_PEND:
		if (l2.vapic)
			l2_pend(&l2, s->a);
		break;
	case PROGRAM_INVEPT:
		invept_all();
		break;
	default:
		step_vmcs(s);
	}
}

/* Those up to the next `enter`. */
static void steps(void)
{
	answers = true;
	for (; next_step < PROGRAM_STEPS && program.l1[next_step].op; next_step++) {
		if (program.l1[next_step].op == PROGRAM_ENTER) {
			next_step++;
			return;
		}
		step(&program.l1[next_step]);
	}
}

/* ---- answers to exits ----------------------------------------------------------------------- */

/* An event that the exit has interrupted comes again, an exception that was L2's goes to L2. */
static void give_back(uint32_t reason)
{
	uint32_t info = field(IDT_VECTORING_INFO_FIELD), code = field(IDT_VECTORING_ERROR_CODE);

	if (reason == EXIT_REASON_EXCEPTION_NMI) {
		info = field(VM_EXIT_INTR_INFO);
		code = field(VM_EXIT_INTR_ERROR_CODE);
		if ((info & 0xff) == VECTOR_PF && (info >> 8 & 7) == INTR_HARD_EXCEPTION)
			write_cr2(field(EXIT_QUALIFICATION));
		if ((info >> 8 & 7) == INTR_NMI)
			return;
	}
	if (!(info >> 31))
		return;
	set_field(VM_ENTRY_INTR_INFO_FIELD, info & ~(1u << 12)); /* NMI unblocking by IRET */
	set_field(VM_ENTRY_EXCEPTION_ERROR_CODE, code);
	/* Of another event the SDM leaves the length undefined. */
	set_field(VM_ENTRY_INSTRUCTION_LEN,
		  (info >> 8 & 7) >= INTR_SOFT_INT ? field(VM_EXIT_INSTRUCTION_LEN) : 0);
}

static void answer_ept(void)
{
	const uint64_t gpa = field(GUEST_PHYSICAL_ADDRESS) & ~(PAGE_SIZE - 1);

	for (unsigned i = 0; i < PROGRAM_PAGES; i++)
		if (l2_data_gpa(&l2, i) == gpa)
			map_page(i, EPT_RWX);
	if (gone && gone == ept_leaf(l2.ept, gpa)) {
		*gone = gone_leaf;
		gone = NULL;
		invept_all();
	}
}

/* What must be done whatever L1's steps say: an interrupt taken is ended, an NMI unblocked. */
static void take(uint32_t reason)
{
	const uint32_t info = field(VM_EXIT_INTR_INFO);

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
		control(VMX_CPU_INTR_WINDOW_EXITING, false);
		break;
	case EXIT_REASON_NMI_WINDOW:
		control(VMX_CPU_NMI_WINDOW_EXITING, false);
		break;
	case EXIT_REASON_MONITOR_TRAP_FLAG:
		control(VMX_CPU_MONITOR_TRAP_FLAG, false);
		break;
	case EXIT_REASON_TPR_BELOW_THRESHOLD:
		set_field(TPR_THRESHOLD, 0);
		break;
	case EXIT_REASON_PREEMPTION_TIMER:
		control(VMX_PIN_PREEMPTION_TIMER, false);
		break;
	case EXIT_REASON_EPT_VIOLATION:
	case EXIT_REASON_EPT_MISCONFIG:
		answer_ept();
		break;
	default:
		if (!is_event(reason))
			set_field(GUEST_RIP, field(GUEST_RIP) + field(VM_EXIT_INSTRUCTION_LEN));
	}
	if (is_event(reason) && field(GUEST_ACTIVITY_STATE))
		set_field(GUEST_ACTIVITY_STATE, 0); /* or L2 sleeps for ever */
	give_back(reason);
}

/* ---- the flight ----------------------------------------------------------------------------- */

static void create(void)
{
	for (unsigned i = 0; i < L1_MSRS; i++) /* first: some go into the VMCS */
		wrmsr(l1_msrs[i], l1_msr[i]);
	if (program.flags & PROGRAM_APICV)
		l2_create(&l2, "program");
	else
		l2_create_plain(&l2, "program");
	memcpy(l2_data_page(&l2, L2_DATA_PAGES - 1), program.l2, sizeof(program.l2));
	for (unsigned i = 0; i < PROGRAM_PAGES; i++)
		*(uint8_t *)l2_data_page(&l2, i) = 0xc3; /* RET */
	trace.l2_log = page_gpa(l2_log());
	trace.pi_desc = l2.pi ? page_gpa(l2.pi) : 0;
	memset(msr_area, 0, sizeof(msr_area));
	memset(vmcs_page, 0, sizeof(vmcs_page));
	*(uint32_t *)vmcs_page = vmx_revision();
	other_vmcs = page_gpa(vmcs_page);
	gone = NULL;
	l1_did = 0;
	fill_pages();
	vmcs_forget();
	for (unsigned v = 0; v < 256; v++)
		irqs[v] = trap_count(v);
}

static void enter_until_end(void)
{
	for (unsigned failed = 0; trace.exits < PROGRAM_EXITS_MAX && failed < FAILED_MAX;) {
		enum l2_entry_result result;
		uint32_t reason;

		steps();
		result = vmx_enter(&l2.regs, l2.launched);
		reason = field(VM_EXIT_REASON);
		entry_error = result == L2_ENTRY_FAIL_VALID ? field(VM_INSTRUCTION_ERROR) : 0;
		if (result == L2_ENTRY_OK && !(reason & VMX_EXIT_REASONS_FAILED_VMENTRY)) {
			l2.launched = true;
			take(reason);
		}
		trace_exit(result);
		if (result != L2_ENTRY_OK || (reason & VMX_EXIT_REASONS_FAILED_VMENTRY))
			failed++;
		else if (reason == EXIT_REASON_TRIPLE_FAULT ||
			 (reason == EXIT_REASON_VMCALL && l2.regs.rbx == PROGRAM_TELLS_END))
			break;
		else if (answers)
			answer(reason);
	}
}

static void fly(void)
{
	static bool told;

	if (!told) {
		page_announce("fuzz program", &given, 1);
		page_announce("fuzz trace", &trace, PROGRAM_TRACE_PAGES);
		page_announce_nothing();  /* each line takes longer than a program */
		wrmsr(MSR_IA32_FMASK, 0); /* Bochs starts with another value */
		for (unsigned i = 0; i < L1_MSRS; i++)
			l1_msr[i] = rdmsr(l1_msrs[i]);
		smi_handler_install();
	}
	told = true;
	program = given;
	memset(&trace, 0, sizeof(trace));
	memset(&l2, 0, sizeof(l2));
	next_step = 0;
	create();
	program_offers(&trace.offers);
	enter_until_end();
	trace_end();
	trace.done = 1;
	freeze_point();
}

static void fly_module(void)
{
	fly();
	while (program_module_next(&given)) {
		l2_destroy_all();
		fly();
		program_module_tell(&trace);
	}
}

SCENARIO(program, NEEDS(L2_ANY), FLY(fly_module),
	 TITLE("what `midflight fuzz` has L1 and L2 do; by itself an L2 that only ends"),
	 PROMISE("a program leaves the same trace with and without a snapshot"),
	 HOST("writes the program, freezes at its marks, compares traces (docs/fuzz.md)"),
	 BUG("whatever it finds"), FAILURE("another trace"), FREEZE(port), PROOF("vmxon !l2"));
