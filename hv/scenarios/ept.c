/* SPDX-License-Identifier: BSD-2-Clause */
/* The EPT that L1 builds: large pages, flags, faults, changes, log, switching; told of below. */
#include "hv/ept.h"
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "hv/steps.h"
#include "hv/vmx.h"
#include "lib/ktap.h"

#define BEFORE 0xbef0be00bef0be01
#define AFTER  0xaf7e7000af7e7002
#define OTHER  0x07e207e207e207e3

/* Far from L2's other memory: in entries of its own of each level. */
#define GPA_2M 0x140000000
#define GPA_1G 0x180000000

/* Bits of the exit qualification for EPT violations that every CPU gives. */
#define QUAL_READ    (1u << 0)
#define QUAL_WRITE   (1u << 1)
#define QUAL_EXEC_OK (1u << 5)
#define QUAL_LINEAR  (3u << 7) /* the linear address is valid, and not of a paging structure */
#define QUAL_MASK    0x1bf

static struct l2 l2;

static uint64_t *data_leaf(unsigned i)
{
	return ept_leaf(l2.ept, l2_data_gpa(&l2, i));
}

static void invept(void)
{
	ktap_check("INVEPT succeeds", 1, invept_all());
}

static bool read_was(unsigned step, uint64_t expected)
{
	return ktap_check("what L2 read", expected, l2.shared->val[step]);
}

/* ---- large pages ---------------------------------------------------------------------------- */

/* L2 reaches two of its data pages through one large leaf that maps L1's memory from 0 on. */
static void large(uint64_t gpa, unsigned shift)
{
	l2_create_plain(&l2, "steps");
	ept_map_large(l2.ept, gpa, 0, shift);
	for (unsigned i = 0; i < 2; i++)
		*l2_pte(&l2, l2_data_va(&l2, i)) =
			(gpa + page_gpa(l2_data_page(&l2, i))) | PTE_P | PTE_RW;
	*l2_data_page(&l2, 1) = OTHER;
	L2_STEPS(&l2, STEP(WRITE, l2_data_va(&l2, 0)), BEFORE, STEP(FREEZE, 0),
		 STEP(READ, l2_data_va(&l2, 0)), STEP(READ, l2_data_va(&l2, 1)),
		 STEP(WRITE, l2_data_va(&l2, 1)), AFTER);
	if (!l2_tells(&l2, 1))
		return;
	read_was(3, BEFORE);
	read_was(4, OTHER);
	ktap_check("what L2 wrote before", BEFORE, *l2_data_page(&l2, 0));
	ktap_check("what L2 wrote after", AFTER, *l2_data_page(&l2, 1));
}

static void fly_2m(void)
{
	large(GPA_2M, EPT_SHIFT_2M);
}

static void fly_1g(void)
{
	large(GPA_1G, EPT_SHIFT_1G);
}

static bool possible_2m(char *why, size_t size)
{
	return vmx_ept_cap(EPT_CAP_2M, "2-MiB EPT pages", why, size);
}

static bool possible_1g(char *why, size_t size)
{
	return vmx_ept_cap(EPT_CAP_1G, "1-GiB EPT pages", why, size);
}

#define LARGE_ABOUT(size)                                                                         \
	TITLE("L2 reaches its memory through a " size " EPT page"),                               \
		PROMISE("SDM, EPT Translation Mechanism: an entry with bit 7 set maps a page of " \
			"its level"),                                                             \
		HOST("snapshot in L2 between accesses through the page; the restored KVM has no " \
		     "shadow of it"),                                                             \
		BUG("none known"),                                                                \
		FAILURE("L2 or L1 reads something else than the other one wrote"), FREEZE(port),  \
		PROOF("l2 runnable")

SCENARIO(ept_2m, NEEDS(L2_BASE), FLY(fly_2m, .possible = possible_2m), LARGE_ABOUT("2-MiB"));
SCENARIO(ept_1g, NEEDS(L2_BASE), FLY(fly_1g, .possible = possible_1g), LARGE_ABOUT("1-GiB"));

