/* SPDX-License-Identifier: BSD-2-Clause */
/* L1 in VMX root operation, and the VMCSs that it has: current, launched, shadow; told of below. */
#include "hv/ept.h"
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "hv/steps.h"
#include "hv/vmx.h"
#include "l2guest/rare_state.h"
#include "lib/ktap.h"

#define SHADOW_INDICATOR (1u << 31)

/* VM-instruction error numbers. */
#define ERROR_VMCLEAR_VMXON_POINTER 3
#define ERROR_VMLAUNCH_NOT_CLEAR    4
#define ERROR_VMRESUME_NOT_LAUNCHED 5
#define ERROR_VMPTRLD_VMXON_POINTER 10
#define ERROR_UNSUPPORTED_FIELD	    12
#define ERROR_VMXON_IN_VMX	    15

#define NO_SUCH_FIELD 0x6ffe

static struct l2 l2, other;

static uint64_t vmptrst(void)
{
	uint64_t pa;

	asm volatile("vmptrst %0" : "=m"(pa)::"cc", "memory");
	return pa;
}

/* ---- fields --------------------------------------------------------------------------------- */

#define WIDTH(encoding) ((encoding) >> 13) /* 0: 16 bits, 2: 32 bits, else 64 */
#define TYPE(encoding)	((encoding) >> 10 & 3)
#define TYPE_INFO	1

/* A value of its own for each field. */
static uint64_t pattern(uint16_t encoding)
{
	uint64_t val = (encoding + 1) * 0x9e3779b97f4a7c15;

	return WIDTH(encoding) == 0 ? val >> 48 : WIDTH(encoding) == 2 ? val >> 32 : val;
}

/* Fields that no control of a plain L2 uses. */
static const uint8_t unused[] = {
	POSTED_INTR_NV,
	EPTP_INDEX,
	VM_EXIT_MSR_STORE_ADDR,
	VM_EXIT_MSR_LOAD_ADDR,
	VM_ENTRY_MSR_LOAD_ADDR,
	EXECUTIVE_VMCS_POINTER,
	PML_ADDRESS,
	TSC_OFFSET,
	VIRTUAL_APIC_PAGE_ADDR,
	APIC_ACCESS_ADDR,
	POSTED_INTR_DESC_ADDR,
	VM_FUNCTION_CONTROL,
	EOI_EXIT_BITMAP0,
	EOI_EXIT_BITMAP1,
	EOI_EXIT_BITMAP2,
	EOI_EXIT_BITMAP3,
	EPTP_LIST_ADDRESS,
	VMREAD_BITMAP,
	VMWRITE_BITMAP,
	VE_INFORMATION_ADDRESS,
	XSS_EXIT_BITMAP,
	ENCLS_EXITING_BITMAP,
	TSC_MULTIPLIER,
	HOST_IA32_PERF_GLOBAL_CTRL,
	TPR_THRESHOLD,
	PLE_GAP,
	PLE_WINDOW,
	CR3_TARGET_VALUE0,
	CR3_TARGET_VALUE1,
	CR3_TARGET_VALUE2,
	CR3_TARGET_VALUE3,
};

static void write_unused(void)
{
	for (unsigned i = 0; i < sizeof(unused); i++)
		vmwrite(vmcs_encoding(unused[i]), pattern(vmcs_encoding(unused[i])));
}

static void check_unused(void)
{
	for (unsigned i = 0; i < sizeof(unused); i++) {
		uint16_t encoding = vmcs_encoding(unused[i]);
		uint64_t found;

		if (vmread(encoding, &found) && found != pattern(encoding))
			ktap_fail("check=\"VMCS field that no control uses\" field=0x%x "
				  "expected=0x%lx found=0x%lx",
				  encoding, pattern(encoding), found);
	}
}

/* All that can be read, or that what was read is still there. */
static void read_all(uint64_t val[VMCS_FIELDS])
{
	for (unsigned i = 0; i < VMCS_FIELDS; i++)
		if (!vmread(vmcs_encoding(i), &val[i]))
			val[i] = 0;
}

static void check_all(const uint64_t val[VMCS_FIELDS])
{
	for (unsigned i = 0; i < VMCS_FIELDS; i++) {
		uint64_t found;

		/* A VMREAD that fails sets this one. */
		if (i != VM_INSTRUCTION_ERROR && vmread(vmcs_encoding(i), &found) &&
		    found != val[i])
			ktap_fail("check=\"VMCS field changed\" field=0x%x expected=0x%lx "
				  "found=0x%lx",
				  vmcs_encoding(i), val[i], found);
	}
}

