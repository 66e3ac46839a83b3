/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT: what violations and misconfigurations report, accessed and dirty flags, the
 * page-modification log, EPTP switching, and what INVEPT and INVVPID refuse. SDM, chapter "VMX
 * Support for Address Translation".
 */
#include "hv/ept.h"
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "tests/emulator/code.h"

#define READ_BYTE  "\x8a\x07" /* MOV (%rdi), %al */
#define WRITE_BYTE "\x88\x07" /* MOV %al, (%rdi) */
#define VMFUNC	   "\x0f\x01\xd4"

/* Bits of the exit qualification of EPT violations; 5:3 say what the entries allow. */
#define QUAL_READ	(1 << 0)
#define QUAL_WRITE	(1 << 1)
#define QUAL_FETCH	(1 << 2)
#define QUAL_ALLOWED(x) ((x) << 3)
#define QUAL_LINEAR	(1 << 7)
#define QUAL_ACCESS	(1 << 8) /* of the linear address itself, not of its page tables */
#define QUAL_KNOWN	0x11bf

static struct l2 l2;
static void *data;

/* The entry that covers 1 << @shift bytes at @gpa. */
static uint64_t *entry(uint64_t gpa, unsigned shift)
{
	uint64_t *table = l2.ept;

	for (unsigned s = 39; s > shift; s -= 9)
		table = (uint64_t *)(table[gpa >> s & 511] & EPT_ADDRESS);
	return &table[gpa >> shift & 511];
}

static void create(void)
{
	l2_create_plain(&l2, "tell");
	data = code_l2(&l2);
	l2.regs.rdi = DATA_VA;
}

static bool possible_ad(char *why, size_t size)
{
	return vmx_ept_cap(EPT_CAP_AD, "accessed and dirty flags", why, size);
}

static void use_ad(void)
{
	vmcs_write(EPT_POINTER, vmcs_read(EPT_POINTER) | EPTP_AD);
	invept_all();
}

static void violation(uint32_t qualification, uint64_t gpa, uint64_t va)
{
	invept_all();
	vmcs_write(GUEST_RIP, CODE_VA);
	if (!code_exits(&l2, EXIT_REASON_EPT_VIOLATION, 0))
		return;
	ktap_check("exit qualification", qualification | QUAL_LINEAR,
		   vmcs_read(EXIT_QUALIFICATION) & QUAL_KNOWN);
	ktap_check("GUEST_PHYSICAL_ADDRESS", gpa, vmcs_read(GUEST_PHYSICAL_ADDRESS));
	ktap_check("GUEST_LINEAR_ADDRESS", va, vmcs_read(GUEST_LINEAR_ADDRESS));
}

/* The IDT is missing when an event is delivered: RF is saved as the event would have pushed it. */
static void in_delivery(void)
{
	uint64_t *leaf;

	create();
	leaf = ept_leaf(l2.ept, vmcs_read(GUEST_IDTR_BASE) - L2_VA_BASE + L2_GPA_BASE);
	*leaf = 0;
	invept_all();
	CODE(CPUID);
	vmcs_write(GUEST_RIP, CODE_VA);
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD,
		   intr_info(INTR_HARD_EXCEPTION, VECTOR_GP) | INTR_ERROR_CODE);
	vmcs_write(VM_ENTRY_EXCEPTION_ERROR_CODE, 0);
	if (!code_exits(&l2, EXIT_REASON_EPT_VIOLATION, 0))
		return;
	ktap_check("IDT-vectoring information",
		   intr_info(INTR_HARD_EXCEPTION, VECTOR_GP) | INTR_ERROR_CODE,
		   vmcs_read(IDT_VECTORING_INFO_FIELD));
	ktap_check("RF", 0, vmcs_read(GUEST_RFLAGS) & RFLAGS_RF);
	l2_destroy_all();
}

