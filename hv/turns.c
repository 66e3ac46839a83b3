/* SPDX-License-Identifier: BSD-2-Clause */
/* L2s that remember; in VMX root operation all along. */
#include "hv/turns.h"
#include "hv/enlightened.h"
#include "hv/ept.h"
#include "hv/page_names.h"
#include "hv/steps.h"
#include "hv/vmx.h"
#include "lib/ktap.h"

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
