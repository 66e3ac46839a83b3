/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps single pages for an L2; hv/l2_create.c builds the rest. */
#include "hv/l2_map.h"
#include "hv/ept.h"
#include "hv/page_names.h"
#include "lib/cpu.h"
#include "lib/ktap.h"

void l2_map(struct l2 *l2, uint64_t va, uint64_t gpa, const void *page)
{
	/* L1 backs the row of L2's tables in reverse order, and the last one maps the pages. */
	uint64_t *pt = l2->tables - (L2_TABLE_PAGES - 1) * (PAGE_SIZE / sizeof(uint64_t));

	pt[va >> 12 & 511] = gpa | PTE_P | PTE_RW;
	ept_map(l2->ept, gpa, page);
}

void l2_unmap(struct l2 *l2, uint64_t gpa)
{
	*ept_leaf(l2->ept, gpa) = 0;
	if (!invept_all())
		ktap_error_and_end("what=\"INVEPT failed\"");
}

void *l2_own_idt(struct l2 *l2)
{
	uint64_t from = vmcs_read(GUEST_IDTR_BASE);
	uint8_t *idt = page_alloc_named("L2 IDT");

	for (unsigned i = 0; i < PAGE_SIZE; i++)
		idt[i] = *(uint8_t *)l2_image_address(l2, from + i);
	l2_map(l2, L2_SPARE_VA(0), L2_SPARE_GPA(0), idt);
	vmcs_write(GUEST_IDTR_BASE, L2_SPARE_VA(0));
	return idt;
}
