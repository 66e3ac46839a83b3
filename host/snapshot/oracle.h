/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold for any snapshot, whatever the guest does: no scenario knows of these checks.
 *   in place   KVM_SET_* of what KVM_GET_* gave, on the same stopped vCPU, changes nothing
 *   new VM     restored into a fresh VM whose TSC is far from the old one's, KVM_GET_* gives the
 *              same bytes; so saving, restoring and saving again is exact
 *   buffer size  KVM_GET_NESTED_STATE needs exactly the bytes that it says
 *   log        L0's kernel log has no new WARNING, BUG or Oops
 *   leak       behind the end of a VM L0 holds none of its pages
 * Differences are told by field name. Buffers end at a page that cannot be touched (guarded.h).
 */
#ifndef HOST_SNAPSHOT_ORACLE_H
#define HOST_SNAPSHOT_ORACLE_H

#include "host/snapshot/snapshot.h"

#define ORACLE_FIELD_MAX 96

struct oracle_finding {
	const char *oracle;	      /* "in place", "new VM", "buffer size", "log", "leak" */
	char field[ORACLE_FIELD_MAX]; /* VCPU_EVENTS.nmi.pending, MSRS.IA32_TSC, LAPIC.IRR[3] */
	char text[160];		      /* what was expected and found */
};

#define ORACLE_FINDINGS_MAX 64

struct oracle_report {
	struct oracle_finding finding[ORACLE_FINDINGS_MAX];
	unsigned findings; /* kept; further ones are only counted in `more` */
	unsigned more;
};

/* A field's place in its section, or that of up to eight bytes without a name. */
struct oracle_place {
	char name[ORACLE_FIELD_MAX]; /* as in struct oracle_finding */
	size_t from, size;	     /* bytes */
};

/* The field at byte @at of @section, or the unnamed bytes from there. */
void oracle_place(const char *section, size_t at, struct oracle_place *p);

/* Adds a finding. @oracle must live as long as the report. */
void oracle_add(struct oracle_report *report, const char *oracle, const char *field,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Compares the sections of two saves of the same state and adds a finding of @oracle for each field
 * that differs and may not (oracle_may.def says what may, and why). Memory is compared if both have
 * it.
 */
void oracle_compare(const char *oracle, const struct snapshot *before, const struct snapshot *after,
		    struct oracle_report *report);

/* Whether @pattern is @name, a field as oracle_place() names it; "[]" stands for every index. */
bool oracle_matches(const char *pattern, const char *name);

/* The first @size bytes at @p, up to 8 of them, as a number. */
uint64_t oracle_number(const uint8_t *p, size_t size);

#endif
