/* SPDX-License-Identifier: BSD-2-Clause */
/* What L1 does of its own in a program: its steps, up to the next VM entry. */
#include "hv/enlightened.h"
#include "hv/ept.h"
#include "hv/page_names.h"
#include "hv/programs/program_parts.h"
#include "hv/scenario.h"
#include "hv/steps.h"
#include "hv/vmx.h"
#include "lib/cpu.h"
#include "lib/string.h"
#include "lib/x2apic.h"

/* ---- L1's steps ----------------------------------------------------------------------------- */

/* Gives L2 its page @i with @rights. */
void program_map(unsigned i, uint64_t rights)
{
	const uint64_t gpa = l2_data_gpa(&run.l2, i);
	uint64_t *leaf;

	ept_map(run.l2.ept, gpa, l2_data_page(&run.l2, i));
	leaf = ept_leaf(run.l2.ept, gpa);
	*leaf = rights ? (*leaf & ~EPT_RWX) | rights : 0;
	invept_all();
}

static void inject(enum intr_type type, uint8_t vector, bool code)
{
	program_set_field(VM_ENTRY_INTR_INFO_FIELD,
			  intr_info(type, vector) | (code ? INTR_ERROR_CODE : 0));
	program_set_field(VM_ENTRY_EXCEPTION_ERROR_CODE, 0);
	program_set_field(VM_ENTRY_INSTRUCTION_LEN, type == INTR_SOFT_INT	  ? 2
						    : type >= INTR_PRIV_EXCEPTION ? 1
										  : 0);
}

static void post(uint8_t vector, bool notify)
{
	if (!run.l2.pi)
		return;
	pi_post(run.l2.pi, vector);
	if (!notify)
		return;
	pi_notify(run.l2.pi);
	wrmsr(MSR_X2APIC_SELF_IPI, L2_NOTIFICATION_VECTOR);
}

/* VMCLEAR and what makes the VMCS current again, over @off: VMXOFF and VMXON. */
static void clear(bool off)
{
	vmclear(run.l2.vmcs);
	if (off) {
		vmx_off();
		vmx_on();
	}
	vmcs_load(run.l2.vmcs);
	run.l2.launched = false;
}

void program_control(enum vmx_control c, bool on)
{
	enum vmcs_field at;
	char why[160];

	if (c >= VMX_CONTROLS || (on && !vmx_control_allowed(c, why, sizeof(why))))
		return;
	at = vmx_control_field(c);
	program_set_field(at, on ? program_field(at) | vmx_control_bit(c)
				 : program_field(at) & ~vmx_control_bit(c));
}

/* One more entry of the area that @op is about. */
static void msr_entry(unsigned op, uint32_t msr, uint64_t val)
{
	static const enum vmcs_field addrs[] = {VM_ENTRY_MSR_LOAD_ADDR, VM_EXIT_MSR_STORE_ADDR,
						VM_EXIT_MSR_LOAD_ADDR},
				     counts[] = {VM_ENTRY_MSR_LOAD_COUNT, VM_EXIT_MSR_STORE_COUNT,
						 VM_EXIT_MSR_LOAD_COUNT};
	struct msr_entry *area = run.msr_area[op - PROGRAM_ENTRY_LOAD];
	unsigned n = 0;

	while (n < PROGRAM_MSR_AREA && area[n].index)
		n++;
	if (n == PROGRAM_MSR_AREA)
		return;
	area[n] = (struct msr_entry){.index = msr, .value = val};
	program_set_field(addrs[op - PROGRAM_ENTRY_LOAD], page_gpa(area));
	program_set_field(counts[op - PROGRAM_ENTRY_LOAD], n + 1);
}

/* What L2 needs leaves the EPT, until it is asked for. */
static void unmap_own(unsigned what)
{
	static const enum vmcs_field at[] = {GUEST_IDTR_BASE, GUEST_RSP, GUEST_GDTR_BASE,
					     GUEST_TR_BASE};
	const uint64_t va = program_field(at[what % 4]) - (what % 4 == 1);

	if (run.gone || va < L2_VA_BASE || va - L2_VA_BASE >= 1 << EPT_SHIFT_2M)
		return;
	run.gone = ept_leaf(run.l2.ept, *l2_pte(&run.l2, va) & PTE_ADDRESS);
	run.gone_leaf = *run.gone;
	*run.gone = 0;
	invept_all();
}

