/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMX capability reporting (SDM, appendix "VMX Capability Reporting Facility"), VMX operation, and
 * where a VM exit finds its stack.
 */
#include "hv/vmx_caps.h"
#include "boot/cpus.h"
#include "hv/page_names.h"
#include "hv/vmcs.h"
#include "hv/vmx.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/print.h"

#define FEATURE_CONTROL_LOCKED	    (1ull << 0)
#define FEATURE_CONTROL_VMX_OUTSIDE (1ull << 2)
#define VMX_BASIC_TRUE_CTLS	    (1ull << 55)

static const struct {
	const char *name;
	uint32_t msr, true_msr;
	const char *msr_name, *true_msr_name;
	enum vmcs_field field;
} groups[VMX_GROUPS] = {
#define G(group, name, field, ctls, true_ctls) \
	[group] = {name, MSR_##ctls, MSR_##true_ctls, #ctls, #true_ctls, field}
	G(VMX_PIN, "pin-based", PIN_BASED_VM_EXEC_CONTROL, IA32_VMX_PINBASED_CTLS,
	  IA32_VMX_TRUE_PINBASED_CTLS),
	G(VMX_PRIMARY, "primary", CPU_BASED_VM_EXEC_CONTROL, IA32_VMX_PROCBASED_CTLS,
	  IA32_VMX_TRUE_PROCBASED_CTLS),
	G(VMX_SECONDARY, "secondary", SECONDARY_VM_EXEC_CONTROL, IA32_VMX_PROCBASED_CTLS2,
	  IA32_VMX_PROCBASED_CTLS2),
	G(VMX_TERTIARY, "tertiary", TERTIARY_VM_EXEC_CONTROL, IA32_VMX_PROCBASED_CTLS3,
	  IA32_VMX_PROCBASED_CTLS3),
	G(VMX_EXIT, "exit", VM_EXIT_CONTROLS, IA32_VMX_EXIT_CTLS, IA32_VMX_TRUE_EXIT_CTLS),
	G(VMX_ENTRY, "entry", VM_ENTRY_CONTROLS, IA32_VMX_ENTRY_CTLS, IA32_VMX_TRUE_ENTRY_CTLS),
#undef G
};

static const struct {
	enum vmx_group group;
	uint8_t bit;
	const char *name;
} controls[VMX_CONTROLS] = {
#define C(name, group, bit, text) [VMX_##name] = {VMX_##group, bit, text},
#include "hv/vmx_controls.def"
#undef C
};

static uint64_t forbidden[VMX_GROUPS];

static bool true_ctls(void)
{
	return rdmsr(MSR_IA32_VMX_BASIC) & VMX_BASIC_TRUE_CTLS;
}

static uint64_t capability(enum vmx_group group)
{
	return rdmsr(true_ctls() ? groups[group].true_msr : groups[group].msr);
}

bool vmx_available(char *why, size_t size)
{
	uint64_t fc;

	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_VMX)) {
		format(why, size, "no VMX: CPUID.1:ECX[5]=0 (ECX=0x%x)", cpuid(1, 0).ecx);
		return false;
	}
	fc = rdmsr(MSR_IA32_FEATURE_CONTROL);
	if ((fc & FEATURE_CONTROL_LOCKED) && !(fc & FEATURE_CONTROL_VMX_OUTSIDE)) {
		format(why, size, "VMX locked off: IA32_FEATURE_CONTROL[2]=0 (0x%x)=0x%lx",
		       MSR_IA32_FEATURE_CONTROL, fc);
		return false;
	}
	return true;
}

/* The tertiary capability MSR is 64 bits of what may be 1; the others have that in their high half,
 * and what must be 1 in the low half. */
static uint64_t may_be_1(enum vmx_group group)
{
	return (group == VMX_TERTIARY ? capability(group) : capability(group) >> 32) &
	       ~forbidden[group];
}

void vmx_allow_only(enum vmx_group group, uint64_t bits)
{
	forbidden[group] = ~bits;
}

