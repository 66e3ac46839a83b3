/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files that interpret programs (docs/fuzz.md) have in common. */
#ifndef HV_PROGRAMS_PROGRAM_PARTS_H
#define HV_PROGRAMS_PROGRAM_PARTS_H

#include "l2guest/program.h"

#include <stdbool.h>

/*
 * Does step @s, PROGRAM_VMX: a VMX instruction of L1's whose operands need not be good. In VMX root
 * mode; on return too, but VMCS @vmcs must be loaded again, and is in a state of VMCLEAR if
 * *@cleared. What came of it, as one word: flags, the vector of an exception, a value.
 * @enlightened: only what an enlightened L1 may do.
 */
uint64_t program_vmx(const struct program_step *s, uint64_t vmcs, bool enlightened, bool *cleared);

/*
 * ---- programs without a host: they came with L1, as a multiboot module (program_module.c) ---
 * L1 then takes no more of the CPU than KVM offered, of which the module tells.
 */

/* What the CPU offers, as seen with the current VMCS; it may not change from one call to another.
 */
void program_offers(struct program_offers *offers);

/* Whether KVM offered @field (enum vmcs_field); without a module, true. */
bool program_offers_field(unsigned field);

/* The same of a bit of IA32_VMX_EPT_VPID_CAP (EPT_CAP_*); without a module, whether it is there. */
bool program_offers_ept(uint64_t bit);

/*
 * The next program, for a CPU that is as at the start; false: there is none. A module that is none
 * ends the run with an `error` event.
 */
bool program_module_next(struct program_lists *p);

/* Prints in what @trace, that of the program, is not the one under KVM. */
void program_module_tell(const struct program_trace *trace);

#endif
