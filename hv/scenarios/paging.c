/* SPDX-License-Identifier: BSD-2-Clause */
/* L2's own paging: without EPT, PAE, none at all, with and without VPID; told of below. */
#include "hv/ept.h"
#include "hv/flat_code.h"
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "hv/steps.h"
#include "hv/vmx.h"
#include "lib/ktap.h"

#define FIRST  0x11a11a1111a11a11
#define SECOND 0x22b22b2222b22b22
#define THIRD  0x33c33c3333c33c33

static struct l2 l2;

static bool read_was(unsigned step, uint64_t expected)
{
	return ktap_check("what L2 read", expected, l2.shared->val[step]);
}

/* Where L2's data page @i lies for L2's page tables, as an entry. */
static uint64_t data_entry(unsigned i)
{
	return l2_data_gpa(&l2, i) | PTE_P | PTE_RW;
}

static void fill_data(void)
{
	*l2_data_page(&l2, 0) = FIRST;
	*l2_data_page(&l2, 1) = SECOND;
	*l2_data_page(&l2, 2) = THIRD;
}

/* ---- without EPT ---------------------------------------------------------------------------- */

/* A second set of L2's page tables: data page 0 of the first is data page 2 here. Its CR3. */
static uint64_t other_tables(void)
{
	const unsigned shift[L2_TABLE_PAGES] = {39, 30, 21, 12};
	uint64_t *table = NULL, *from = l2.tables, root = 0;

	for (unsigned i = 0; i < L2_TABLE_PAGES; i++, from -= PAGE_SIZE / 8) {
		uint64_t *copy = page_alloc_named("L2 page tables");

		memcpy(copy, from, PAGE_SIZE);
		if (table)
			table[L2_VA_BASE >> shift[i - 1] & 511] = page_gpa(copy) | PTE_P | PTE_RW;
		else
			root = page_gpa(copy);
		table = copy;
	}
	table[l2_data_va(&l2, 0) >> 12 & 511] = data_entry(2);
	return root;
}

static void fly_no_ept(void)
{
	uint64_t va, second;

	l2_create_no_ept(&l2, "steps");
	fill_data();
	va = l2_data_va(&l2, 0);
	second = other_tables();
	vmcs_let_go(GUEST_CR3);
	L2_STEPS(&l2, STEP(READ, va), STEP(FREEZE, 0), STEP(READ, va),
		 STEP(WRITE, l2_pte_va(&l2, va)), data_entry(1), STEP(INVLPG, va), STEP(READ, va),
		 STEP(CR3, second), STEP(READ, va), STEP(CR3, l2.tables_gpa), STEP(READ, va));
	if (!l2_tells(&l2, 1))
		return;
	read_was(0, FIRST);
	read_was(2, FIRST);
	read_was(6, SECOND);
	read_was(8, THIRD);
	read_was(10, SECOND);
}

static void fly_no_ept_cr3(void)
{
	uint64_t va, second;

	l2_create_no_ept(&l2, "steps");
	fill_data();
	va = l2_data_va(&l2, 0);
	second = other_tables();
	vmcs_let_go(GUEST_CR3);
	L2_STEPS(&l2, STEP(READ, va), STEP(CR3, second), STEP(FREEZE, 0), STEP(READ, va),
		 STEP(CR3, l2.tables_gpa), STEP(READ, va), STEP(CR3, second));
	if (!l2_tells(&l2, 1))
		return;
	read_was(0, FIRST);
	read_was(3, THIRD);
	read_was(5, FIRST);
	ktap_check("GUEST_CR3", second, vmcs_read(GUEST_CR3));
}

#define NO_EPT_ABOUT                                                                             \
	PROMISE("SDM, Paging: the processor translates by the tables that CR3 names, and by a "  \
		"changed entry after INVLPG or MOV to CR3"),                                     \
		HOST("snapshot in L2, whose physical memory is L1's"),                           \
		BUG("Levitsky 2022: L2 without EPT dies of a page fault after many migrations"), \
		FAILURE("L2 reads another page, or takes a page fault"), FREEZE(port)

SCENARIO(no_ept, NEEDS(L2_BASE), FLY(fly_no_ept),
	 TITLE("L2 without EPT changes its page tables and CR3"), NO_EPT_ABOUT,
	 PROOF("l2 runnable !SECONDARY_VM_EXEC_CONTROL&2"));