/* ---- accessed and dirty flags --------------------------------------------------------------- */

static bool possible_ad(char *why, size_t size)
{
	return vmx_ept_cap(EPT_CAP_AD, "EPT accessed and dirty flags", why, size);
}

static void create_ad(void)
{
	l2_create_plain(&l2, "steps");
	vmcs_write(EPT_POINTER, ept_pointer(l2.ept) | EPTP_AD);
}

/* A CPU may set an accessed flag unasked, but never a dirty flag. */
static void check_flags(unsigned page, bool accessed, bool dirty)
{
	uint64_t entry = *data_leaf(page);

	if (accessed)
		ktap_check("accessed flag", EPT_ACCESSED, entry & EPT_ACCESSED);
	ktap_check("dirty flag", dirty ? EPT_DIRTY : 0, entry & EPT_DIRTY);
}

static void fly_ad(void)
{
	create_ad();
	L2_STEPS(&l2, STEP(READ, l2_data_va(&l2, 0)), STEP(WRITE, l2_data_va(&l2, 1)), BEFORE,
		 STEP(FREEZE, 0), STEP(READ, l2_data_va(&l2, 2)), STEP(WRITE, l2_data_va(&l2, 3)),
		 AFTER);
	if (!l2_tells(&l2, 1))
		return;
	check_flags(0, true, false);
	check_flags(1, true, true);
	check_flags(2, true, false);
	check_flags(3, true, true);
	check_flags(4, false, false);
}

static void fly_ad_cleared(void)
{
	create_ad();
	L2_STEPS(&l2, STEP(WRITE, l2_data_va(&l2, 0)), BEFORE, STEP(WRITE, l2_data_va(&l2, 1)),
		 BEFORE, STEP(WRITE, l2_data_va(&l2, 2)), BEFORE);
	if (!l2_tells(&l2, 1))
		return;
	for (unsigned i = 0; i < 3; i++)
		*data_leaf(i) &= ~(EPT_ACCESSED | EPT_DIRTY);
	freeze_point();
	invept();
	L2_STEPS(&l2, STEP(READ, l2_data_va(&l2, 0)), STEP(WRITE, l2_data_va(&l2, 1)), AFTER);
	if (!l2_tells(&l2, 1))
		return;
	read_was(0, BEFORE);
	check_flags(0, true, false);
	check_flags(1, true, true);
	check_flags(2, false, false);
}

#define AD_PROMISE "SDM, Accessed and Dirty Flags for EPT: "

SCENARIO(ept_ad, NEEDS(L2_BASE), FLY(fly_ad, .possible = possible_ad),
	 TITLE("L2 sets accessed and dirty flags in L1's EPT before and after the snapshot"),
	 PROMISE(AD_PROMISE "the processor sets the accessed flag of each entry that it uses, and "
			    "the dirty flag of one that maps a page written to"),
	 HOST("snapshot in L2 between the accesses"), BUG("none known"),
	 FAILURE("a flag is missing, or the dirty flag of a page that was only read"), FREEZE(port),
	 PROOF("l2 runnable EPT_POINTER&0x40"));

SCENARIO(ept_ad_cleared, NEEDS(L2_BASE), FLY(fly_ad_cleared, .possible = possible_ad),
	 TITLE("L1 has cleared dirty flags in its EPT and not yet flushed"),
	 PROMISE(AD_PROMISE "after INVEPT, accesses set cleared flags again"),
	 HOST("snapshot in L1 between the change of the entries and INVEPT"), BUG("none known"),
	 FAILURE("a write that leaves the flag clear, which loses data of whoever trusts it"),
	 FREEZE(port), PROOF("vmcs12 !l2 EPT_POINTER&0x40"));

/* ---- violations and misconfigurations ------------------------------------------------------- */