static void violations(void)
{
	uint64_t table, *leaf, good;
	char why[160];

	create();
	table = l2.tables_gpa + (L2_TABLE_PAGES - 1) * PAGE_SIZE + (CODE_VA >> 12 & 511) * 8;
	leaf = ept_leaf(l2.ept, DATA_GPA);
	good = *leaf;
	CODE(READ_BYTE CPUID);
	*leaf = 0;
	violation(QUAL_READ | QUAL_ACCESS, DATA_GPA, DATA_VA);
	l2.regs.rdi = DATA_VA + 0x123;
	if (vmx_ept_cap(EPT_CAP_EXECUTE_ONLY, "", why, sizeof(why))) {
		*leaf = good & ~(EPT_R | EPT_W);
		violation(QUAL_READ | QUAL_ALLOWED(EPT_X) | QUAL_ACCESS, DATA_GPA + 0x123,
			  DATA_VA + 0x123);
	}
	CODE(WRITE_BYTE CPUID);
	*leaf = good & ~EPT_W;
	violation(QUAL_WRITE | QUAL_ALLOWED(EPT_R | EPT_X) | QUAL_ACCESS, DATA_GPA + 0x123,
		  DATA_VA + 0x123);
	*leaf = good;
	*entry(DATA_GPA, 21) &= ~EPT_W; /* what the entries allow together */
	violation(QUAL_WRITE | QUAL_ALLOWED(EPT_R | EPT_X) | QUAL_ACCESS, DATA_GPA + 0x123,
		  DATA_VA + 0x123);
	*entry(DATA_GPA, 21) |= EPT_W;
	leaf = ept_leaf(l2.ept, CODE_GPA);
	*leaf &= ~EPT_X;
	violation(QUAL_FETCH | QUAL_ALLOWED(EPT_R | EPT_W) | QUAL_ACCESS, CODE_GPA, CODE_VA);
	*leaf |= EPT_X;
	leaf = ept_leaf(l2.ept, table);
	good = *leaf;
	*leaf = 0;
	violation(QUAL_READ, table, CODE_VA);
	*leaf = good;
	if (possible_ad(why, sizeof(why))) {
		use_ad();
		*leaf = good & ~EPT_W;
		/* Walks of L2's own tables then count as writes. */
		violation(QUAL_READ | QUAL_WRITE | QUAL_ALLOWED(EPT_R | EPT_X), table, CODE_VA);
	}
	l2_destroy_all();
}

static void misconfigured(uint64_t *e, uint64_t bad, uint64_t gpa)
{
	uint64_t good = *e;

	*e = bad;
	invept_all();
	vmcs_write(GUEST_RIP, CODE_VA);
	if (code_exits(&l2, EXIT_REASON_EPT_MISCONFIG, 0))
		ktap_check("GUEST_PHYSICAL_ADDRESS", gpa, vmcs_read(GUEST_PHYSICAL_ADDRESS));
	*e = good;
	invept_all();
}

#define MEMORY_TYPE(type) ((uint64_t)(type) << 3)

static void misconfigurations(void)
{
	uint64_t *leaf, gpa, good, width = 1ull << (cpuid(0x80000008, 0).eax & 0xff);
	char why[160];

	create();
	leaf = ept_leaf(l2.ept, DATA_GPA);
	good = *leaf & ~(EPT_RWX | MEMORY_TYPE(7));
	CODE(READ_BYTE CPUID);
	misconfigured(leaf, good | EPT_W | MEMORY_TYPE(6), DATA_GPA);
	misconfigured(leaf, good | EPT_W | EPT_X | MEMORY_TYPE(6), DATA_GPA);
	misconfigured(leaf, good | EPT_RWX | MEMORY_TYPE(2), DATA_GPA);
	misconfigured(leaf, good | EPT_RWX | MEMORY_TYPE(7), DATA_GPA);
	if (width & EPT_ADDRESS)
		misconfigured(leaf, good | EPT_RWX | MEMORY_TYPE(6) | width, DATA_GPA);
	if (vmx_ept_cap(EPT_CAP_2M, "", why, sizeof(why))) {
		/* A page of 2 MiB: its offset must be the same in L1's memory. */
		gpa = 0x200000000 + (page_gpa(data) & 0x1fffff);
		l2_map(&l2, DATA_VA, gpa, data);
		leaf = entry(gpa, 21);
		*leaf = (page_gpa(data) & ~0x1fffffull) | EPT_PS | EPT_RWX | MEMORY_TYPE(6);
		invept_all();
		code_exits(&l2, EXIT_REASON_CPUID, 2);
		CODE(READ_BYTE CPUID);
		misconfigured(leaf, *leaf | 1 << 12, gpa);
		misconfigured(leaf, *leaf | 1 << 20, gpa);
		l2_map(&l2, DATA_VA, DATA_GPA, data);
	}
	/* Of entries that name a table; the page with the code comes first then. */
	leaf = entry(CODE_GPA, 21);
	gpa = l2.tables_gpa;
	misconfigured(leaf, *leaf | MEMORY_TYPE(6), gpa);
	leaf = entry(CODE_GPA, 39);
	misconfigured(leaf, *leaf | EPT_PS, gpa);
	l2_destroy_all();
}

