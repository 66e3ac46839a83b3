// SPDX-License-Identifier: BSD-2-Clause
// Roles of guest pages, as L1 announced them, and which of them are KVM's own reading for vmcs12.
#include "host/l1/page_names.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_SHIFT 12

/* What a VMCS points at or is, in L1's words. EPT tables and L2's memory belong to page walks. */
static const char vmcs12_names[] =
	"virtual-APIC page,posted-interrupt descriptor,MSR bitmap,APIC-access page,VMCS,"
	"VP assist page,enlightened VMCS,partition assist page,VMXON region,shadow VMCS,"
	"I/O bitmap A,I/O bitmap B,VM-exit MSR-store area,VM-exit MSR-load area,"
	"VM-entry MSR-load area,VMREAD bitmap,VMWRITE bitmap,PML page,EPTP list";

void page_names_add(struct page_names *n, const char *name, uint64_t gpa, uint64_t pages)
{
	struct page_name *entry;

	n->entry = xrealloc(n->entry, (n->count + 1) * sizeof(*n->entry));
	entry = &n->entry[n->count++];
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	/* A posted-interrupt descriptor may lie anywhere in its page. */
	entry->gpa = gpa >> PAGE_SHIFT << PAGE_SHIFT;
	entry->pages = pages;
}

const char *page_names_find(const struct page_names *n, uint64_t gpa)
{
	for (unsigned i = n->count; i--;) {
		const struct page_name *entry = &n->entry[i];

		if (gpa >= entry->gpa && (gpa - entry->gpa) >> PAGE_SHIFT < entry->pages)
			return entry->name;
	}
	return "other";
}

void page_names_copy(struct page_names *n, const struct page_names *from)
{
	for (unsigned i = 0; from && i < from->count; i++)
		page_names_add(n, from->entry[i].name, from->entry[i].gpa, from->entry[i].pages);
}

void page_names_free(struct page_names *n)
{
	free(n->entry);
	memset(n, 0, sizeof(*n));
}

bool page_name_is_vmcs12(const char *name)
{
	return word_in(vmcs12_names, ',', name);
}
