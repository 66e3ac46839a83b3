/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shadow_vmcs: `running` with a shadow VMCS behind the VMCS link pointer.
 *
 * Architecture: SDM, "VMCS Shadowing": with the control on, VMREAD and VMWRITE in L2 act on the
 * VMCS that the link pointer names; the processor checks its revision identifier at VM entry. Why
 * it is here: KVM reads the header of that VMCS when it restores the nested state, so its page is
 * asked for in KVM_SET_NESTED_STATE itself; and KVM writes the whole page at each exit to L1. A
 * failure looks like: KVM_SET_NESTED_STATE refused, a VM entry that fails, a changed revision
 * identifier.
 */
#include "hv/running.h"
#include "hv/scenario.h"
#include "lib/ktap.h"
#include "lib/page.h"

#define SHADOW_INDICATOR (1u << 31)

static uint32_t *shadow;

static bool possible(char *why, size_t size)
{
	return l2_possible(why, size) && vmx_control_allowed(VMX_CPU2_VMCS_SHADOWING, why, size);
}

static void prepare(struct l2 *l2)
{
	(void)l2;
	shadow = page_alloc_named("shadow VMCS");
	*shadow = vmx_revision() | SHADOW_INDICATOR;
	if (!vmclear(page_gpa(shadow)))
		ktap_error_and_end("what=\"VMCLEAR of the shadow VMCS failed\"");
	vmcs_write(VMREAD_BITMAP, page_gpa(page_alloc_named("VMREAD bitmap")));
	vmcs_write(VMWRITE_BITMAP, page_gpa(page_alloc_named("VMWRITE bitmap")));
	vmcs_write(SECONDARY_VM_EXEC_CONTROL,
		   vmcs_read(SECONDARY_VM_EXEC_CONTROL) | vmx_control_bit(VMX_CPU2_VMCS_SHADOWING));
	vmcs_write(VMCS_LINK_POINTER, page_gpa(shadow));
}

static bool check(const struct l2 *l2)
{
	(void)l2;
	return ktap_check("revision identifier of the shadow VMCS",
			  vmx_revision() | SHADOW_INDICATOR, *shadow);
}

static void run(void)
{
	running_fly(prepare, check);
}

SCENARIO(shadow_vmcs, possible, run);