/* Enters L2 and asks nothing of the VMCS before the snapshot. */
static bool exits_frozen(enum vmx_exit_reason reason)
{
	if (!ktap_check("VM entry", L2_ENTRY_OK, vmx_enter(&l2.regs, l2.launched)))
		return false;
	l2.launched = true;
	freeze_point();
	return ktap_check("VM-exit reason", reason, vmcs_read(VM_EXIT_REASON)) &
	       vmcs_check_written();
}

/* @in_l1: the snapshot comes right behind the exit, else in L2 before the access. */
static bool faults(enum vmx_exit_reason reason, bool in_l1)
{
	return in_l1 ? exits_frozen(reason) : l2_exits(&l2, reason);
}

static void check_violation(uint64_t gpa, uint64_t va, uint32_t qualification)
{
	ktap_check("exit qualification", qualification | QUAL_LINEAR,
		   vmcs_read(EXIT_QUALIFICATION) & QUAL_MASK);
	ktap_check("GUEST_PHYSICAL_ADDRESS", gpa, vmcs_read(GUEST_PHYSICAL_ADDRESS));
	ktap_check("GUEST_LINEAR_ADDRESS", va, vmcs_read(GUEST_LINEAR_ADDRESS));
	ktap_check("no event was under way", 0, vmcs_read(IDT_VECTORING_INFO_FIELD) >> 31);
}

/* L2 writes to where @entry stands instead of the right EPT entry, which comes after the exit. */
static void bad_entry(uint64_t entry, enum vmx_exit_reason reason, bool in_l1)
{
	const unsigned offset = 0x238;
	uint64_t good, va, gpa;

	l2_create_plain(&l2, "steps");
	good = *data_leaf(0);
	va = l2_data_va(&l2, 0) + offset;
	gpa = l2_data_gpa(&l2, 0) + offset;
	*data_leaf(0) = (good & EPT_ADDRESS) | entry;
	if (in_l1)
		L2_STEPS(&l2, STEP(WRITE, va), AFTER);
	else
		L2_STEPS(&l2, STEP(FREEZE, 0), STEP(WRITE, va), AFTER);
	if (!faults(reason, in_l1))
		return;
	if (reason == EXIT_REASON_EPT_VIOLATION)
		check_violation(gpa, va, QUAL_WRITE);
	else
		ktap_check("GUEST_PHYSICAL_ADDRESS", gpa, vmcs_read(GUEST_PHYSICAL_ADDRESS));
	*data_leaf(0) = good;
	invept();
	if (l2_tells(&l2, 1))
		ktap_check("what L2 wrote", AFTER, l2_data_page(&l2, 0)[offset / 8]);
}

static void fly_violation(void)
{
	bad_entry(0, EXIT_REASON_EPT_VIOLATION, false);
}

static void fly_violation_l1(void)
{
	bad_entry(0, EXIT_REASON_EPT_VIOLATION, true);
}

/* Writable and not readable: no such page. */
static void fly_misconfig(void)
{
	bad_entry(EPT_W, EXIT_REASON_EPT_MISCONFIG, false);
}

static void fly_misconfig_l1(void)
{
	bad_entry(EPT_W, EXIT_REASON_EPT_MISCONFIG, true);
}

static bool possible_execute_only(char *why, size_t size)
{
	return vmx_ept_cap(EPT_CAP_EXECUTE_ONLY, "execute-only EPT pages", why, size);
}

/* mov $0xc0de, %eax; ret */
#define CODE	    0x00c30000c0deb8
#define CODE_RESULT 0xc0de

static void fly_execute_only(void)
{
	uint64_t va;

	l2_create_plain(&l2, "steps");
	va = l2_data_va(&l2, 0);
	*l2_data_page(&l2, 0) = CODE;
	*data_leaf(0) &= ~(EPT_R | EPT_W);
	L2_STEPS(&l2, STEP(RUN, va), STEP(FREEZE, 0), STEP(RUN, va), STEP(READ, va));
	if (!l2_exits(&l2, EXIT_REASON_EPT_VIOLATION))
		return;
	check_violation(l2_data_gpa(&l2, 0), va, QUAL_READ | QUAL_EXEC_OK);
	*data_leaf(0) |= EPT_R;
	invept();
	if (!l2_tells(&l2, 1))
		return;
	read_was(0, CODE_RESULT);
	read_was(2, CODE_RESULT);
	read_was(3, CODE);
}