static void check_flags(const char *what, uint64_t expected, uint64_t entry_value)
{
	ktap_check(what, expected, entry_value & (EPT_ACCESSED | EPT_DIRTY));
}

static void flags(void)
{
	create();
	use_ad();
	CODE(READ_BYTE CPUID);
	if (!code_exits(&l2, EXIT_REASON_CPUID, 2))
		goto end;
	for (unsigned i = 0; i < L2_TABLE_PAGES; i++)
		check_flags("page of L2's page tables", EPT_ACCESSED | EPT_DIRTY,
			    *ept_leaf(l2.ept, l2.tables_gpa + i * PAGE_SIZE));
	check_flags("page fetched from", EPT_ACCESSED, *ept_leaf(l2.ept, CODE_GPA));
	check_flags("page read", EPT_ACCESSED, *ept_leaf(l2.ept, DATA_GPA));
	check_flags("table", EPT_ACCESSED, *entry(DATA_GPA, 21));
	check_flags("table of tables", EPT_ACCESSED, *entry(DATA_GPA, 39));
	check_flags("page not used", 0, *ept_leaf(l2.ept, L2_GPA_BASE));
	CODE(WRITE_BYTE CPUID);
	if (code_exits(&l2, EXIT_REASON_CPUID, 2))
		check_flags("page written", EPT_ACCESSED | EPT_DIRTY, *ept_leaf(l2.ept, DATA_GPA));
	*ept_leaf(l2.ept, DATA_GPA) &= ~(EPT_ACCESSED | EPT_DIRTY | EPT_W);
	violation(QUAL_WRITE | QUAL_ALLOWED(EPT_R | EPT_X) | QUAL_ACCESS, DATA_GPA, DATA_VA);
	ktap_check("dirty flag of a write that faults", 0, *ept_leaf(l2.ept, DATA_GPA) & EPT_DIRTY);
end:
	l2_destroy_all();
}

#define LOG_LAST 511
#define LOG_FULL 0xffff

static void modification_log(void)
{
	uint64_t *leaf, *log;

	create();
	use_ad();
	log = page_alloc_named("PML");
	vmcs_write(PML_ADDRESS, page_gpa(log));
	leaf = ept_leaf(l2.ept, DATA_GPA);
	CODE(WRITE_BYTE CPUID);
	if (!code_exits(&l2, EXIT_REASON_CPUID, 2)) /* sets all flags */
		goto end;
	*leaf &= ~EPT_DIRTY;
	invept_all();
	vmx_control_set(VMX_CPU2_PML, true);
	vmcs_write(GUEST_PML_INDEX, LOG_LAST);
	CODE(WRITE_BYTE WRITE_BYTE CPUID);
	if (!code_exits(&l2, EXIT_REASON_CPUID, 4))
		goto end;
	ktap_check("PML index", LOG_LAST - 1, vmcs_read(GUEST_PML_INDEX));
	ktap_check("logged", DATA_GPA, log[LOG_LAST]);
	/* Where no flag is to be set the index does not matter. */
	vmcs_write(GUEST_PML_INDEX, LOG_FULL);
	invept_all();
	CODE(WRITE_BYTE CPUID);
	if (!code_exits(&l2, EXIT_REASON_CPUID, 2))
		goto end;
	*leaf &= ~EPT_DIRTY;
	invept_all();
	CODE(WRITE_BYTE CPUID);
	if (!code_exits(&l2, EXIT_REASON_PML_FULL, 0))
		goto end;
	ktap_check("exit qualification", 0, vmcs_read(EXIT_QUALIFICATION));
	ktap_check("dirty flag", 0, *leaf & EPT_DIRTY);
	vmcs_write(GUEST_PML_INDEX, 0);
	if (code_exits(&l2, EXIT_REASON_CPUID, 2)) {
		ktap_check("PML index behind 0", LOG_FULL, vmcs_read(GUEST_PML_INDEX));
		ktap_check("logged", DATA_GPA, log[0]);
	}
end:
	l2_destroy_all();
}

/* L2 calls @function with @list_entry. */
static void vmfunc(uint64_t function, uint64_t list_entry, uint32_t reason)
{
	CODE(VMFUNC CPUID);
	l2.regs.rax = function;
	l2.regs.rcx = list_entry;
	code_exits(&l2, reason, reason == EXIT_REASON_CPUID ? 3 : 0);
}

