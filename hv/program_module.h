/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that came with L1, as a multiboot module (l2guest/program.h), to be flown where no host
 * writes one after the other: on the bare CPU. L1 then takes no more of the CPU than KVM offered.
 */
#ifndef HV_PROGRAM_MODULE_H
#define HV_PROGRAM_MODULE_H

#include "hv/vmcs.h"
#include "l2guest/program.h"

#include <stdbool.h>

/* What the CPU offers, as seen with the current VMCS; it may not change from one call to another.
 */
void program_offers(struct program_offers *offers);

/* Whether KVM offered @field, of which the module tells; without one, true. */
bool program_offers_field(enum vmcs_field field);

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