#define FAULT_PROMISE                                                                          \
	PROMISE("SDM, EPT-Induced VM Exits: such an access causes a VM exit, which saves the " \
		"guest-physical address, for violations the kind of access, too")
#define FAULT_REST                                                                                \
	BUG("none known"),                                                                        \
		FAILURE("another exit, another address or qualification, or an access done that " \
			"was not allowed"),                                                       \
		FREEZE(port)
#define FAULT_IN_L2                                                                \
	FAULT_PROMISE, HOST("snapshot in L2 right before the access"), FAULT_REST, \
		PROOF("l2 runnable")
#define FAULT_IN_L1(reason)                                                                        \
	FAULT_PROMISE, HOST("snapshot in L1 right behind the exit, nothing read yet"), FAULT_REST, \
		PROOF("vmcs12 !l2 VM_EXIT_REASON=" reason)

SCENARIO(ept_violation, NEEDS(L2_BASE), FLY(fly_violation),
	 TITLE("L2's first write after the snapshot is an EPT violation"), FAULT_IN_L2);
SCENARIO(ept_violation_l1, NEEDS(L2_BASE), FLY(fly_violation_l1),
	 TITLE("L1 right behind an EPT violation"), FAULT_IN_L1("48"));
SCENARIO(ept_misconfig, NEEDS(L2_BASE), FLY(fly_misconfig),
	 TITLE("L2's first write after the snapshot meets a misconfigured EPT entry"), FAULT_IN_L2);
SCENARIO(ept_misconfig_l1, NEEDS(L2_BASE), FLY(fly_misconfig_l1),
	 TITLE("L1 right behind an EPT misconfiguration"), FAULT_IN_L1("49"));
SCENARIO(ept_execute_only, NEEDS(L2_BASE), FLY(fly_execute_only, .possible = possible_execute_only),
	 TITLE("L2 may execute a page that it may not read"), FAULT_IN_L2);

/* ---- changes and INVEPT --------------------------------------------------------------------- */

enum moment { IN_L2, BEFORE_INVALIDATION, BEHIND_INVALIDATION };

/* L1 maps another page where L2 has read, by way of the EPT. */
static void change(enum moment freeze)
{
	uint64_t *other, va;

	l2_create_plain(&l2, "steps");
	other = page_alloc_named("L2 data");
	*other = OTHER;
	va = l2_data_va(&l2, 0);
	*l2_data_page(&l2, 0) = BEFORE;
	L2_STEPS(&l2, STEP(READ, va), freeze == IN_L2 ? STEP(FREEZE, 0) : STEP(READ, va),
		 STEP(READ, va));
	if (!l2_tells(&l2, 1))
		return;
	read_was(0, BEFORE);
	read_was(2, BEFORE);
	ept_map(l2.ept, l2_data_gpa(&l2, 0), other);
	if (freeze == BEFORE_INVALIDATION)
		freeze_point();
	invept();
	if (freeze == BEHIND_INVALIDATION)
		freeze_point();
	L2_STEPS(&l2, STEP(READ, va), STEP(WRITE, va), AFTER);
	if (!l2_tells(&l2, 1))
		return;
	read_was(0, OTHER);
	ktap_check("the page that L2 wrote to", AFTER, *other);
	ktap_check("the page that was there before", BEFORE, *l2_data_page(&l2, 0));
}

static void fly_change_l2(void)
{
	change(IN_L2);
}

static void fly_change_stale(void)
{
	change(BEFORE_INVALIDATION);
}

static void fly_change_flushed(void)
{
	change(BEHIND_INVALIDATION);
}

