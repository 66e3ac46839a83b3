/* SPDX-License-Identifier: BSD-2-Clause */
/* Roles of guest pages, as L1 announced them. */
#ifndef HOST_L1_PAGE_NAMES_H
#define HOST_L1_PAGE_NAMES_H

#include "host/base/util.h"

/* A range of guest memory with a role, as L1 announced it. */
struct page_name {
	char name[64];
	uint64_t gpa; /* of the first page */
	uint64_t pages;
};

/* The names; `page` events of the guest fill it (page_names_add), later ones win. */
struct page_names {
	struct page_name *entry;
	unsigned count;
};
void page_names_add(struct page_names *n, const char *name, uint64_t gpa, uint64_t pages);
/* Adds all of @from, which may be NULL. */
void page_names_copy(struct page_names *n, const struct page_names *from);
/* The name of the page at @gpa, or "other". */
const char *page_names_find(const struct page_names *n, uint64_t gpa);
void page_names_free(struct page_names *n);

/* Whether KVM itself maps this role at nested_get_vmcs12_pages() or reads it as part of vmcs12. */
bool page_name_is_vmcs12(const char *name);

#endif
