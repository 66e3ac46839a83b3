/* SPDX-License-Identifier: BSD-2-Clause */
/* The VM-entry MSR-load area and the VM-exit MSR areas around a snapshot; all told of below. */
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "l2guest/steps.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/string.h"

#define MSRS 2
static const uint32_t msrs[MSRS] = {MSR_IA32_KERNEL_GS_BASE, MSR_IA32_LSTAR};
/* The proofs below name L2's. */
static const uint64_t loaded[MSRS] = {0xffff800011110000, 0xffff800022220000},
		      l2_own[MSRS] = {0x7fff33330000, 0x7fff44440000},
		      l1_own[MSRS] = {0x7fff55550000, 0xffff800066660000};

static struct l2 l2;

static struct msr_entry *list(const char *name, const uint64_t *values)
{
	struct msr_entry *entry = page_alloc_named(name);

	for (unsigned i = 0; i < MSRS; i++) {
		entry[i].index = msrs[i];
		entry[i].value = values ? values[i] : 0;
	}
	return entry;
}

/* L2 reads both; writes its own, is frozen and reads both again, if @write. */
static void program(bool write)
{
	const uint64_t steps[] = {STEP(RDMSR, msrs[0]), STEP(RDMSR, msrs[1]),
				  STEP(WRMSR, msrs[0]), l2_own[0],
				  STEP(WRMSR, msrs[1]), l2_own[1],
				  STEP(FREEZE, 0),	STEP(RDMSR, msrs[0]),
				  STEP(RDMSR, msrs[1])};

	memset(l2.shared->arg, 0, sizeof(l2.shared->arg));
	memcpy(l2.shared->arg, steps, write ? sizeof(steps) : 2 * sizeof(steps[0]));
}

static bool read(unsigned first, const uint64_t *values)
{
	return ktap_check("L2's IA32_KERNEL_GS_BASE", values[0], l2.shared->val[first]) &
	       ktap_check("L2's IA32_LSTAR", values[1], l2.shared->val[first + 1]);
}

static struct msr_entry *entry_load(void)
{
	struct msr_entry *entry = list("VM-entry MSR-load area", loaded);

	vmcs_write(VM_ENTRY_MSR_LOAD_ADDR, page_gpa(entry));
	vmcs_write(VM_ENTRY_MSR_LOAD_COUNT, MSRS);
	return entry;
}

static void fly_entry_load(void)
{
	l2_create_plain(&l2, "steps");
	entry_load();
	program(true);
	if (!l2_tells(&l2, 1) || !(read(0, loaded) & read(7, l2_own)))
		return;
	program(false);
	if (l2_tells(&l2, 1))
		read(0, loaded);
}

static void fly_entry_load_page(void)
{
	l2_create_plain(&l2, "steps");
	expect_page(page_gpa(entry_load()));
	program(false);
	freeze_point();
	if (l2_tells(&l2, 1))
		read(0, loaded);
}

static void fly_exit_lists(void)
{
	struct msr_entry *store, *load;

	l2_create_plain(&l2, "steps");
	store = list("VM-exit MSR-store area", NULL);
	load = list("VM-exit MSR-load area", l1_own);
	vmcs_write(VM_EXIT_MSR_STORE_ADDR, page_gpa(store));
	vmcs_write(VM_EXIT_MSR_STORE_COUNT, MSRS);
	vmcs_write(VM_EXIT_MSR_LOAD_ADDR, page_gpa(load));
	vmcs_write(VM_EXIT_MSR_LOAD_COUNT, MSRS);
	program(true);
	if (!l2_tells(&l2, 1) || !read(7, l2_own))
		return;
	for (unsigned i = 0; i < MSRS; i++) {
		ktap_check("MSR stored for L2", l2_own[i], store[i].value);
		ktap_check("MSR loaded for L1", l1_own[i], rdmsr(msrs[i]));
	}
	/* No list loads them at VM entry: L2 finds what L1 has. */
	program(false);
	if (l2_tells(&l2, 1))
		read(0, l1_own);
}

#define LISTS_REST                                                                               \
	BUG("none known; the MSRs travel by KVM_SET_MSRS, and KVM reads the lists in its own "   \
	    "time"),                                                                             \
		FAILURE("a list is used twice or not at all, or L1's and L2's values are mixed " \
			"up")
#define L2_OWN "msr:0xc0000102=0x7fff33330000 msr:0xc0000082=0x7fff44440000"

SCENARIO(msr_entry_load, NEEDS(L2_BASE), FLY(fly_entry_load),
	 TITLE("L2 has changed MSRs that the VM-entry MSR-load area gave it"),
	 PROMISE("SDM, Loading MSRs: the area is loaded at VM entry, and at no other time"),
	 HOST("snapshot in L2 behind its writes"), LISTS_REST, FREEZE(port),
	 PROOF("l2 runnable VM_ENTRY_MSR_LOAD_COUNT=2 " L2_OWN));
SCENARIO(msr_entry_load_page, NEEDS(L2_BASE), FLY(fly_entry_load_page), ORDINARY,
	 TITLE("the VM-entry MSR-load area's page comes late, during VMLAUNCH"),
	 PROMISE("SDM, Loading MSRs: L2's first instruction finds them all loaded"),
	 HOST("snapshot while KVM waits inside VMLAUNCH for the area"), LISTS_REST, FREEZE(page),
	 PROOF("l2 run-pending VM_ENTRY_MSR_LOAD_COUNT=2"));
SCENARIO(msr_exit_lists, NEEDS(L2_BASE), FLY(fly_exit_lists),
	 TITLE("VM-exit MSR-store and MSR-load areas separate L2's MSRs from L1's"),
	 PROMISE("SDM, Saving MSRs and Loading MSRs: a VM exit first stores L2's, then loads L1's"),
	 HOST("snapshot in L2; the first VM exit comes behind the restore"), LISTS_REST,
	 FREEZE(port),
	 PROOF("l2 runnable VM_EXIT_MSR_STORE_COUNT=2 VM_EXIT_MSR_LOAD_COUNT=2 " L2_OWN));
