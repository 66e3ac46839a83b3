/* SPDX-License-Identifier: BSD-2-Clause */
/* Single pages for an L2 (hv/l2_create.c builds the rest), and L2s that remember. */
#include "hv/steps.h"
#include "hv/enlightened.h"
#include "hv/ept.h"
#include "hv/page_names.h"
#include "hv/vmx.h"
#include "lib/cpu.h"
#include "lib/ktap.h"

void l2_map(struct l2 *l2, uint64_t va, uint64_t gpa, const void *page)
{
	*l2_pte(l2, va) = gpa | PTE_P | PTE_RW;
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

void turns_create(struct l2 *l2, uint64_t val)
{
	l2_create_plain(l2, "steps");
	vmcs_write(GUEST_SYSENTER_ESP, val);
	vmcs_let_go(GUEST_SYSENTER_ESP);
	*l2_data_page(l2, 0) = val;
}

bool turns_take(struct l2 *l2, uint64_t last, uint64_t val, bool freeze)
{
	L2_STEPS(l2, freeze ? STEP(FREEZE, 0) : STEP(RDMSR, MSR_IA32_SYSENTER_ESP),
		 STEP(RDMSR, MSR_IA32_SYSENTER_ESP), STEP(READ, l2_data_va(l2, 0)),
		 STEP(WRMSR, MSR_IA32_SYSENTER_ESP), val, STEP(WRITE, l2_data_va(l2, 0)), val);
	return l2_tells(l2, 1) &&
	       ktap_check("IA32_SYSENTER_ESP of this L2", last, l2->shared->val[1]) &
		       ktap_check("memory of this L2", last, l2->shared->val[2]) &
		       ktap_check("GUEST_SYSENTER_ESP", val, vmcs_read(GUEST_SYSENTER_ESP));
}

bool turns_switch(const struct l2 *l2)
{
	vmcs_forget();
	if (enlightened())
		vmcs_load(l2->vmcs);
	else if (!ktap_check("VMPTRLD succeeds", 1, vmptrld(l2->vmcs)))
		return false;
	return ktap_check("EPT_POINTER", ept_pointer(l2->ept), vmcs_read(EPT_POINTER)) &
	       ktap_check("MSR_BITMAP", page_gpa(l2->msr_bitmap), vmcs_read(MSR_BITMAP));
}