SCENARIO(no_ept_cr3, NEEDS(L2_BASE), FLY(fly_no_ept_cr3),
	 TITLE("L2 without EPT has loaded another CR3 than L1 gave it"), NO_EPT_ABOUT,
	 PROOF("l2 runnable !SECONDARY_VM_EXEC_CONTROL&2"));

/* ---- INVVPID and VPID ----------------------------------------------------------------------- */

#define VPID 0x1d /* of l2_create */

enum invvpid { INVVPID_ADDRESS, INVVPID_SINGLE };

static void invvpid(enum invvpid type, uint64_t address)
{
	struct {
		uint64_t vpid, address;
	} desc = {VPID, address};
	bool ok;

	asm volatile("invvpid %1, %2" : "=@cca"(ok) : "m"(desc), "r"((uint64_t)type) : "memory");
	ktap_check("INVVPID succeeds", 1, ok);
}

/* L1 changes a page-table entry of L2's, through which L2 has read. */
static bool change_entry(void)
{
	uint64_t va = l2_data_va(&l2, 0);

	fill_data();
	L2_STEPS(&l2, STEP(READ, va));
	if (!l2_tells(&l2, 1) || !read_was(0, FIRST))
		return false;
	*l2_pte(&l2, va) = data_entry(1);
	return true;
}

static void reads_second(void)
{
	L2_STEPS(&l2, STEP(READ, l2_data_va(&l2, 0)));
	if (l2_tells(&l2, 1))
		read_was(0, SECOND);
}

static void flush_address(void)
{
	if (!change_entry())
		return;
	freeze_point();
	invvpid(INVVPID_ADDRESS, l2_data_va(&l2, 0));
	reads_second();
}

static void fly_invvpid_address(void)
{
	l2_create_plain(&l2, "steps");
	flush_address();
}

static void fly_invvpid_single(void)
{
	l2_create_plain(&l2, "steps");
	if (!change_entry())
		return;
	invvpid(INVVPID_SINGLE, 0);
	freeze_point();
	reads_second();
}

static void fly_invvpid_no_ept(void)
{
	l2_create_no_ept(&l2, "steps");
	flush_address();
}

static void fly_vpid_0(void)
{
	l2_create_plain(&l2, "steps");
	vmx_control_set(VMX_CPU2_VPID, false);
	vmcs_write(VIRTUAL_PROCESSOR_ID, 0);
	if (!change_entry())
		return;
	freeze_point();
	reads_second();
}

static void fly_vpid_0_l2(void)
{
	uint64_t va;

	l2_create_plain(&l2, "steps");
	vmx_control_set(VMX_CPU2_VPID, false);
	vmcs_write(VIRTUAL_PROCESSOR_ID, 0);
	fill_data();
	va = l2_data_va(&l2, 0);
	L2_STEPS(&l2, STEP(READ, va), STEP(FREEZE, 0), STEP(WRITE, l2_pte_va(&l2, va)),
		 data_entry(1), STEP(INVLPG, va), STEP(READ, va));
	if (!l2_tells(&l2, 1))
		return;
	read_was(0, FIRST);
	read_was(5, SECOND);
}

static bool possible_address(char *why, size_t size)
{
	return vmx_ept_cap(VPID_CAP_INVVPID | VPID_CAP_INVVPID_ADDRESS, "INVVPID of one address",
			   why, size);
}

static bool possible_single(char *why, size_t size)
{
	return vmx_ept_cap(VPID_CAP_INVVPID | VPID_CAP_INVVPID_SINGLE, "INVVPID of one VPID", why,
			   size);
}

#define INVVPID_PROMISE                                                                            \
	PROMISE("SDM, Operations that Invalidate Cached Mappings: after INVVPID L2 translates by " \
		"its page tables as they then are")
#define VPID_0_PROMISE                                                                             \
	PROMISE("SDM, Operations that Invalidate Cached Mappings: without VPID each VM entry and " \
		"exit drops cached translations")
#define STALE_REST \
	BUG("none known"), FAILURE("L2 reads the page that was there before"), FREEZE(port)