static uint64_t before[VMCS_FIELDS];

static void fly_after_exit(void)
{
	static const struct {
		uint8_t field;
		uint64_t val;
	} changed[] = {
		{GUEST_ES_SELECTOR, L2_SEL_CODE},
		{GUEST_ES_AR_BYTES, 0xa09b},
		{GUEST_FS_SELECTOR, 0},
		{GUEST_GS_SELECTOR, 0},
		{GUEST_FS_BASE, RARE_FS_BASE},
		{GUEST_GS_BASE, RARE_GS_BASE},
		{GUEST_GDTR_LIMIT, RARE_GDTR_LIMIT},
		{GUEST_IDTR_LIMIT, RARE_IDTR_LIMIT},
		{GUEST_SYSENTER_CS, RARE_SYSENTER_CS},
		{GUEST_SYSENTER_ESP, RARE_SYSENTER_ESP},
		{GUEST_SYSENTER_EIP, RARE_SYSENTER_EIP},
		{GUEST_IA32_PAT, RARE_PAT},
		{GUEST_DR7, RARE_DR7},
		{GUEST_PENDING_DBG_EXCEPTIONS, 0},
		{VM_EXIT_REASON, EXIT_REASON_VMCALL},
		{VM_EXIT_INSTRUCTION_LEN, 3},
		{EXIT_QUALIFICATION, 0},
	};
	/* What a null selector leaves besides "unusable" is the processor's own affair. */
	static const uint8_t let_go[] = {GUEST_FS_LIMIT, GUEST_GS_LIMIT, GUEST_FS_AR_BYTES,
					 GUEST_GS_AR_BYTES};
	uint64_t cr0, cr4;

	l2_create_plain(&l2, "rare_state");
	write_unused();
	for (unsigned i = 0; i < sizeof(changed) / sizeof(changed[0]); i++)
		vmcs_let_go(changed[i].field);
	for (unsigned i = 0; i < sizeof(let_go); i++)
		vmcs_let_go(let_go[i]);
	cr0 = vmcs_read(GUEST_CR0) & ~CR0_MP;
	cr4 = vmcs_read(GUEST_CR4) | RARE_CR4;
	vmcs_let_go(GUEST_CR0);
	vmcs_let_go(GUEST_CR4);
	/* No VMREAD between exit and snapshot, as it would have KVM collect what L2 left. */
	if (!ktap_check("VM entry", L2_ENTRY_OK, vmx_enter(&l2.regs, false)))
		return;
	l2.launched = true;
	vmcs_write(EXCEPTION_BITMAP, 1u << VECTOR_UD);
	vmcs_write(CR0_READ_SHADOW, CR0_TS);
	freeze_point();
	for (unsigned i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) {
		uint64_t found = vmcs_read(changed[i].field);

		if (found != changed[i].val)
			ktap_fail("check=\"VMCS field after the exit\" field=0x%x expected=0x%lx "
				  "found=0x%lx",
				  vmcs_encoding(changed[i].field), changed[i].val, found);
	}
	ktap_check("GUEST_CR0", cr0, vmcs_read(GUEST_CR0));
	ktap_check("GUEST_CR4", cr4, vmcs_read(GUEST_CR4));
	ktap_check("valid bits of the event fields", 0,
		   (vmcs_read(VM_EXIT_INTR_INFO) | vmcs_read(IDT_VECTORING_INFO_FIELD)) >> 31);
	check_unused();
	vmcs_check_written();
	vmcs_write(CR0_READ_SHADOW, 0);
	l2_skip();
	l2_tells(&l2, 2);
	check_unused();
}

SCENARIO(fields_after_exit, NEEDS(L2_BASE), FLY(fly_after_exit), ORDINARY,
	 TITLE("L1 right behind an exit, no VMCS field read yet"),
	 PROMISE("SDM, Saving Guest State: a VM exit saves all guest state, and leaves control and "
		 "host fields alone"),
	 HOST("snapshot in L1 behind the first exit of an L2 that has changed segments, tables, "
	      "CR0, CR4 and MSRs: KVM collects many of these fields only at the first VMREAD"),
	 BUG("none known"),
	 FAILURE("a field with the value from before the exit, or with another one's"),
	 FREEZE(port), PROOF("vmxon vmcs12 !l2 VM_EXIT_REASON=18"));