static void eptp_switching(void)
{
	uint64_t *list, first;

	create();
	list = page_alloc_named("EPTP list");
	first = vmcs_read(EPT_POINTER);
	list[0] = first;
	list[1] = first ^ 6 ^ 5; /* a memory type that is none */
	vmx_control_set(VMX_CPU2_VMFUNC, true);
	vmcs_write(EPTP_LIST_ADDRESS, page_gpa(list));
	vmcs_write(VM_FUNCTION_CONTROL, 0);
	vmfunc(0, 0, EXIT_REASON_VMFUNC);
	vmcs_write(VM_FUNCTION_CONTROL, VMFUNC_CAP_EPTP_SWITCHING);
	vmfunc(0, 0, EXIT_REASON_CPUID);
	vmfunc(0, 1, EXIT_REASON_VMFUNC);
	vmfunc(0, 512, EXIT_REASON_VMFUNC);
	vmfunc(1, 0, EXIT_REASON_VMFUNC);
	vmfunc(64, 0, EXIT_REASON_EXCEPTION_NMI);
	l2_destroy_all();
}

static bool possible_switching(char *why, size_t size)
{
	return vmx_vmfunc_cap(VMFUNC_CAP_EPTP_SWITCHING, "EPTP switching", why, size);
}

/* INVEPT or INVVPID; what is not to be must be VMfailValid 28. */
static void invalidate(const char *what, bool vpid, uint64_t type, uint64_t low, uint64_t high,
		       bool possible)
{
	struct {
		uint64_t low, high;
	} desc = {low, high};
	bool above;

	if (vpid)
		asm volatile("invvpid %1, %2" : "=@cca"(above) : "m"(desc), "r"(type) : "memory");
	else
		asm volatile("invept %1, %2" : "=@cca"(above) : "m"(desc), "r"(type) : "memory");
	if (ktap_check(what, possible, above) && !possible)
		ktap_check("VM_INSTRUCTION_ERROR", 28, vmcs_read(VM_INSTRUCTION_ERROR));
}

#define EPT_TYPES (EPT_CAP_INVEPT_SINGLE | EPT_CAP_INVEPT_ALL)
#define VPID_TYPES                                                               \
	(VPID_CAP_INVVPID | VPID_CAP_INVVPID_ADDRESS | VPID_CAP_INVVPID_SINGLE | \
	 VPID_CAP_INVVPID_ALL)

static bool possible_invalidations(char *why, size_t size)
{
	return vmx_ept_cap(EPT_TYPES | VPID_TYPES, "INVEPT and INVVPID", why, size);
}

static void invalidations(void)
{
	uint64_t eptp;

	create();
	eptp = vmcs_read(EPT_POINTER);
	invalidate("INVEPT, single context", false, 1, eptp, 0, true);
	invalidate("INVEPT, all contexts", false, 2, 0, 0, true);
	invalidate("INVEPT, type 0", false, 0, eptp, 0, false);
	invalidate("INVEPT, type 3", false, 3, eptp, 0, false);
	invalidate("INVEPT, type 1 << 32 | 1", false, 1ull << 32 | 1, eptp, 0, false);
	invalidate("INVEPT, EPTP that cannot be", false, 1, eptp | 1 << 11, 0, false);
	invalidate("INVVPID, address", true, 0, 1, DATA_VA, true);
	invalidate("INVVPID, single context", true, 1, 1, 0, true);
	invalidate("INVVPID, all contexts", true, 2, 0, 0, true);
	invalidate("INVVPID, type 4", true, 4, 1, 0, false);
	invalidate("INVVPID, VPID 0", true, 1, 0, 0, false);
	invalidate("INVVPID, reserved", true, 1, 1 | 1 << 16, 0, false);
	invalidate("INVVPID, not canonical", true, 0, 1, 1ull << 62, false);
	l2_destroy_all();
}

SCENARIO(cpu_ept_violation, NEEDS(L2_BASE), RUN(violations));
SCENARIO(cpu_ept_in_delivery, NEEDS(L2_BASE), RUN(in_delivery));
SCENARIO(cpu_ept_misconfig, NEEDS(L2_BASE), RUN(misconfigurations));
SCENARIO(cpu_ept_flags, NEEDS(L2_BASE), RUN(flags, .possible = possible_ad));
SCENARIO(cpu_pml, NEEDS(L2_BASE, VMX_CPU2_PML), RUN(modification_log, .possible = possible_ad));
SCENARIO(cpu_eptp_switching, NEEDS(L2_BASE, VMX_CPU2_VMFUNC),
	 RUN(eptp_switching, .possible = possible_switching));
SCENARIO(cpu_invalidations, NEEDS(L2_BASE), RUN(invalidations, .possible = possible_invalidations));
