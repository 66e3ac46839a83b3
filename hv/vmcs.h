/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access to the current VMCS of this CPU by field, with a memory of what L1 wrote. It is an
 * ordinary one (VMREAD, VMWRITE) or an enlightened one (memory, hv/evmcs.h): scenarios need not
 * know which.
 */
#ifndef HV_VMCS_H
#define HV_VMCS_H

#include <stdbool.h>
#include <stdint.h>

/* Index into the field table, not the encoding. */
enum vmcs_field {
#define F(name, encoding, role) name,
#include "hv/vmcs_fields.def"
#undef F
	VMCS_FIELDS
};

/*
 * Reads or writes @field of the current VMCS; VMfail ends the run with an `error` event. Of an
 * enlightened VMCS the group of @field becomes dirty; a field without a place in it ends the run
 * with a SKIP that names it.
 */
uint64_t vmcs_read(enum vmcs_field field);
void vmcs_write(enum vmcs_field field, uint64_t val);

/* Writes without remembering it (break=vmcs-field). */
void vmcs_corrupt(enum vmcs_field field, uint64_t val);

/* Forgets what was written to @field: from now on L2 or the processor may change it. */
void vmcs_let_go(enum vmcs_field field);

/* The enlightened VMCS that is current from now on (NULL: an ordinary one), and the one that is. */
void vmcs_use(void *enlightened);
void *vmcs_enlightened(void);

/* Takes over what CPU @cpu has written to a VMCS that moves from there to this one. */
void vmcs_adopt(unsigned cpu);

/* Forgets what was written (for a new VMCS). */
void vmcs_forget(void);

/*
 * Checks that every field that L1 wrote and nobody else may change (roles CONTROL, HOST, GUEST)
 * reads back; prints a `fail` event for each that does not. True if all do.
 */
bool vmcs_check_written(void);

/* The encoding of @field; whether it is of VM exits alone (role INFO). */
uint32_t vmcs_encoding(enum vmcs_field field);
bool vmcs_is_info(enum vmcs_field field);

/* Name of a basic exit reason, or "unknown". */
const char *vmcs_exit_reason_name(uint32_t reason);

#endif