#define CHANGE_PROMISE                                                                             \
	PROMISE("SDM, Invalidating Cached EPT-Based Information: after INVEPT L2 uses the EPT as " \
		"it then is")
#define CHANGE_REST                                                                          \
	BUG("none known"), FAILURE("L2 still reads, or writes to, the page that was there"), \
		FREEZE(port)

SCENARIO(ept_change_l2, NEEDS(L2_BASE), FLY(fly_change_l2),
	 TITLE("L1 changes its EPT and flushes after L2 was restored"), CHANGE_PROMISE,
	 HOST("snapshot in L2, which has read through the entry that L1 changes later"),
	 CHANGE_REST, PROOF("l2 runnable"));
SCENARIO(ept_change_stale, NEEDS(L2_BASE), FLY(fly_change_stale),
	 TITLE("L1 has changed its EPT and not yet flushed"), CHANGE_PROMISE,
	 HOST("snapshot in L1 between change and INVEPT"), CHANGE_REST, PROOF("vmcs12 !l2"));
SCENARIO(ept_change_flushed, NEEDS(L2_BASE), FLY(fly_change_flushed),
	 TITLE("L1 has changed its EPT and flushed"), CHANGE_PROMISE,
	 HOST("snapshot in L1 behind INVEPT, before the next VM entry"), CHANGE_REST,
	 PROOF("vmcs12 !l2"));

/* ---- in the middle of a walk ---------------------------------------------------------------- */

/* The access needs an EPT table that nothing else needs. */
static void fly_walk(void)
{
	uint64_t *page, va;

	l2_create_plain(&l2, "steps");
	page = page_alloc_named("L2 data");
	*page = OTHER;
	ept_map(l2.ept, GPA_2M, page);
	va = l2_data_va(&l2, 0);
	*l2_pte(&l2, va) = GPA_2M | PTE_P | PTE_RW;
	expect_page(page_gpa(ept_leaf(l2.ept, GPA_2M)));
	L2_STEPS(&l2, STEP(FREEZE, 0), STEP(READ, va), STEP(WRITE, va), AFTER);
	if (!l2_tells(&l2, 1))
		return;
	read_was(1, OTHER);
	ktap_check("what L2 wrote", AFTER, *page);
}

SCENARIO(ept_walk, NEEDS(L2_BASE), FLY(fly_walk), TITLE("in the middle of a walk through L1's EPT"),
	 PROMISE("SDM, EPT Translation Mechanism: L2's accesses go where the EPT says"),
	 HOST("snapshot while KVM waits for the page of an EPT table that L2's access needs"),
	 BUG("none known"), FAILURE("an EPT violation that is none, the access lost or done twice"),
	 FREEZE(page), PROOF("l2 runnable"));

/* ---- page-modification log ------------------------------------------------------------------ */

#define PML_LAST 511

/*
 * Room for three entries: one is used before the snapshot, two after it. All that L2 writes to but
 * its data pages has its dirty flags set beforehand, so that only those are logged.
 */
