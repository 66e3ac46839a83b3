/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files that interpret programs (docs/fuzz.md) have in common. */
#ifndef HV_PROGRAMS_PROGRAM_PARTS_H
#define HV_PROGRAMS_PROGRAM_PARTS_H

#include "hv/l2.h"
#include "hv/vmcs.h"
#include "hv/vmx.h"
#include "hv/vmx_caps.h"
#include "l2guest/program.h"
#include "lib/cpu.h"

#include <stdbool.h>

#define PROGRAM_MSR_AREA     8 /* entries in each */
#define PROGRAM_L1_MSR_COUNT (sizeof((uint32_t[]){PROGRAM_L1_MSRS}) / sizeof(uint32_t))
extern const uint32_t program_l1_msrs[PROGRAM_L1_MSR_COUNT];

/* The program that flies. */
extern struct program_run {
	struct program_trace trace __attribute__((aligned(4096)));
	uint8_t pages[PROGRAM_PAGE_NOWHERE][PAGE_SIZE];
	uint8_t vmcs_page[PAGE_SIZE];
	struct msr_entry msr_area[3][PROGRAM_MSR_AREA]; /* by op */
	struct program_lists program;			/* as it was when the hop began */
	struct l2 l2;
	uint64_t other_vmcs;	   /* the one that is not current */
	uint64_t *gone, gone_leaf; /* the EPT entry that an `unmap-own` has taken */
	uint64_t l1_did;	   /* what came of VMX instructions since the last exit */
	uint64_t entry_error;
	unsigned next_step; /* of L1's */
	unsigned irqs[256]; /* L1's own, when the program began */
	bool answers;	    /* what the exit asks for is done */
} run;

/* A field of the current VMCS, whatever is in it; 0: it has none. */
uint64_t program_field(enum vmcs_field f);
void program_set_field(enum vmcs_field f, uint64_t val);

/* L2's log; whether an exit by @reason is no instruction's, so that none is skipped. */
struct program_log *program_log(void);
bool program_is_event(uint32_t reason);

/* Words for an exit, and for the end, in the order that host/fuzz/trace.c names. */
void program_trace_exit(enum l2_entry_result result);
void program_trace_end(void);

/* Does L1's steps up to the next `enter`. */
void program_steps(void);
/* Fills what the kinds of `page` are, for the L2 that was created. */
void program_fill_pages(void);
/* Gives L2 its page @i with @rights of EPT entries. */
void program_map(unsigned i, uint64_t rights);
/* Turns @c on, if the CPU lets it be on, or off. */
void program_control(enum vmx_control c, bool on);

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