static void fly_cleared(void)
{
	l2_create_plain(&l2, "tell");
	write_unused();
	if (!l2_tells(&l2, 1))
		return;
	read_all(before);
	if (!ktap_check("VMCLEAR succeeds", 1, vmclear(l2.vmcs)) ||
	    !ktap_check("VMPTRLD succeeds", 1, vmptrld(l2.vmcs)))
		return;
	freeze_point();
	check_all(before);
	vmcs_check_written();
	if (!l2_entry_fails(&l2, ERROR_VMRESUME_NOT_LAUNCHED))
		return;
	l2.launched = false;
	l2_tells(&l2, 1);
}

SCENARIO(fields_cleared, NEEDS(L2_BASE), FLY(fly_cleared), ORDINARY,
	 TITLE("the current VMCS was cleared and loaded again, not launched"),
	 PROMISE("SDM, Virtual-Machine Control Structures: VMCLEAR makes the launch state clear "
		 "and keeps the data; VMRESUME then fails with error 5"),
	 HOST("snapshot in L1 behind VMPTRLD"), BUG("none known"),
	 FAILURE("a field changed, VMRESUME succeeds or VMLAUNCH fails"), FREEZE(port),
	 PROOF("vmxon vmcs12 !l2 launch_state=0"));

/* ---- the current VMCS and VMXON ------------------------------------------------------------- */

/* Loads @l2's VMCS again, which is clear. */
static void again(void)
{
	if (!ktap_check("VMPTRLD succeeds", 1, vmptrld(l2.vmcs)) || !vmcs_check_written())
		return;
	l2.launched = false;
	l2_tells(&l2, 1);
}

/* False after a `fail`. An L2 has run and its VMCS is cleared, so there is no current one. */
static bool run_and_clear(void)
{
	l2_create_plain(&l2, "tell");
	return l2_tells(&l2, 1) && ktap_check("VMCLEAR succeeds", 1, vmclear(l2.vmcs));
}

static void fly_no_current(void)
{
	uint64_t val;

	if (!run_and_clear())
		return;
	freeze_point();
	ktap_check("VMPTRST without current VMCS", ~0ull, vmptrst());
	ktap_check("VMREAD succeeds", 0, vmread(vmcs_encoding(GUEST_RIP), &val));
	if (l2_entry_fails(&l2, 0))
		again();
}

SCENARIO(vmclear_current, NEEDS(L2_BASE), FLY(fly_no_current), ORDINARY,
	 TITLE("the current VMCS was cleared, so there is none"),
	 PROMISE("SDM, VMCLEAR: clearing the current VMCS leaves no current one; VMREAD and "
		 "VMRESUME then give VMfailInvalid"),
	 HOST("snapshot in L1 behind VMCLEAR"),
	 BUG("rust-vmm kvm issue 385: a header-only state taken for none"),
	 FAILURE("an instruction succeeds, or the VMCS is not in memory when it is loaded again"),
	 FREEZE(port), PROOF("vmxon !vmcs12 !l2"));

static void fly_off(void)
{
	if (!run_and_clear())
		return;
	vmx_off();
	freeze_point();
	vmx_on();
	again();
}

static void fly_off_vmxe(void)
{
	if (!run_and_clear())
		return;
	vmxoff();
	freeze_point();
	vmx_on();
	again();
}

#define OFF_ABOUT                                                                                  \
	PROMISE("SDM, Leaving VMX Operation: VMXOFF leaves VMX operation; VMXON enters it again, " \
		"and VMCSs that were cleared before are still in memory"),                         \
		HOST("snapshot in L1 outside VMX operation"),                                      \
		BUG("Cyberus, Cloud Hypervisor issue 103: IA32_FEATURE_CONTROL refused on "        \
		    "restore"),                                                                    \
		FAILURE("VMXON fails or is #GP or #UD (trap in L1), or a VMCS has lost its data"), \
		FREEZE(port)

SCENARIO(vmx_off, NEEDS(L2_BASE), FLY(fly_off), ORDINARY,
	 TITLE("L1 is outside VMX operation, and CR4.VMXE is 0"), OFF_ABOUT,
	 PROOF("!vmxon !vmcs12 !l2 !cr4&0x2000"));
