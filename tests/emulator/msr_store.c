/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM exit stores IA32_TSC in the MSR-store area as it is: the TSC offset is for what L2 reads.
 */
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"

#define OFFSET (1ull << 50)

static struct l2 l2;

static void run(void)
{
	struct {
		uint32_t index, reserved;
		uint64_t value;
	} * entry;
	uint64_t before, after;

	l2_create(&l2, "halted"); /* its first exit is a call, before it sleeps */
	entry = page_alloc_named("VM-exit MSR-store area");
	entry->index = MSR_IA32_TSC;
	vmcs_write(VM_EXIT_MSR_STORE_ADDR, page_gpa(entry));
	vmcs_write(VM_EXIT_MSR_STORE_COUNT, 1);
	vmcs_write(TSC_OFFSET, OFFSET);
	vmcs_write(CPU_BASED_VM_EXEC_CONTROL,
		   vmcs_read(CPU_BASED_VM_EXEC_CONTROL) | vmx_control_bit(VMX_CPU_TSC_OFFSETTING));
	before = rdtsc();
	ktap_check("exit", L2_EXIT_CALL, l2_run(&l2));
	after = rdtsc();
	ktap_check("stored TSC lies between L1's own readings", 1,
		   before <= entry->value && entry->value <= after);
	l2_destroy_all();
}

SCENARIO(cpu_msr_store_tsc, NEEDS(L2_APICV, VMX_CPU_TSC_OFFSETTING), RUN(run));
