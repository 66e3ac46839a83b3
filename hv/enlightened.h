/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An enlightened L1, as Windows is one under KVM with hv-evmcs: it has told its guest OS id, has a
 * hypercall page and a VP assist page, and runs L2 by an enlightened VMCS. TLFS, "Nested
 * Virtualization".
 */
#ifndef HV_ENLIGHTENED_H
#define HV_ENLIGHTENED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* TLFS, "Virtual Processor Assist Page", up to what we need. */
struct vp_assist {
	uint32_t apic_assist, reserved;
	uint32_t vtl_control[6];
	uint32_t nested_features; /* VP_ASSIST_DIRECT_HYPERCALL */
	uint32_t nested_hypercalls;
	uint8_t enlighten_vmentry, reserved2[7];
	uint64_t current_nested_vmcs;
};
#define VP_ASSIST_DIRECT_HYPERCALL (1u << 0)
#define VP_ASSIST_PAGES		   2

/* True if the hypervisor below offers all this; else @why names what is missing, leaf and bit. */
bool enlightened_possible(char *why, size_t size);

/*
 * Sets all this up on this CPU, in assist page 0. From now on VMCSs are enlightened ones, until
 * enlightened_off(), before which they must be cleared.
 */
void enlightened_on(void);
void enlightened_off(void);
bool enlightened(void);
/* Checks that the synthetic MSRs and the hypercall page are as enlightened_on() left them. */
void enlightened_check(void);
/* Whether the VMCSs that are made from now on are enlightened ones. */
void enlightened_set(bool vmcs);

/* The assist page in use, and making another (below VP_ASSIST_PAGES) that, with a copy of it. */
struct vp_assist *vp_assist(void);
void vp_assist_move(unsigned page);

/* Makes the VMCS at @gpa current: VMPTRLD, or the assist page names it. Ends the run if it fails.
 */
void vmcs_load(uint64_t gpa);
/* The same by VMPTRLD, whatever L1 is. */
void vmcs_load_ordinary(uint64_t gpa);

#endif
