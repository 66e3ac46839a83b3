/* SPDX-License-Identifier: BSD-2-Clause */
/* `running` with a VM-exit MSR-store area; the scenario is told of below. */
#include "hv/page_names.h"
#include "hv/running.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"

enum { ENTRY_KERNEL_GS_BASE, ENTRY_TSC, ENTRIES };

static struct msr_entry *list;
static uint64_t last_tsc;

static void prepare(struct l2 *l2)
{
	(void)l2;
	last_tsc = 0;
	list = page_alloc_named("VM-exit MSR-store area");
	list[ENTRY_KERNEL_GS_BASE].index = MSR_IA32_KERNEL_GS_BASE;
	list[ENTRY_TSC].index = MSR_IA32_TSC;
	vmcs_write(VM_EXIT_MSR_STORE_ADDR, page_gpa(list));
	vmcs_write(VM_EXIT_MSR_STORE_COUNT, ENTRIES);
}

static bool check(const struct l2 *l2)
{
	uint64_t tsc = list[ENTRY_TSC].value;
	bool ok = ktap_check("stored IA32_KERNEL_GS_BASE", l2->shared->kernel_gs_base,
			     list[ENTRY_KERNEL_GS_BASE].value) &
		  ktap_check("stored TSC goes forward", 1, tsc > last_tsc) &
		  ktap_check("stored TSC is not ahead", 1, tsc < rdtsc());

	last_tsc = tsc;
	return ok;
}

static void run(void)
{
	running_fly(prepare, check);
}

SCENARIO(msr_store, NEEDS(L2_APICV), RUN(run), TITLE("L2 runs with a VM-exit MSR-store area"),
	 PROMISE("SDM, VM-Exit Controls for MSRs and Saving MSRs: at each VM exit the processor "
		 "stores the listed MSRs in memory"),
	 HOST("as in running; KVM reads the list when it restores the nested state (it looks for "
	      "IA32_TSC), so its page is asked for in KVM_SET_NESTED_STATE itself"),
	 BUG("none known"),
	 FAILURE("a stored MSR that is not what L2 had, or a VM that ends with a VMX abort"),
	 FREEZE(soon), PROOF("l2 runnable !VM_EXIT_MSR_STORE_COUNT=0"));
