/* SPDX-License-Identifier: BSD-2-Clause */
/* `running` with a shadow VMCS behind the VMCS link pointer; the scenario is told of below. */
#include "hv/page_names.h"
#include "hv/running.h"
#include "hv/scenario.h"
#include "lib/ktap.h"

#define SHADOW_INDICATOR (1u << 31)

static uint32_t *shadow;

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

SCENARIO(shadow_vmcs, NEEDS(L2_APICV, VMX_CPU2_VMCS_SHADOWING), RUN(run),
	 TITLE("L2 runs with a shadow VMCS behind the VMCS link pointer"),
	 PROMISE("SDM, VMCS Shadowing: VMREAD and VMWRITE in L2 act on the VMCS that the link "
		 "pointer names; the processor checks its revision identifier at VM entry"),
	 HOST("as in running; KVM reads the header of that VMCS when it restores the nested state, "
	      "so its page is asked for in KVM_SET_NESTED_STATE itself, and writes the whole page "
	      "at each exit to L1"),
	 BUG("none known"),
	 FAILURE("KVM_SET_NESTED_STATE refused, a VM entry that fails, a changed revision "
		 "identifier"),
	 FREEZE(soon), PROOF("l2 runnable shadow-vmcs12"));
