/* SPDX-License-Identifier: BSD-2-Clause */
/* What host/inspect_*.c have in common. */
#ifndef HOST_INSPECT_INSPECT_PARTS_H
#define HOST_INSPECT_INSPECT_PARTS_H

#include "host/inspect/inspect.h"
#include "host/inspect/inspect_words.h"
#include "host/snapshot/saved_state.h"

/* What is shown of a place in guest memory that vmcs12 points at. */
struct inspect_page {
	const char *name;  /* SDM's */
	const char *field; /* of vmcs12, or NULL: that of the header, below */
};
enum { PAGE_VIRTUAL_APIC, PAGE_PI_DESCRIPTOR }; /* those whose contents are told */
extern const struct inspect_page inspect_pages[];
extern const unsigned inspect_page_count;

/* Where @page lies; false: not in use, or not known. */
bool inspect_page_address(const struct snapshot *s, const struct inspect_page *page, uint64_t *gpa);

/* @len bytes of guest memory at @gpa, all in one page; NULL if they are not there. */
const uint8_t *inspect_memory(const struct snapshot *s, uint64_t gpa, size_t len);

/* @field (as oracle_place() names it) is not known in this format. */
bool inspect_lacks(const struct inspected *i, const char *field);

/* Of the two sections that hold these registers, the one that says more. */
bool inspect_superseded(const struct snapshot *s, const char *section);

/* The kind of a field of a section, vmcs12's included; *@shown: even without --verbose. */
enum kind inspect_kind(const char *field, bool *shown);

/* How vmcs12 is laid out for people. */
struct inspect_row {
	const char *title; /* of the fields that follow, or NULL */
	const char *name;
	enum kind kind;
};
extern const struct inspect_row inspect_rows[];
extern const unsigned inspect_row_count;

/* "LAPIC.IRR[3]" and the like: told as vectors instead. */
bool inspect_is_vectors(const char *field);

/* Within the posted-interrupt descriptor and the virtual-APIC page (SDM); all in bytes. */
#define PI_LEN	    64
#define PI_CONTROL  32
#define PI_NV	    34
#define PI_NDST	    36
#define PI_STRIDE   4
#define VAPIC_TPR   0x80
#define VAPIC_PPR   0xa0
#define VAPIC_ISR   0x100
#define VAPIC_TMR   0x180
#define VAPIC_IRR   0x200
#define APIC_STRIDE 16

/* ---- QEMU's stream (inspect_qemu.c) --------------------------------------------------------- */

/*
 * Fills the zeroed @s with sections as driver kvm saves them (REGS, SREGS2, NESTED_STATE, ...) and
 * guest memory, from the @len bytes of a complete stream. 0, or -1 with @e filled and @s empty. If
 * the memory is in a form that is not read, @s has none and @memory says why.
 */
int inspect_qemu(const void *stream, size_t len, struct snapshot *s, struct err *memory,
		 struct err *e);

/* QEMU's stream does not have @field (as oracle_place() names it), or not as KVM does. */
bool inspect_qemu_lacks(const char *field);

/* Appends the names of all such fields, parts separated by ", ". */
void inspect_qemu_lacking(struct buf *b);

#endif
