/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's vmcs12 as KVM_GET_NESTED_STATE returns it: where each field lies. The layout is ABI (struct
 * vmcs12 in arch/x86/kvm/vmx/vmcs12.h), checked by its revision.
 */
#ifndef HOST_SNAPSHOT_VMCS12_H
#define HOST_SNAPSHOT_VMCS12_H

#include "host/snapshot/snapshot.h"

struct vmcs12_field {
	const char *name; /* as in hv/vmcs_fields.def, or KVM's own for what is no VMCS field */
	uint16_t offset;
	uint8_t size; /* bytes: 2, 4 or 8 */
};

/* All fields, in order of their offset. */
const struct vmcs12_field *vmcs12_fields(unsigned *count);

/* The field called @name (of @len bytes), or NULL. */
const struct vmcs12_field *vmcs12_find(const char *name, size_t len);

/*
 * The vmcs12 within section NESTED_STATE of @s, and where the writable copy lies. NULL if there is
 * none (no VMXON, no current VMCS), with @e (may be NULL) saying why; also for a revision that is
 * not known.
 */
const uint8_t *vmcs12_of(const struct snapshot *s, struct err *e);

/*
 * The same for the @len bytes that KVM_GET_NESTED_STATE returned: vmcs12, NULL with @e (may be
 * NULL) saying why not.
 */
const uint8_t *vmcs12_in(const void *buffer, size_t len, struct err *e);

/* The shadow vmcs12 behind vmcs12, or NULL. vmcs12_check() looks at its revision. */
const uint8_t *vmcs12_shadow_in(const void *buffer, size_t len);

/*
 * That such a buffer is VMX's, complete, and what is in it of known revisions; that there is no
 * vmcs12 is right as well. 0, or -1 with @e.
 */
int vmcs12_check(const void *buffer, size_t len, struct err *e);

/* Field @name is an address that @vmcs12's controls or counts say is not in use. */
bool vmcs12_unused(const uint8_t *vmcs12, const char *name);

/*
 * Where in guest memory lies what vmcs12's field @name points at (VIRTUAL_APIC_PAGE_ADDR, ...). 0,
 * or -1 with @e: no vmcs12, or its controls say that the field is not in use.
 */
int vmcs12_address(const struct snapshot *s, const char *name, uint64_t *gpa, struct err *e);

/* The field called @name; 0 without a vmcs12. */
uint64_t vmcs12_value(const uint8_t *vmcs12, const char *name);
uint64_t vmcs12_get(const uint8_t *vmcs12, const struct vmcs12_field *f);
void vmcs12_set(uint8_t *vmcs12, const struct vmcs12_field *f, uint64_t value);

#endif