SCENARIO(vmx_off_vmxe, NEEDS(L2_BASE), FLY(fly_off_vmxe), ORDINARY,
	 TITLE("L1 has executed VMXOFF and not yet cleared CR4.VMXE"), OFF_ABOUT,
	 PROOF("!vmxon !vmcs12 !l2 cr4&0x2000"));

static bool fails(const char *check, bool ok, uint32_t error)
{
	return ktap_check(check, 0, ok) &&
	       ktap_check("VM_INSTRUCTION_ERROR", error, vmcs_read(VM_INSTRUCTION_ERROR));
}

/* With a VMXON region of its own, to know its address. */
static void fly_vmxon_pointer(void)
{
	uint32_t *region;

	if (!run_and_clear())
		return;
	region = page_alloc_named("VMXON region");
	*region = vmx_revision();
	vmxoff();
	if (!ktap_check("VMXON succeeds", 1, vmxon(page_gpa(region))))
		ktap_error_and_end("what=\"VMXON failed\"");
	if (ktap_check("VMPTRLD succeeds", 1, vmptrld(l2.vmcs))) {
		freeze_point();
		ktap_check("VMPTRST", l2.vmcs, vmptrst());
		fails("VMXON in VMX operation succeeds", vmxon(page_gpa(region)),
		      ERROR_VMXON_IN_VMX);
		fails("VMCLEAR of the VMXON region succeeds", vmclear(page_gpa(region)),
		      ERROR_VMCLEAR_VMXON_POINTER);
		fails("VMPTRLD of the VMXON region succeeds", vmptrld(page_gpa(region)),
		      ERROR_VMPTRLD_VMXON_POINTER);
		again();
		vmclear(l2.vmcs);
	}
	vmxoff();
	vmx_on();
}

SCENARIO(vmxon_pointer, NEEDS(L2_BASE), FLY(fly_vmxon_pointer), ORDINARY,
	 TITLE("VMXON, VMCLEAR and VMPTRLD fail for the VMXON region"),
	 PROMISE("SDM, VM-Instruction Error Numbers: 3, 10 and 15: the processor knows its VMXON "
		 "pointer"),
	 HOST("snapshot in L1 with a current VMCS"), BUG("none known"),
	 FAILURE("one of them succeeds, or fails with another error"), FREEZE(port),
	 PROOF("vmxon vmcs12 !l2"));

/* ---- launch state and errors ---------------------------------------------------------------- */

static void fly_launched(void)
{
	l2_create_plain(&l2, "tell");
	if (!l2_tells(&l2, 1))
		return;
	freeze_point();
	ktap_check("VMPTRST", l2.vmcs, vmptrst());
	l2.launched = false;
	if (!l2_entry_fails(&l2, ERROR_VMLAUNCH_NOT_CLEAR))
		return;
	l2.launched = true;
	l2_tells(&l2, 1);
}

SCENARIO(launched, NEEDS(L2_BASE), FLY(fly_launched), ORDINARY,
	 TITLE("the current VMCS is launched"),
	 PROMISE("SDM, Virtual-Machine Control Structures: VMLAUNCH asks for a clear VMCS (error "
		 "4), VMRESUME for a launched one"),
	 HOST("snapshot in L1 behind an exit"), BUG("none known"),
	 FAILURE("VMLAUNCH succeeds, or VMRESUME fails"), FREEZE(port),
	 PROOF("vmxon vmcs12 !l2 launch_state=1"));

static void fly_error(void)
{
	uint64_t found;

	l2_create_plain(&l2, "tell");
	if (!l2_tells(&l2, 1))
		return;
	ktap_check("VMWRITE to no field succeeds", 0, vmwrite(NO_SUCH_FIELD, 0));
	vmcs_write(EXCEPTION_BITMAP, 1u << VECTOR_UD);
	vmcs_write(TPR_THRESHOLD, 7);
	freeze_point();
	if (vmread(vmcs_encoding(VM_INSTRUCTION_ERROR), &found))
		ktap_check("VM_INSTRUCTION_ERROR", ERROR_UNSUPPORTED_FIELD, found);
	if (vmcs_check_written())
		l2_tells(&l2, 1);
}

SCENARIO(instruction_error, NEEDS(L2_BASE), FLY(fly_error), ORDINARY,
	 TITLE("a VMX instruction has failed, and its error number is not yet read"),
	 PROMISE("SDM, VM-Instruction Error Field: the field holds the number of the last failure"),
	 HOST("snapshot in L1 behind the failure and writes of other fields"), BUG("none known"),
	 FAILURE("another number, or a field that was written last is lost"), FREEZE(port),
	 PROOF("vmxon vmcs12 !l2 VM_INSTRUCTION_ERROR=12"));

