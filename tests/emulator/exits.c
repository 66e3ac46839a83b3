/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM entry with a shadow VMCS, and the exit qualification of two kinds of exit. Each check stands
 * for a defect that an emulator had (lab/README.md).
 */
#include "hv/steps.h"
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/string.h"

#define SHADOW_INDICATOR (1u << 31)
#define APIC_GPA	 0xfee00000
#define ACCESS_FETCH	 (2 << 12) /* bits 15:12 of the exit qualification */

static struct l2 l2;

/* A shadow VMCS can be current, but not be entered. */
static void shadow_current(void)
{
	uint32_t *shadow;

	l2_create_plain(&l2, "tell");
	shadow = page_alloc_named("shadow VMCS");
	*shadow = vmx_revision() | SHADOW_INDICATOR;
	ktap_check("VMCLEAR", 1, vmclear(page_gpa(shadow)));
	if (ktap_check("VMPTRLD", 1, vmptrld(page_gpa(shadow)))) {
		l2_entry_fails(&l2, 0);
		l2.launched = true; /* VMRESUME */
		l2_entry_fails(&l2, 0);
	}
	ktap_check("VMCLEAR", 1, vmclear(page_gpa(shadow)));
	l2_destroy_all();
}

/* A page for L2's code, at L2_SPARE_VA(0). */
static void *code_page(void)
{
	void *page = page_alloc_named("L2 code");

	l2_map(&l2, L2_SPARE_VA(0), L2_SPARE_GPA(0), page);
	return page;
}

#define PLACES 16

/*
 * L2 executes @insn, in @code behind @count times @before. INVD makes the emulator forget what it
 * has decoded: each call decodes the same code of L1 and then L2's into the same places.
 */
static bool decoded_anew(char *code, const char *before, unsigned count, const char *insn,
			 enum vmx_exit_reason reason)
{
	for (unsigned i = 0; i < count; i++, code += strlen(before))
		memcpy(code, before, strlen(before));
	memcpy(code, insn, 4);
	vmcs_write(GUEST_RIP, L2_SPARE_VA(0));
	asm volatile("invd" ::: "memory");
	return l2_exits(&l2, reason);
}

/* Only a memory operand has a displacement; LEA leaves one where the instruction then lies. */
static void register_operand(void)
{
	static const struct {
		char code[4];
		uint64_t qualification;
	} cases[] = {
		{"\x0f\x00\x4f\xfe", -2ull}, /* STR -2(%rdi) */
		{"\x0f\x00\xc9", 0},	     /* STR %ecx */
		{"\x0f\x00\xc1", 0},	     /* SLDT %ecx */
		{"\x0f\x00\xd1", 0},	     /* LLDT %cx */
		{"\x0f\x00\xd9", 0},	     /* LTR %cx */
	};
	char *code;

	l2_create_plain(&l2, "tell");
	vmx_control_set(VMX_CPU2_DESC, true);
	code = code_page();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* LEA 0x11223344(%rdi), %ecx; CPUID. NOPs, so that places may shift a little. */
		if (!decoded_anew(code, "\x8d\x8f\x44\x33\x22\x11", 2 * PLACES, "\x0f\xa2\x90",
				  EXIT_REASON_CPUID) ||
		    !decoded_anew(code, "\x90", PLACES, cases[i].code, EXIT_REASON_LDTR_TR))
			break;
		ktap_check("exit qualification", cases[i].qualification,
			   vmcs_read(EXIT_QUALIFICATION));
	}
	l2_destroy_all();
}

/* The first byte that L2 fetches from the APIC-access page lies @offset in it. */
static void fetch(uint64_t rip, unsigned offset)
{
	vmcs_write(GUEST_RIP, rip);
	if (!l2_exits(&l2, EXIT_REASON_APIC_ACCESS))
		return;
	ktap_check("exit qualification", ACCESS_FETCH | offset, vmcs_read(EXIT_QUALIFICATION));
	ktap_check("GUEST_RIP", rip, vmcs_read(GUEST_RIP));
}

/* Code is not fetched from the APIC-access page, neither a whole instruction nor its rest. */
static void fetch_from_apic(void)
{
	char *code;
	void *apic;

	l2_create_plain(&l2, "tell");
	code = code_page();
	apic = page_alloc_named("APIC-access page");
	code[PAGE_SIZE - 1] = 0x0f; /* an instruction that goes on behind it */
	l2_map(&l2, L2_SPARE_VA(1), APIC_GPA, apic);
	vmx_control_set(VMX_CPU2_VIRT_APIC_ACCESSES, true);
	vmcs_write(APIC_ACCESS_ADDR, page_gpa(apic));
	fetch(L2_SPARE_VA(1) + 0x123, 0x123);
	fetch(L2_SPARE_VA(1) - 1, 0);
	l2_destroy_all();
}

SCENARIO(cpu_shadow_current, NEEDS(L2_BASE, VMX_CPU2_VMCS_SHADOWING), RUN(shadow_current));
SCENARIO(cpu_register_operand, NEEDS(L2_BASE, VMX_CPU2_DESC), RUN(register_operand));
SCENARIO(cpu_fetch_from_apic, NEEDS(L2_BASE, VMX_CPU2_VIRT_APIC_ACCESSES), RUN(fetch_from_apic));