static uint64_t must_be_1(enum vmx_group group)
{
	return group == VMX_TERTIARY ? 0 : (uint32_t)capability(group);
}

bool vmx_control_allowed(enum vmx_control control, char *why, size_t size)
{
	enum vmx_group group = controls[control].group;
	uint8_t bit = controls[control].bit;

	/* These capability MSRs exist only where the primary control does. */
	if (group == VMX_SECONDARY && !vmx_control_allowed(VMX_CPU_SECONDARY, why, size))
		return false;
	if (group == VMX_TERTIARY && !vmx_control_allowed(VMX_CPU_TERTIARY, why, size))
		return false;
	if (may_be_1(group) >> bit & 1)
		return true;
	format(why, size, "%s[%u] %s: not allowed by %s (0x%x)=0x%lx", groups[group].name, bit,
	       controls[control].name,
	       true_ctls() ? groups[group].true_msr_name : groups[group].msr_name,
	       true_ctls() ? groups[group].true_msr : groups[group].msr, capability(group));
	return false;
}

uint64_t vmx_may_be_1(enum vmx_group group)
{
	char why[1];

	if ((group == VMX_SECONDARY && !vmx_control_allowed(VMX_CPU_SECONDARY, why, 1)) ||
	    (group == VMX_TERTIARY && !vmx_control_allowed(VMX_CPU_TERTIARY, why, 1)))
		return 0;
	return may_be_1(group);
}

static bool has_bits(uint64_t bits, uint64_t cap, uint32_t msr, const char *msr_name,
		     const char *text, char *why, size_t size)
{
	if ((cap & bits) == bits)
		return true;
	format(why, size, "%s: bits 0x%lx missing in %s (0x%x)=0x%lx", text, bits & ~cap, msr_name,
	       msr, cap);
	return false;
}

bool vmx_ept_cap(uint64_t bits, const char *text, char *why, size_t size)
{
	if (!vmx_control_allowed(VMX_CPU2_EPT, why, size) &&
	    !vmx_control_allowed(VMX_CPU2_VPID, why, size))
		return false;
	return has_bits(bits, rdmsr(MSR_IA32_VMX_EPT_VPID_CAP), MSR_IA32_VMX_EPT_VPID_CAP,
			"IA32_VMX_EPT_VPID_CAP", text, why, size);
}

bool vmx_misc_cap(uint64_t bits, const char *text, char *why, size_t size)
{
	return has_bits(bits, rdmsr(MSR_IA32_VMX_MISC), MSR_IA32_VMX_MISC, "IA32_VMX_MISC", text,
			why, size);
}

bool vmx_vmfunc_cap(uint64_t bits, const char *text, char *why, size_t size)
{
	return vmx_control_allowed(VMX_CPU2_VMFUNC, why, size) &&
	       has_bits(bits, rdmsr(MSR_IA32_VMX_VMFUNC), MSR_IA32_VMX_VMFUNC, "IA32_VMX_VMFUNC",
			text, why, size);
}

bool vmx_ept_usable(char *why, size_t size)
{
	return vmx_control_allowed(VMX_CPU2_EPT, why, size) &&
	       vmx_ept_cap(EPT_CAP_WALK_4 | EPT_CAP_WB | EPT_CAP_INVEPT | EPT_CAP_INVEPT_ALL, "EPT",
			   why, size);
}

unsigned vmx_cr3_targets(void)
{
	return rdmsr(MSR_IA32_VMX_MISC) >> 16 & 0x1ff;
}

unsigned vmx_preemption_timer_shift(void)
{
	return rdmsr(MSR_IA32_VMX_MISC) & 0x1f;
}