static void pml(bool stop_in_log)
{
	uint64_t *log, *table;

	create_ad();
	table = ept_leaf(l2.ept, L2_GPA_BASE);
	for (unsigned i = 0; i < 512; i++)
		if (table[i] & EPT_RWX)
			table[i] |= EPT_ACCESSED | EPT_DIRTY;
	for (unsigned i = 0; i < 4; i++)
		*data_leaf(i) &= ~(EPT_ACCESSED | EPT_DIRTY);
	log = page_alloc_named("page-modification log");
	vmcs_write(PML_ADDRESS, page_gpa(log));
	vmcs_write(GUEST_PML_INDEX, 2);
	vmx_control_set(VMX_CPU2_PML, true);
	invept();
	if (stop_in_log)
		expect_page(page_gpa(log));
	L2_STEPS(&l2, STEP(WRITE, l2_data_va(&l2, 0)), BEFORE, STEP(FREEZE, 0),
		 STEP(WRITE, l2_data_va(&l2, 1)), AFTER, STEP(WRITE, l2_data_va(&l2, 0)), AFTER,
		 STEP(WRITE, l2_data_va(&l2, 2)), AFTER, STEP(WRITE, l2_data_va(&l2, 3)), AFTER);
	if (!l2_exits(&l2, EXIT_REASON_PML_FULL))
		return;
	for (unsigned i = 0; i < 3; i++)
		ktap_check("logged address", l2_data_gpa(&l2, i), log[2 - i]);
	ktap_check("GUEST_PML_INDEX of a full log", 0xffff, vmcs_read(GUEST_PML_INDEX));
	ktap_check("the write that found no room", 0, *l2_data_page(&l2, 3));
	vmcs_write(GUEST_PML_INDEX, PML_LAST);
	if (!l2_tells(&l2, 1))
		return;
	ktap_check("logged address", l2_data_gpa(&l2, 3), log[PML_LAST]);
	ktap_check("GUEST_PML_INDEX", PML_LAST - 1, vmcs_read(GUEST_PML_INDEX));
	ktap_check("the write when there was room again", AFTER, *l2_data_page(&l2, 3));
}

static void fly_pml(void)
{
	pml(false);
}

static void fly_pml_page(void)
{
	pml(true);
}

#define PML_ABOUT                                                                                \
	PROMISE("SDM, Page-Modification Logging: each first write to a page logs its address; "  \
		"when there is no room, it causes a VM exit instead"),                           \
		BUG("none known"),                                                               \
		FAILURE("an address lost, doubled or in another place, or no exit when the log " \
			"is full")

SCENARIO(pml, NEEDS(L2_BASE, VMX_CPU2_PML), FLY(fly_pml, .possible = possible_ad), ORDINARY,
	 TITLE("the page-modification log is in use and soon full"),
	 HOST("snapshot in L2 between logged writes"), PML_ABOUT, FREEZE(port),
	 PROOF("l2 runnable GUEST_PML_INDEX=1"));
SCENARIO(pml_page, NEEDS(L2_BASE, VMX_CPU2_PML), FLY(fly_pml_page, .possible = possible_ad),
	 ORDINARY, TITLE("in the middle of a write that is logged"),
	 HOST("snapshot while KVM waits for the page of the page-modification log"), PML_ABOUT,
	 FREEZE(page), PROOF("l2 runnable GUEST_PML_INDEX=0"));

/* ---- EPTP switching ------------------------------------------------------------------------- */

/* A second EPT that maps L2's memory as the first does, but for one page. */
static uint64_t *ept_other(const uint64_t *page)
{
	uint64_t *root = ept_new(), *table;

	ept_map(root, L2_GPA_BASE, page);
	table = ept_leaf(root, L2_GPA_BASE);
	memcpy(table, ept_leaf(l2.ept, L2_GPA_BASE), PAGE_SIZE);
	ept_map(root, l2_data_gpa(&l2, 0), page);
	return root;
}

#define EPTP_LIST 512