/* ---- two VMCSs ------------------------------------------------------------------------------ */

/* @freeze_l1, or in L2. */
static void two(bool freeze_l1)
{
	turns_create(&l2, 0xa000);
	if (!turns_take(&l2, 0xa000, 0xa001, false))
		return;
	turns_create(&other, 0xb000);
	if (!turns_take(&other, 0xb000, 0xb001, false))
		return;
	if (freeze_l1) {
		freeze_point();
		if (!turns_switch(&l2))
			return;
		l2.launched = false;
		if (!l2_entry_fails(&l2, ERROR_VMLAUNCH_NOT_CLEAR))
			return;
		l2.launched = true;
	} else if (!turns_switch(&l2)) {
		return;
	}
	if (turns_take(&l2, 0xa001, 0xa002, !freeze_l1) && turns_switch(&other) &&
	    turns_take(&other, 0xb001, 0xb002, false) && turns_switch(&l2))
		turns_take(&l2, 0xa002, 0xa003, false);
}

static void fly_two_l2(void)
{
	two(false);
}

static void fly_two_l1(void)
{
	two(true);
}

#define TWO_ABOUT                                                                                \
	PROMISE("SDM, Virtual-Machine Control Structures: several VMCSs may be active; each "    \
		"keeps its launch state and data while another is current"),                     \
		BUG("none known"), FAILURE("one L2 has the other's state, or a VM entry fails"), \
		FREEZE(port)

SCENARIO(two_vmcs_l2, NEEDS(L2_BASE), FLY(fly_two_l2), ORDINARY,
	 TITLE("one of two L2s runs, the other one's VMCS is launched and not current"),
	 HOST("snapshot in the running L2"), TWO_ABOUT, PROOF("l2 runnable"));
SCENARIO(two_vmcs_l1, NEEDS(L2_BASE), FLY(fly_two_l1), ORDINARY, TITLE("L1 has two launched VMCSs"),
	 HOST("snapshot in L1, which then goes on with the one that is not current"), TWO_ABOUT,
	 PROOF("vmxon vmcs12 !l2 launch_state=1"));

/* ---- shadow VMCSs --------------------------------------------------------------------------- */

static uint64_t new_shadow(void)
{
	uint32_t *shadow = page_alloc_named("shadow VMCS");

	*shadow = vmx_revision() | SHADOW_INDICATOR;
	ktap_check("VMCLEAR of the shadow VMCS succeeds", 1, vmclear(page_gpa(shadow)));
	return page_gpa(shadow);
}

static void fly_shadow_current(void)
{
	char why[100];
	bool any = vmx_misc_cap(MISC_CAP_VMWRITE_ANY, "", why, sizeof(why));
	uint64_t shadow;

	l2_create_plain(&l2, "tell");
	shadow = new_shadow();
	if (!ktap_check("VMPTRLD of a shadow VMCS succeeds", 1, vmptrld(shadow)))
		return;
	for (unsigned i = 0; i < VMCS_FIELDS; i++)
		if (any || TYPE(vmcs_encoding(i)) != TYPE_INFO)
			vmwrite(vmcs_encoding(i), pattern(vmcs_encoding(i)));
	read_all(before);
	freeze_point();
	check_all(before);
	ktap_check("VMPTRST", shadow, vmptrst());
	vmwrite(vmcs_encoding(GUEST_RIP), before[GUEST_RSP]);
	ktap_check("GUEST_RIP", before[GUEST_RSP], vmcs_read(GUEST_RIP));
	l2_entry_fails(&l2, 0);
	ktap_check("VMCLEAR of the shadow VMCS succeeds", 1, vmclear(shadow));
	again();
}

SCENARIO(shadow_current, NEEDS(L2_BASE, VMX_CPU2_VMCS_SHADOWING), FLY(fly_shadow_current), ORDINARY,
	 TITLE("the current VMCS is a shadow VMCS"),
	 PROMISE("SDM, Virtual-Machine Control Structures: VMREAD and VMWRITE work on a shadow "
		 "VMCS; VMLAUNCH gives VMfailInvalid"),
	 HOST("snapshot in L1 with a value of its own in each field"), BUG("none known"),
	 FAILURE("KVM_SET_NESTED_STATE refused, a field changed, VMLAUNCH does not fail"),
	 FREEZE(port), PROOF("vmxon vmcs12 !l2 !shadow-vmcs12"));