SCENARIO(invvpid_address, NEEDS(L2_BASE), FLY(fly_invvpid_address, .possible = possible_address),
	 TITLE("L1 has changed an entry of L2's page table and not yet flushed"), INVVPID_PROMISE,
	 HOST("snapshot in L1 between change and INVVPID"), STALE_REST, PROOF("vmcs12 !l2"));
SCENARIO(invvpid_single, NEEDS(L2_BASE), FLY(fly_invvpid_single, .possible = possible_single),
	 TITLE("L1 has changed an entry of L2's page table and flushed"), INVVPID_PROMISE,
	 HOST("snapshot in L1 behind INVVPID, before the next VM entry"), STALE_REST,
	 PROOF("vmcs12 !l2"));
SCENARIO(invvpid_no_ept, NEEDS(L2_BASE), FLY(fly_invvpid_no_ept, .possible = possible_address),
	 TITLE("the same without EPT: an entry changed and not yet flushed"), INVVPID_PROMISE,
	 HOST("snapshot in L1 between change and INVVPID"), STALE_REST,
	 PROOF("vmcs12 !l2 !SECONDARY_VM_EXEC_CONTROL&2"));
SCENARIO(vpid_0, NEEDS(L2_BASE), FLY(fly_vpid_0),
	 TITLE("L2 without VPID: L1 has changed an entry of L2's page table"), VPID_0_PROMISE,
	 HOST("snapshot in L1 between the change and the next VM entry"), STALE_REST,
	 PROOF("vmcs12 !l2 !SECONDARY_VM_EXEC_CONTROL&0x20 VIRTUAL_PROCESSOR_ID=0"));
SCENARIO(vpid_0_l2, NEEDS(L2_BASE), FLY(fly_vpid_0_l2),
	 TITLE("L2 without VPID changes its page table"), VPID_0_PROMISE,
	 HOST("snapshot in L2 before the change"), STALE_REST,
	 PROOF("l2 runnable !SECONDARY_VM_EXEC_CONTROL&0x20 VIRTUAL_PROCESSOR_ID=0"));

/* ---- L2s that are not in 64-bit mode -------------------------------------------------------- */

/* Their code is too short for an image: L1 copies it to a page, and gives and reads registers. */

/* A page that L2 has at the same physical address as L1. */
static void *same_page(const char *name)
{
	void *page = page_alloc_named(name);

	if (l2.ept)
		ept_map(l2.ept, page_gpa(page), page);
	return page;
}

static void copy_code(uint8_t *page, const uint8_t *code, const uint8_t *end)
{
	memcpy(page, code, (uintptr_t)end - (uintptr_t)code);
}

