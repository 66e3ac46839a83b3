/* SPDX-License-Identifier: BSD-2-Clause */
/* What the CPU's VMX can do, and turning VMX operation on. */
#ifndef HV_VMX_CAPS_H
#define HV_VMX_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hv/vmcs.h"
#include "lib/cpu.h"

/* The control fields, each with its own capability MSR. */
enum vmx_group {
	VMX_PIN,
	VMX_PRIMARY,
	VMX_SECONDARY,
	VMX_TERTIARY,
	VMX_EXIT,
	VMX_ENTRY,
	VMX_GROUPS
};

enum vmx_control {
#define C(name, group, bit, text) VMX_##name,
#include "hv/vmx_controls.def"
#undef C
	VMX_CONTROLS
};

/* Bits of IA32_VMX_EPT_VPID_CAP; SDM, appendix "VPID and EPT Capabilities". */
#define EPT_CAP_EXECUTE_ONLY	     (1ull << 0)
#define EPT_CAP_WALK_4		     (1ull << 6)
#define EPT_CAP_WALK_5		     (1ull << 7)
#define EPT_CAP_UC		     (1ull << 8)
#define EPT_CAP_WB		     (1ull << 14)
#define EPT_CAP_2M		     (1ull << 16)
#define EPT_CAP_1G		     (1ull << 17)
#define EPT_CAP_INVEPT		     (1ull << 20)
#define EPT_CAP_AD		     (1ull << 21)
#define EPT_CAP_ADVANCED_EXIT_INFO   (1ull << 22) /* more qualification of EPT violations */
#define EPT_CAP_SHADOW_STACK	     (1ull << 23) /* supervisor shadow-stack control */
#define EPT_CAP_INVEPT_SINGLE	     (1ull << 25)
#define EPT_CAP_INVEPT_ALL	     (1ull << 26)
#define VPID_CAP_INVVPID	     (1ull << 32)
#define VPID_CAP_INVVPID_ADDRESS     (1ull << 40)
#define VPID_CAP_INVVPID_SINGLE	     (1ull << 41)
#define VPID_CAP_INVVPID_ALL	     (1ull << 42)
#define VPID_CAP_INVVPID_KEEP_GLOBAL (1ull << 43) /* single context, retaining globals */

/* Bits of IA32_VMX_MISC; SDM, appendix "Miscellaneous Data". */
#define MISC_CAP_SAVE_EFER_LMA	  (1ull << 5) /* VM exits store EFER.LMA into "IA-32e mode guest" */
#define MISC_CAP_HLT		  (1ull << 6) /* activity states */
#define MISC_CAP_SHUTDOWN	  (1ull << 7)
#define MISC_CAP_WAIT_FOR_SIPI	  (1ull << 8)
#define MISC_CAP_PT		  (1ull << 14) /* Intel PT in VMX operation */
#define MISC_CAP_SMBASE_MSR	  (1ull << 15) /* IA32_SMBASE readable in SMM */
#define MISC_CAP_SMM_MONITOR	  (1ull << 28) /* IA32_SMM_MONITOR_CTL[2] */
#define MISC_CAP_VMWRITE_ANY	  (1ull << 29) /* VMWRITE to VM-exit information fields */
#define MISC_CAP_ZERO_LENGTH_INTR (1ull << 30) /* software events with instruction length 0 */

/* Bits of IA32_VMX_VMFUNC; SDM, appendix "VM Functions". */
#define VMFUNC_CAP_EPTP_SWITCHING (1ull << 0)

/* True if VMX can be turned on; else @why (of @size bytes) names the register and bit. */
bool vmx_available(char *why, size_t size);

/*
 * What the control field of @group may have as 1; and from now on not more than @bits, as if the
 * CPU had it so.
 */
uint64_t vmx_may_be_1(enum vmx_group group);
void vmx_allow_only(enum vmx_group group, uint64_t bits);

/* True if the CPU lets @control be 1; else @why names the capability MSR, its value and the bit. */
bool vmx_control_allowed(enum vmx_control control, char *why, size_t size);

/* True if EPT offers 4-level walks of write-back tables and INVEPT; else @why as above. */
bool vmx_ept_usable(char *why, size_t size);

/*
 * True if all @bits (EPT_CAP_*, VPID_CAP_*; MISC_CAP_*; VMFUNC_CAP_*) are set in
 * IA32_VMX_EPT_VPID_CAP, IA32_VMX_MISC, IA32_VMX_VMFUNC; else @why opens with @text, which says
 * what is missing, and names the bits and the MSR. An MSR that the controls do not allow has no
 * bits.
 */
bool vmx_ept_cap(uint64_t bits, const char *text, char *why, size_t size);
bool vmx_misc_cap(uint64_t bits, const char *text, char *why, size_t size);
bool vmx_vmfunc_cap(uint64_t bits, const char *text, char *why, size_t size);

/* Number of CR3-target values (IA32_VMX_MISC); the VMCS has fields for four. */
unsigned vmx_cr3_targets(void);

/* The VMX-preemption timer counts down by 1 every 2^N TSC ticks; returns N (IA32_VMX_MISC). */
unsigned vmx_preemption_timer_shift(void);

enum cpuid_register { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };

/* True if CPUID reports @bit; else @why opens with "no @text" and names leaf, register and bit. */
bool vmx_cpuid_has(uint32_t leaf, uint32_t subleaf, enum cpuid_register reg, unsigned bit,
		   const char *text, char *why, size_t size);

/* The value for the control field of @group: what must be 1, and the @wanted of that group. */
uint64_t vmx_control_value(enum vmx_group group, const bool wanted[VMX_CONTROLS]);

uint64_t vmx_control_bit(enum vmx_control control);
/* The control field that @control is a bit of. */
enum vmcs_field vmx_control_field(enum vmx_control control);

/*
 * Turns @control on or off in the current VMCS, whose control field was written before. Asks
 * neither whether the CPU allows it, nor for "activate secondary (tertiary) controls".
 */
void vmx_control_set(enum vmx_control control, bool on);

/* VMXON with a region of its own (announced). On return CR0 and CR4 have the bits VMX asks for. */
void vmx_on(void);
void vmx_off(void);

/* This CPU's VMX capability MSRs, from IA32_VMX_BASIC on; 0 for those that it has not. */
#define VMX_CAP_MSRS (MSR_IA32_VMX_TRUE_ENTRY_CTLS - MSR_IA32_VMX_BASIC + 1)
void vmx_caps_read(uint64_t value[VMX_CAP_MSRS]);
/* Prints a `fail` event for each of them that differs. */
void vmx_caps_compare(const uint64_t expected[VMX_CAP_MSRS], const uint64_t found[VMX_CAP_MSRS]);

/* The VMCS revision identifier (IA32_VMX_BASIC). */
uint32_t vmx_revision(void);

#endif
