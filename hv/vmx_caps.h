/* SPDX-License-Identifier: BSD-2-Clause */
/* What the CPU's VMX can do, and turning VMX operation on. */
#ifndef HV_VMX_CAPS_H
#define HV_VMX_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The control fields, each with its own capability MSR. */
enum vmx_group { VMX_PIN, VMX_PRIMARY, VMX_SECONDARY, VMX_EXIT, VMX_ENTRY, VMX_GROUPS };

enum vmx_control {
#define C(name, group, bit, text) VMX_##name,
#include "hv/vmx_controls.def"
#undef C
	VMX_CONTROLS
};

/* True if VMX can be turned on; else @why (of @size bytes) names the register and bit. */
bool vmx_available(char *why, size_t size);

/* True if the CPU lets @control be 1; else @why names the capability MSR, its value and the bit. */
bool vmx_control_allowed(enum vmx_control control, char *why, size_t size);

/* True if EPT offers 4-level walks of write-back tables and INVEPT; else @why as above. */
bool vmx_ept_usable(char *why, size_t size);

/* The value for the control field of @group: what must be 1, and the @wanted of that group. */
uint32_t vmx_control_value(enum vmx_group group, const bool wanted[VMX_CONTROLS]);

uint32_t vmx_control_bit(enum vmx_control control);

/* VMXON with a region of its own (announced). On return CR0 and CR4 have the bits VMX asks for. */
void vmx_on(void);
void vmx_off(void);

/* The VMCS revision identifier (IA32_VMX_BASIC). */
uint32_t vmx_revision(void);

#endif