/* @at_entry: the snapshot is when VMLAUNCH looks at the shadow VMCS. */
static void shadow_access(bool at_entry)
{
	/* Of each width, and host and guest, control and information fields. */
	static const uint8_t fields[] = {GUEST_ES_SELECTOR, EXCEPTION_BITMAP, TSC_OFFSET, HOST_RIP,
					 GUEST_SS_BASE};
	const unsigned n = sizeof(fields);
	uint64_t shadow, steps[L2_ARGS], found;
	uint8_t *vmread_bitmap;
	unsigned step = 0;

	l2_create_plain(&l2, "steps");
	shadow = new_shadow();
	vmread_bitmap = page_alloc_named("VMREAD bitmap");
	vmread_bitmap[vmcs_encoding(GUEST_RSP) / 8] |= 1 << vmcs_encoding(GUEST_RSP) % 8;
	vmcs_write(VMREAD_BITMAP, page_gpa(vmread_bitmap));
	vmcs_write(VMWRITE_BITMAP, page_gpa(page_alloc_named("VMWRITE bitmap")));
	vmx_control_set(VMX_CPU2_VMCS_SHADOWING, true);
	vmcs_write(VMCS_LINK_POINTER, shadow);
	for (unsigned i = 0; i < n - 1; i++) {
		steps[step++] = STEP(VMWRITE, vmcs_encoding(fields[i]));
		steps[step++] = pattern(vmcs_encoding(fields[i]));
	}
	steps[step++] = at_entry ? STEP(RDMSR, MSR_IA32_STAR) : STEP(FREEZE, 0);
	for (unsigned i = 0; i < n - 1; i++)
		steps[step++] = STEP(VMREAD, vmcs_encoding(fields[i]));
	steps[step++] = STEP(VMWRITE, vmcs_encoding(fields[n - 1]));
	steps[step++] = pattern(vmcs_encoding(fields[n - 1]));
	l2_set_steps(&l2, steps, step);
	if (at_entry) {
		expect_page(shadow);
		freeze_point();
	}
	if (!l2_tells(&l2, 1))
		return;
	for (unsigned i = 0; i < n - 1; i++)
		ktap_check("field that L2 wrote before", pattern(vmcs_encoding(fields[i])),
			   l2.shared->val[2 * (n - 1) + 1 + i]);
	L2_STEPS(&l2, STEP(VMREAD, vmcs_encoding(GUEST_RSP)));
	if (!l2_exits(&l2, EXIT_REASON_VMREAD))
		return;
	if (!ktap_check("VMPTRLD of the shadow VMCS succeeds", 1, vmptrld(shadow)))
		return;
	for (unsigned i = 0; i < n; i++)
		if (vmread(vmcs_encoding(fields[i]), &found))
			ktap_check("field that L2 wrote, as L1 reads it",
				   pattern(vmcs_encoding(fields[i])), found);
	ktap_check("VMCLEAR of the shadow VMCS succeeds", 1, vmclear(shadow));
}

static void fly_shadow_access(void)
{
	shadow_access(false);
}

static void fly_shadow_entry(void)
{
	shadow_access(true);
}

#define SHADOW_ABOUT                                                                           \
	PROMISE("SDM, VMCS Shadowing: VMREAD and VMWRITE in L2 act on the VMCS that the link " \
		"pointer names, unless a bitmap says that they exit"),                         \
		BUG("none known"), FAILURE("L2, or L1 later, reads another value than L2 wrote")

SCENARIO(shadow_access, NEEDS(L2_BASE, VMX_CPU2_VMCS_SHADOWING), FLY(fly_shadow_access), ORDINARY,
	 TITLE("L2 writes and reads a shadow VMCS"),
	 HOST("snapshot in L2 between its VMWRITEs and VMREADs"), SHADOW_ABOUT, FREEZE(port),
	 PROOF("l2 runnable shadow-vmcs12"));
SCENARIO(shadow_entry, NEEDS(L2_BASE, VMX_CPU2_VMCS_SHADOWING), FLY(fly_shadow_entry), ORDINARY,
	 TITLE("right behind VMLAUNCH with a shadow VMCS"),
	 HOST("snapshot while KVM waits inside VMLAUNCH for the page of the shadow VMCS"),
	 SHADOW_ABOUT, FREEZE(page), PROOF("l2 run-pending"));