static uint64_t page_of(enum program_page kind)
{
	return kind < PROGRAM_PAGE_NOWHERE ? page_gpa(run.pages[kind]) : PROGRAM_NOWHERE;
}

void program_fill_pages(void)
{
	uint64_t *list = (uint64_t *)run.pages[PROGRAM_PAGE_EPTP_LIST];

	memset(run.pages, 0, sizeof(run.pages));
	memset(run.pages[PROGRAM_PAGE_ONES], 0xff, PAGE_SIZE);
	list[0] = ept_pointer(run.l2.ept);
	list[1] = ept_pointer(run.l2.ept) ^ EPTP_AD;
	*(uint32_t *)run.pages[PROGRAM_PAGE_SHADOW] = vmx_revision() | 1u << 31;
}

/* The same VMCS at another address, not launched; that one stays as it is. */
static void change_vmcs(void)
{
	static uint64_t val[VMCS_FIELDS];
	const uint64_t next = run.other_vmcs;

	if (vmcs_enlightened())
		return;
	for (unsigned f = 0; f < VMCS_FIELDS; f++)
		val[f] = program_field(f);
	vmclear(next);
	vmptrld(next);
	for (unsigned f = 0; f < VMCS_FIELDS; f++)
		if (!vmcs_is_info(f))
			program_set_field(f, val[f]);
	run.other_vmcs = run.l2.vmcs;
	run.l2.vmcs = next;
	run.l2.launched = false;
}

/* A VMX instruction with odd operands; L2's VMCS is current behind it. */
static void vmx_insn(const struct program_step *s)
{
	bool cleared = false;

	run.l1_did = run.l1_did * 31 + program_vmx(s, run.l2.vmcs, vmcs_enlightened(), &cleared);
	if (!vmcs_enlightened())
		vmptrld(run.l2.vmcs);
	if (cleared)
		run.l2.launched = false;
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
		program_set_field(s->b, s->val);
		break;
	case PROGRAM_CONTROL:
		program_control(s->b, s->a);
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
		run.answers = false;
		break;
	case PROGRAM_PAGE:
		program_set_field(s->b, page_of(s->a));
		break;
	case PROGRAM_EPT_AD:
		program_set_field(EPT_POINTER,
				  (program_field(EPT_POINTER) & ~EPTP_AD) | (s->a ? EPTP_AD : 0));
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
		run.trace.mark = PROGRAM_MARK(s);
		freeze_point();
		run.trace.mark = 0;
		break;
	case PROGRAM_MSR_EXITS:
		msr_bitmap_set(run.l2.msr_bitmap, s->b, false, s->a);
		msr_bitmap_set(run.l2.msr_bitmap, s->b, true, s->a);
		break;
	case PROGRAM_EPT_NONE:
		program_map(s->a % PROGRAM_PAGES, 0);
		break;
	case PROGRAM_EPT_READ:
		program_map(s->a % PROGRAM_PAGES, EPT_R | EPT_X);
		break;
	case PROGRAM_EPT_WRITE:
		program_map(s->a % PROGRAM_PAGES, EPT_W);
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
		if (run.l2.vapic)
			l2_pend(&run.l2, s->a);
		break;
	case PROGRAM_INVEPT:
		invept_all();
		break;
	default:
		step_vmcs(s);
	}
}

/* Those up to the next `enter`. */
void program_steps(void)
{
	run.answers = true;
	for (; run.next_step < PROGRAM_STEPS && run.program.l1[run.next_step].op; run.next_step++) {
		if (run.program.l1[run.next_step].op == PROGRAM_ENTER) {
			run.next_step++;
			return;
		}
		step(&run.program.l1[run.next_step]);
	}
}
