/* SPDX-License-Identifier: BSD-2-Clause */
/* VMX capability reporting; SDM, appendix "VMX Capability Reporting Facility". */
#include "hv/vmx_caps.h"
#include "hv/vmx.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/page.h"
#include "lib/print.h"

#define FEATURE_CONTROL_LOCKED	    (1ull << 0)
#define FEATURE_CONTROL_VMX_OUTSIDE (1ull << 2)
#define VMX_BASIC_TRUE_CTLS	    (1ull << 55)
#define EPT_CAP_WALK_4		    (1ull << 6)
#define EPT_CAP_WB		    (1ull << 14)
#define EPT_CAP_INVEPT_ALL	    ((1ull << 20) | (1ull << 26))

static const struct {
	const char *name;
	uint32_t msr, true_msr;
	const char *msr_name, *true_msr_name;
} groups[VMX_GROUPS] = {
#define G(group, name, ctls, true_ctls) \
	[group] = {name, MSR_##ctls, MSR_##true_ctls, #ctls, #true_ctls}
	G(VMX_PIN, "pin-based", IA32_VMX_PINBASED_CTLS, IA32_VMX_TRUE_PINBASED_CTLS),
	G(VMX_PRIMARY, "primary", IA32_VMX_PROCBASED_CTLS, IA32_VMX_TRUE_PROCBASED_CTLS),
	G(VMX_SECONDARY, "secondary", IA32_VMX_PROCBASED_CTLS2, IA32_VMX_PROCBASED_CTLS2),
	G(VMX_EXIT, "exit", IA32_VMX_EXIT_CTLS, IA32_VMX_TRUE_EXIT_CTLS),
	G(VMX_ENTRY, "entry", IA32_VMX_ENTRY_CTLS, IA32_VMX_TRUE_ENTRY_CTLS),
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

bool vmx_control_allowed(enum vmx_control control, char *why, size_t size)
{
	enum vmx_group group = controls[control].group;
	uint8_t bit = controls[control].bit;
	uint64_t cap;

	/* The secondary capability MSR exists only where the primary control does. */
	if (group == VMX_SECONDARY && !vmx_control_allowed(VMX_CPU_SECONDARY, why, size))
		return false;
	cap = capability(group);
	if (cap >> (32 + bit) & 1)
		return true;
	format(why, size, "%s[%u] %s: not allowed by %s (0x%x)=0x%lx", groups[group].name, bit,
	       controls[control].name,
	       true_ctls() ? groups[group].true_msr_name : groups[group].msr_name,
	       true_ctls() ? groups[group].true_msr : groups[group].msr, cap);
	return false;
}

bool vmx_ept_usable(char *why, size_t size)
{
	const uint64_t need = EPT_CAP_WALK_4 | EPT_CAP_WB | EPT_CAP_INVEPT_ALL;
	uint64_t cap;

	if (!vmx_control_allowed(VMX_CPU2_EPT, why, size))
		return false;
	cap = rdmsr(MSR_IA32_VMX_EPT_VPID_CAP);
	if ((cap & need) == need)
		return true;
	format(why, size, "EPT: bits 0x%lx missing in IA32_VMX_EPT_VPID_CAP (0x%x)=0x%lx",
	       need & ~cap, MSR_IA32_VMX_EPT_VPID_CAP, cap);
	return false;
}

uint32_t vmx_control_bit(enum vmx_control control)
{
	return 1u << controls[control].bit;
}

uint32_t vmx_control_value(enum vmx_group group, const bool wanted[VMX_CONTROLS])
{
	uint32_t val = (uint32_t)capability(group);

	for (unsigned i = 0; i < VMX_CONTROLS; i++)
		if (wanted[i] && controls[i].group == group)
			val |= vmx_control_bit(i);
	return val;
}

uint32_t vmx_revision(void)
{
	return rdmsr(MSR_IA32_VMX_BASIC) & 0x7fffffff;
}

void vmx_on(void)
{
	static uint8_t region[PAGE_SIZE] __attribute__((aligned(4096)));
	uint64_t fc = rdmsr(MSR_IA32_FEATURE_CONTROL);

	if (!(fc & FEATURE_CONTROL_LOCKED))
		wrmsr(MSR_IA32_FEATURE_CONTROL,
		      fc | FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX_OUTSIDE);
	write_cr0((read_cr0() | rdmsr(MSR_IA32_VMX_CR0_FIXED0)) & rdmsr(MSR_IA32_VMX_CR0_FIXED1));
	write_cr4((read_cr4() | rdmsr(MSR_IA32_VMX_CR4_FIXED0) | CR4_VMXE) &
		  rdmsr(MSR_IA32_VMX_CR4_FIXED1));
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