static void eptp_switch(bool stop_in_list)
{
	uint64_t *list, *other, va;

	l2_create_plain(&l2, "steps");
	other = page_alloc_named("L2 data");
	*other = OTHER;
	*l2_data_page(&l2, 0) = BEFORE;
	list = page_alloc_named("EPTP list");
	list[0] = ept_pointer(l2.ept);
	list[7] = ept_pointer(ept_other(other));
	vmcs_write(EPTP_LIST_ADDRESS, page_gpa(list));
	vmcs_write(VM_FUNCTION_CONTROL, VMFUNC_CAP_EPTP_SWITCHING);
	vmx_control_set(VMX_CPU2_VMFUNC, true);
	vmcs_let_go(EPT_POINTER);
	if (stop_in_list)
		expect_page(page_gpa(list));
	va = l2_data_va(&l2, 0);
	L2_STEPS(&l2, stop_in_list ? STEP(FREEZE, 0) : STEP(READ, va), STEP(VMFUNC, 7),
		 stop_in_list ? STEP(READ, va) : STEP(FREEZE, 0), STEP(READ, va), STEP(VMFUNC, 0),
		 STEP(READ, va), STEP(VMFUNC, 7), STEP(READ, va));
	if (!l2_tells(&l2, 1))
		return;
	read_was(0, stop_in_list ? 0 : BEFORE);
	read_was(2, stop_in_list ? OTHER : 0);
	read_was(3, OTHER);
	read_was(5, BEFORE);
	read_was(7, OTHER);
	ktap_check("EPT_POINTER after VMFUNC", list[7], vmcs_read(EPT_POINTER));
	L2_STEPS(&l2, STEP(VMFUNC, EPTP_LIST), STEP(READ, va));
	if (!l2_exits(&l2, EXIT_REASON_VMFUNC))
		return;
	l2_skip();
	if (l2_tells(&l2, 1))
		read_was(1, OTHER);
}

static void fly_eptp_switch(void)
{
	eptp_switch(false);
}

static void fly_eptp_list(void)
{
	eptp_switch(true);
}

static bool possible_eptp_switch(char *why, size_t size)
{
	return vmx_vmfunc_cap(VMFUNC_CAP_EPTP_SWITCHING, "EPTP switching", why, size);
}

#define EPTP_ABOUT                                                                                \
	PROMISE("SDM, EPTP Switching: VMFUNC loads the EPT pointer from the list into the VMCS"), \
		BUG("none known"), FAILURE("L2 reads through the wrong EPT, or VMFUNC exits")

SCENARIO(eptp_switch, NEEDS(L2_BASE, VMX_CPU2_VMFUNC),
	 FLY(fly_eptp_switch, .possible = possible_eptp_switch), ORDINARY,
	 TITLE("L2 has switched to the second EPT by VMFUNC"),
	 HOST("snapshot in L2 behind VMFUNC: the EPT pointer that L1 wrote is not the one in use"),
	 EPTP_ABOUT, FREEZE(port), PROOF("l2 runnable VM_FUNCTION_CONTROL=1"));
SCENARIO(eptp_list_page, NEEDS(L2_BASE, VMX_CPU2_VMFUNC),
	 FLY(fly_eptp_list, .possible = possible_eptp_switch), ORDINARY,
	 TITLE("in the middle of VMFUNC"),
	 HOST("snapshot while KVM waits for the page of the EPTP list"), EPTP_ABOUT, FREEZE(page),
	 PROOF("l2 runnable VM_FUNCTION_CONTROL=1"));

/* ---- five levels ---------------------------------------------------------------------------- */

static void fly_5_level(void)
{
	uint64_t *root;

	l2_create_plain(&l2, "steps");
	root = ept_new();
	*root = page_gpa(l2.ept) | EPT_RWX;
	vmcs_write(EPT_POINTER, page_gpa(root) | EPTP_WALK(5) | EPTP_WB);
	*l2_data_page(&l2, 0) = BEFORE;
	L2_STEPS(&l2, STEP(FREEZE, 0), STEP(READ, l2_data_va(&l2, 0)));
	if (l2_tells(&l2, 1))
		read_was(1, BEFORE);
}

static bool possible_5_level(char *why, size_t size)
{
	return vmx_ept_cap(EPT_CAP_WALK_5, "5-level EPT", why, size);
}

SCENARIO(ept_5_level, NEEDS(L2_BASE), FLY(fly_5_level, .possible = possible_5_level),
	 TITLE("L1's EPT has five levels"),
	 PROMISE("SDM, EPT Translation Mechanism: the EPT pointer says how many levels a walk has"),
	 HOST("snapshot in L2"), BUG("none known"),
	 FAILURE("L2 cannot go on, or KVM_SET_NESTED_STATE refused"), FREEZE(port),
	 PROOF("l2 runnable EPT_POINTER&0x20"));