#define SET_SEGMENT(seg, selector, base, limit, ar)           \
	do {                                                  \
		vmcs_write(GUEST_##seg##_SELECTOR, selector); \
		vmcs_write(GUEST_##seg##_BASE, base);         \
		vmcs_write(GUEST_##seg##_LIMIT, limit);       \
		vmcs_write(GUEST_##seg##_AR_BYTES, ar);       \
	} while (0)

static void no_64_bit(void)
{
	vmx_control_set(VMX_ENTRY_GUEST_64, false);
	vmcs_write(GUEST_IA32_EFER, 0);
}

_Static_assert(L2_CALL_TELL == 5, "flat_code.S");

/*
 * PAE: the four page-directory-pointer-table entries are registers of the processor, loaded with
 * CR3. L2 reads through entry 2, writes EDX to it in memory, and reads through it again, also after
 * INVLPG: still the old one. After MOV to CR3 it is the new one.
 */

/* A page directory whose first entry leads to a page table with these two pages. */
static uint64_t pae_directory(const void *page0, const void *page1)
{
	uint64_t *directory = same_page("L2 page tables"), *table = same_page("L2 page tables");

	directory[0] = page_gpa(table) | PTE_P | PTE_RW;
	table[0] = page_gpa(page0) | PTE_P | PTE_RW;
	if (page1)
		table[1] = page_gpa(page1) | PTE_P | PTE_RW;
	return page_gpa(directory) | PTE_P;
}

static const enum vmcs_field pdptr[] = {GUEST_PDPTR0, GUEST_PDPTR1, GUEST_PDPTR2, GUEST_PDPTR3};

/* L2 starts at @code, with these entries. */
static void pae_start(const uint64_t *table, uint64_t rip)
{
	no_64_bit();
	SET_SEGMENT(CS, L2_SEL_CODE, 0, 0xffffffff, 0xc09b);
	vmcs_write(GUEST_CR3, page_gpa(table));
	vmcs_write(GUEST_RIP, rip);
	for (unsigned i = 0; i < 4 && l2.ept; i++)
		vmcs_write(pdptr[i], table[i]);
}

/* @changed: L2 writes another entry, else the same. */
static void pae(bool changed)
{
	uint64_t *table = same_page("L2 page tables"), *first = same_page("L2 data"),
		 *second = same_page("L2 data"), new_entry;
	uint8_t *code = same_page("L2 image");

	copy_code(code, pae_code, pae_code_end);
	*first = FIRST;
	*second = SECOND;
	table[1] = pae_directory(code, table);
	table[2] = pae_directory(first, NULL);
	new_entry = changed ? pae_directory(second, NULL) : table[2];
	pae_start(table, PAE_CODE);
	l2.regs.rdx = new_entry;
	if (!l2_tells(&l2, 1))
		return;
	ktap_check("read through the loaded entry", (uint32_t)FIRST, l2.regs.rcx);
	ktap_check("the same, changed in memory", (uint32_t)FIRST, l2.regs.rsi);
	ktap_check("the same after INVLPG", (uint32_t)FIRST, l2.regs.rdi);
	ktap_check("read after MOV to CR3", (uint32_t)(changed ? SECOND : FIRST), l2.regs.rbp);
	ktap_check("the entry in memory", new_entry, table[2]);
	if (l2.ept)
		ktap_check("GUEST_PDPTR2", new_entry, vmcs_read(GUEST_PDPTR2));
}

/*
 * L2 has four entries of L1's and loads four others with CR3, which exits to nobody, and writes an
 * entry of L1's over one of them in memory.
 */
static void pae_loaded(void)
{
	static const unsigned data[] = {0, 2, 3};
	uint64_t *table[2], loaded[4];
	uint8_t *code = same_page("L2 image");

	copy_code(code, pae_loaded_code, pae_loaded_code_end);
	for (unsigned t = 0; t < 2; t++) {
		table[t] = same_page("L2 page tables");
		table[t][1] = pae_directory(code, table[t]);
		for (unsigned i = 0; i < 3; i++) {
			uint64_t *page = same_page("L2 data");

			*page = FIRST + 16 * t + data[i];
			table[t][data[i]] = pae_directory(page, NULL);
		}
	}
	memcpy(loaded, table[1], sizeof(loaded));
	pae_start(table[0], PAE_CODE);
	vmcs_let_go(GUEST_CR3);
	l2.regs.rdx = page_gpa(table[1]);
	l2.regs.rcx = table[0][3];
	if (!l2_tells(&l2, 1))
		return;
	ktap_check("read through entry 0", (uint32_t)FIRST + 16, l2.regs.rsi);
	ktap_check("read through entry 2", (uint32_t)FIRST + 18, l2.regs.rdi);
	ktap_check("read through entry 3, changed in memory", (uint32_t)FIRST + 19, l2.regs.rbp);
	ktap_check("entry 3 in memory", table[0][3], table[1][3]);
	for (unsigned i = 0; i < 4 && l2.ept; i++)
		ktap_check("GUEST_PDPTR0 to 3", loaded[i], vmcs_read(pdptr[i]));
}

static void fly_pae_loaded(void)
{
	l2_create_plain(&l2, "steps");
	pae_loaded();
}

static void fly_pae(void)
{
	l2_create_plain(&l2, "steps");
	pae(false);
}

static void fly_pae_changed(void)
{
	l2_create_plain(&l2, "steps");
	pae(true);
}

static void fly_pae_no_ept(void)
{
	l2_create_no_ept(&l2, "steps");
	pae(false);
}

static void fly_pae_no_ept_changed(void)
{
	l2_create_no_ept(&l2, "steps");
	pae(true);
}

#define PAE_ABOUT                                                                             \
	BUG("Levitsky 2021: PAE entries loaded from the wrong memory, 64-bit L1 with PAE L2 " \
	    "fails"),                                                                         \
		FREEZE(port)
#define PAE_RUNS                                                                             \
	PROMISE("SDM, PAE Paging: the four entries of the page-directory-pointer table are " \
		"registers of the processor, loaded with CR3 or by VM entry"),               \
		HOST("snapshot in L2"), FAILURE("a triple fault, or L2 reads another page"), \
		PAE_ABOUT
#define PAE_CHANGED                                                                              \
	PROMISE("SDM, PDPTE Registers: the processor uses the entries that it loaded with CR3, " \
		"also when memory has changed, until CR3 is loaded again"),                      \
		HOST("snapshot in L2 after it has changed an entry in memory"),                  \
		FAILURE("L2 reads through the entry in memory, or triple-faults"), PAE_ABOUT
#define PAE_EPT	   PROOF("l2 runnable !efer&0x400 SECONDARY_VM_EXEC_CONTROL&2")
#define PAE_NO_EPT PROOF("l2 runnable !efer&0x400 !SECONDARY_VM_EXEC_CONTROL&2")

SCENARIO(pae, NEEDS(L2_BASE), FLY(fly_pae), TITLE("L2 runs with PAE paging"), PAE_RUNS, PAE_EPT);
SCENARIO(pae_changed, NEEDS(L2_BASE), FLY(fly_pae_changed),
	 TITLE("L2 with PAE paging has changed a loaded entry in memory"), PAE_CHANGED, PAE_EPT);
SCENARIO(pae_loaded, NEEDS(L2_BASE), FLY(fly_pae_loaded),
	 TITLE("L2 with PAE paging has loaded four other entries than L1 gave it"), PAE_CHANGED,
	 PAE_EPT);
SCENARIO(pae_no_ept, NEEDS(L2_BASE), FLY(fly_pae_no_ept),
	 TITLE("L2 runs with PAE paging and without EPT"), PAE_RUNS, PAE_NO_EPT);
SCENARIO(pae_no_ept_changed, NEEDS(L2_BASE), FLY(fly_pae_no_ept_changed),
	 TITLE("L2 with PAE paging and without EPT has changed a loaded entry in memory"),
	 PAE_CHANGED, PAE_NO_EPT);

/* Real mode, then protected mode with the segments as they are. */
#define SET_REAL(seg, ar) SET_SEGMENT(seg, REAL_GPA / 16, REAL_GPA, 0xffff, ar)

static void fly_real_mode(void)
{
	uint16_t *vectors;
	uint8_t *code;
	uint64_t cr0;

	l2_create_plain(&l2, "steps");
	code = page_alloc_named("L2 image");
	ept_map(l2.ept, REAL_GPA, code);
	copy_code(code, real_code, real_code_end);
	*(uint32_t *)(code + REAL_DATA) = (uint32_t)FIRST;
	/* The interrupt vector table at 0: offset and segment of each handler. */
	vectors = page_alloc_named("L2 image");
	ept_map(l2.ept, 0, vectors);
	vectors[REAL_VECTOR * 2] = (uintptr_t)real_handler - (uintptr_t)real_code;
	vectors[REAL_VECTOR * 2 + 1] = REAL_GPA / 16;
	no_64_bit();
	vmx_control_set(VMX_CPU2_UNRESTRICTED_GUEST, true);
	cr0 = vmcs_read(GUEST_CR0) & ~(CR0_PE | CR0_PG);
	vmcs_write(GUEST_CR0, cr0);
	vmcs_let_go(GUEST_CR0);
	vmcs_write(GUEST_IDTR_BASE, 0);
	vmcs_write(GUEST_IDTR_LIMIT, 0x3ff);
	SET_REAL(CS, 0x9b);
	/* INT and IRET in real mode may leave another type than code there. */
	vmcs_let_go(GUEST_CS_AR_BYTES);
	vmcs_let_go(GUEST_CS_SELECTOR);
	vmcs_let_go(GUEST_CS_BASE);
	SET_REAL(SS, 0x93);
	SET_REAL(DS, 0x93);
	SET_REAL(ES, 0x93);
	SET_REAL(FS, 0x93);
	SET_REAL(GS, 0x93);
	vmcs_write(GUEST_RIP, 0);
	vmcs_write(GUEST_RSP, PAGE_SIZE);
	l2.regs.rdx = 0;
	if (!l2_tells(&l2, 1))
		return;
	ktap_check("read before", (uint32_t)FIRST, l2.regs.rcx);
	ktap_check("read after", (uint32_t)FIRST, l2.regs.rsi);
	ktap_check("read in protected mode", (uint32_t)FIRST, l2.regs.rdi);
	ktap_check("interrupts taken by way of the vector table", 2, l2.regs.rdx);
	ktap_check("GUEST_CR0", cr0 | CR0_PE, vmcs_read(GUEST_CR0));
	ktap_check("GUEST_RSP", PAGE_SIZE, vmcs_read(GUEST_RSP));
	ktap_check("GUEST_CS_SELECTOR", REAL_CS, vmcs_read(GUEST_CS_SELECTOR));
	ktap_check("GUEST_CS_BASE", REAL_CS * 16, vmcs_read(GUEST_CS_BASE));
}

SCENARIO(real_mode, NEEDS(L2_BASE, VMX_CPU2_UNRESTRICTED_GUEST), FLY(fly_real_mode),
	 TITLE("L2 runs in real mode, later in protected mode"),
	 PROMISE("SDM, Unrestricted Guests: L2 may run without paging and in real mode"),
	 HOST("snapshot in L2 in real mode"), BUG("none known"),
	 FAILURE("a segment base, limit or access right that is not real mode's; INT goes astray; "
		 "a VM entry that fails"),
	 FREEZE(port), PROOF("l2 runnable !cr0&1 !GUEST_CR0&1 GUEST_CS_BASE=0x7f00"));

/* Protected mode without paging, then IA-32e mode: L2 enters it by itself. */
static void fly_long_mode(void)
{
	uint64_t *table[4], *data, va, cr0;
	uint8_t *code;

	l2_create_plain(&l2, "steps");
	code = same_page("L2 image");
	data = same_page("L2 data");
	copy_code(code, long_code, long_code_end);
	*data = FIRST;
	va = page_gpa(code);
	for (unsigned i = 0; i < 4; i++)
		table[i] = same_page("L2 page tables");
	for (unsigned i = 0; i < 3; i++)
		table[i][va >> (39 - 9 * i) & 511] = page_gpa(table[i + 1]) | PTE_P | PTE_RW;
	table[3][va >> 12 & 511] = va | PTE_P | PTE_RW;
	/* Not where it lies in L2's physical memory. */
	va ^= PAGE_SIZE;
	table[3][va >> 12 & 511] = page_gpa(data) | PTE_P | PTE_RW;

	no_64_bit();
	vmcs_let_go(VM_ENTRY_CONTROLS);
	vmcs_let_go(GUEST_IA32_EFER);
	vmx_control_set(VMX_CPU2_UNRESTRICTED_GUEST, true);
	cr0 = vmcs_read(GUEST_CR0);
	vmcs_write(GUEST_CR0, cr0 & ~CR0_PG);
	vmcs_let_go(GUEST_CR0);
	vmcs_write(GUEST_CR3, page_gpa(table[0]));
	SET_SEGMENT(CS, L2_SEL_CODE, 0, 0xffffffff, 0xc09b);
	vmcs_write(GUEST_RIP, page_gpa(code));
	l2.regs.rbx = va;
	if (!l2_tells(&l2, 1))
		return;
	ktap_check("L2's EFER", EFER_LME | EFER_LMA, l2.regs.rsi);
	ktap_check("read through L2's tables", (uint32_t)FIRST, l2.regs.rdi);
	ktap_check("GUEST_CR0", cr0, vmcs_read(GUEST_CR0));
	ktap_check("VM-entry control IA-32e mode guest", 1, vmcs_read(VM_ENTRY_CONTROLS) >> 9 & 1);
}

SCENARIO(
	long_mode, NEEDS(L2_BASE, VMX_CPU2_UNRESTRICTED_GUEST), FLY(fly_long_mode),
	TITLE("L2 has gone to IA-32e mode by itself"),
	PROMISE("SDM, Saving Control Registers, Debug Registers, and MSRs: a VM exit saves "
		"IA32_EFER.LMA in the VM-entry control IA-32e mode guest"),
	HOST("snapshot in L2 behind its MOV to CR0"), BUG("none known"),
	FAILURE("L2 is in the mode that L1 gave it, or in none: a triple fault, or a VM entry that "
		"fails"),
	FREEZE(port), PROOF("l2 runnable efer=0x500 cr0&0x80000000 VM_ENTRY_CONTROLS&0x200"));