bool vmx_cpuid_has(uint32_t leaf, uint32_t subleaf, enum cpuid_register reg, unsigned bit,
		   const char *text, char *why, size_t size)
{
	/* Beyond the last leaf (of the basic or the extended ones) CPUID answers with others' data.
	 */
	bool there = leaf <= cpuid(leaf & 0x80000000, 0).eax;
	struct cpuid c = there ? cpuid(leaf, subleaf) : (struct cpuid){0};
	const uint32_t vals[] = {c.eax, c.ebx, c.ecx, c.edx};

	if (vals[reg] >> bit & 1)
		return true;
	format(why, size, "no %s: CPUID.0x%x.%u:E%cX[%u]=0 (0x%x)", text, leaf, subleaf,
	       "ABCD"[reg], bit, vals[reg]);
	return false;
}

uint64_t vmx_control_bit(enum vmx_control control)
{
	return 1ull << controls[control].bit;
}

uint64_t vmx_control_value(enum vmx_group group, const bool wanted[VMX_CONTROLS])
{
	uint64_t val = must_be_1(group);

	for (unsigned i = 0; i < VMX_CONTROLS; i++)
		if (wanted[i] && controls[i].group == group)
			val |= vmx_control_bit(i);
	return val;
}

enum vmcs_field vmx_control_field(enum vmx_control control)
{
	return groups[controls[control].group].field;
}

void vmx_control_set(enum vmx_control control, bool on)
{
	enum vmcs_field field = vmx_control_field(control);
	uint64_t bit = vmx_control_bit(control), val = vmcs_read(field);

	vmcs_write(field, on ? val | bit : val & ~bit);
}

uint32_t vmx_revision(void)
{
	return rdmsr(MSR_IA32_VMX_BASIC) & 0x7fffffff;
}

void vmx_on(void)
{
	static uint8_t regions[CPUS][PAGE_SIZE] __attribute__((aligned(4096)));
	uint8_t *region = regions[cpu_index()];
	uint64_t fc = rdmsr(MSR_IA32_FEATURE_CONTROL);

	if (!(fc & FEATURE_CONTROL_LOCKED))
		wrmsr(MSR_IA32_FEATURE_CONTROL,
		      fc | FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX_OUTSIDE);
	write_cr0((read_cr0() | rdmsr(MSR_IA32_VMX_CR0_FIXED0)) & rdmsr(MSR_IA32_VMX_CR0_FIXED1));
	write_cr4((read_cr4() | rdmsr(MSR_IA32_VMX_CR4_FIXED0) | CR4_VMXE) &
		  rdmsr(MSR_IA32_VMX_CR4_FIXED1));
	/* As most L1s have it: a reset must take it back, too. */
	if (cpuid(1, 0).ecx & CPUID_1_ECX_PCID)
		write_cr4(read_cr4() | (CR4_PCIDE & rdmsr(MSR_IA32_VMX_CR4_FIXED1)));
	*(uint32_t *)region = vmx_revision();
	page_announce("VMXON region", region, 1);
	if (!vmxon(page_gpa(region)))
		ktap_error_and_end("what=\"VMXON failed\"");
}

void vmx_off(void)
{
	vmxoff();
	write_cr4(read_cr4() & ~CR4_VMXE);
}

uint64_t vmx_host_rsp(void)
{
	static uint64_t slots[CPUS][2] __attribute__((aligned(16)));

	return (uint64_t)(slots + cpu_index() + 1);
}

void vmx_caps_read(uint64_t value[VMX_CAP_MSRS])
{
	unsigned last = true_ctls() ? VMX_CAP_MSRS : VMX_CAP_MSRS - 4;

	for (unsigned i = 0; i < VMX_CAP_MSRS; i++)
		value[i] = i < last ? rdmsr(MSR_IA32_VMX_BASIC + i) : 0;
}

void vmx_caps_compare(const uint64_t expected[VMX_CAP_MSRS], const uint64_t found[VMX_CAP_MSRS])
{
	for (unsigned i = 0; i < VMX_CAP_MSRS; i++)
		if (expected[i] != found[i])
			ktap_fail(
				"check=\"VMX capability MSR\" msr=0x%x expected=0x%lx found=0x%lx",
				MSR_IA32_VMX_BASIC + i, expected[i], found[i]);
}
