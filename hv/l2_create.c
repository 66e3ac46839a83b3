/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds L2: its memory, EPT, and vmcs12 with all of APICv; hv/l2.c runs it. */
#include "boot/layout.h"
#include "boot/trap.h"
#include "boot/cmdline.h"
#include "hv/enlightened.h"
#include "hv/ept.h"
#include "hv/evmcs.h"
#include "hv/l2.h"
#include "hv/page_names.h"
#include "hv/vmx.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/print.h"
#include "lib/string.h"
#include "lib/x2apic.h"

extern const uint8_t l2_image[], l2_image_end[];

/* What every L2 is built with ... */
static const enum vmx_control base_controls[] = {
	VMX_PIN_EXT_INTR,   VMX_PIN_NMI,	 VMX_CPU_IO_BITMAPS,   VMX_CPU_MSR_BITMAPS,
	VMX_CPU_SECONDARY,  VMX_CPU2_EPT,	 VMX_CPU2_VPID,	       VMX_EXIT_SAVE_DEBUG,
	VMX_EXIT_HOST_64,   VMX_EXIT_ACK_INTR,	 VMX_EXIT_SAVE_PAT,    VMX_EXIT_LOAD_PAT,
	VMX_EXIT_SAVE_EFER, VMX_EXIT_LOAD_EFER,	 VMX_ENTRY_LOAD_DEBUG, VMX_ENTRY_GUEST_64,
	VMX_ENTRY_LOAD_PAT, VMX_ENTRY_LOAD_EFER,
};
/* ... and with APICv. */
static const enum vmx_control apicv_controls[] = {
	VMX_PIN_POSTED_INTR,	     VMX_CPU_TPR_SHADOW,	  VMX_CPU2_VIRT_X2APIC,
	VMX_CPU2_APIC_REGISTER_VIRT, VMX_CPU2_VIRT_INTR_DELIVERY,
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum kind { APICV, PLAIN, NO_EPT };

#define VMCS_MAX 8
static uint64_t vmcs_list[VMCS_MAX];
static unsigned vmcss;

/* A run of L2's pages; L1 backs page i with its page (pages - 1 - i). */
struct area {
	const char *name;
	size_t pages;
	uint8_t *base;
	uint64_t offset; /* from L2_GPA_BASE and L2_VA_BASE */
	bool no_ept;
};

enum { AREA_IMAGE, AREA_SHARED, AREA_DATA, AREA_STACK, AREA_TABLES, AREAS };

static void *area_page(const struct area *a, size_t i)
{
	return a->base + (a->pages - 1 - i) * PAGE_SIZE;
}

/* Without EPT L2's physical memory is L1's. */
static uint64_t area_gpa(const struct area *a, size_t i)
{
	return a->no_ept ? page_gpa(area_page(a, i)) : L2_GPA_BASE + a->offset + i * PAGE_SIZE;
}

static uint64_t area_va(const struct area *a)
{
	return L2_VA_BASE + a->offset;
}

static bool allowed(const enum vmx_control *controls, size_t count, char *why, size_t size)
{
	for (size_t i = 0; i < count; i++)
		if (!vmx_control_allowed(controls[i], why, size))
			return false;
	return true;
}

bool l2_base_possible(char *why, size_t size)
{
	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_X2APIC)) {
		format(why, size, "no x2APIC: CPUID.1:ECX[21]=0 (ECX=0x%x)", cpuid(1, 0).ecx);
		return false;
	}
	return allowed(base_controls, COUNT(base_controls), why, size) && vmx_ept_usable(why, size);
}

bool l2_possible(char *why, size_t size)
{
	return l2_base_possible(why, size) &&
	       allowed(apicv_controls, COUNT(apicv_controls), why, size);
}

/* L2's page tables map all areas from L2_VA_BASE to L2_GPA_BASE: one table of each level does. */
static void build_tables(const struct area areas[AREAS])
{
	const struct area *t = &areas[AREA_TABLES];
	uint64_t *table[L2_TABLE_PAGES];
	const unsigned shift[L2_TABLE_PAGES] = {39, 30, 21, 12};

	for (unsigned level = 0; level < L2_TABLE_PAGES; level++)
		table[level] = area_page(t, level);
	for (unsigned level = 0; level + 1 < L2_TABLE_PAGES; level++)
		table[level][(uint64_t)L2_VA_BASE >> shift[level] & 511] =
			area_gpa(t, level + 1) | PTE_P | PTE_RW;
	for (unsigned a = 0; a < AREAS; a++)
		for (size_t i = 0; i < areas[a].pages; i++)
			table[3][(area_va(&areas[a]) >> 12 & 511) + i] =
				area_gpa(&areas[a], i) | PTE_P | PTE_RW;
}

static void build_memory(struct l2 *l2, struct area areas[AREAS], bool no_ept)
{
	size_t image_size = (uintptr_t)l2_image_end - (uintptr_t)l2_image;
	uint64_t offset = 0;

	areas[AREA_IMAGE] = (struct area){.name = "L2 image", .pages = (image_size + 4095) / 4096};
	areas[AREA_SHARED] = (struct area){.name = "L2 shared page", .pages = L2_SHARED_PAGES};
	areas[AREA_DATA] = (struct area){.name = "L2 data", .pages = L2_DATA_PAGES};
	areas[AREA_STACK] = (struct area){.name = "L2 stack", .pages = L2_STACK_PAGES};
	areas[AREA_TABLES] = (struct area){.name = "L2 page tables", .pages = L2_TABLE_PAGES};
	l2->ept = no_ept ? NULL : ept_new();
	for (unsigned a = 0; a < AREAS; a++) {
		areas[a].no_ept = no_ept;
		areas[a].base = page_alloc_n(areas[a].pages);
		areas[a].offset = offset;
		offset += areas[a].pages * PAGE_SIZE;
		page_announce(areas[a].name, areas[a].base, areas[a].pages);
		for (size_t i = 0; i < areas[a].pages && !no_ept; i++)
			ept_map(l2->ept, area_gpa(&areas[a], i), area_page(&areas[a], i));
	}
	for (size_t i = 0; i < areas[AREA_IMAGE].pages; i++) {
		size_t left = image_size - i * PAGE_SIZE;

		memcpy(area_page(&areas[AREA_IMAGE], i), l2_image + i * PAGE_SIZE,
		       left < PAGE_SIZE ? left : PAGE_SIZE);
	}
	build_tables(areas);
	l2->image = areas[AREA_IMAGE].base;
	l2->image_pages = areas[AREA_IMAGE].pages;
	l2->data = areas[AREA_DATA].base;
	l2->shared = area_page(&areas[AREA_SHARED], 0);
	l2->tables = area_page(&areas[AREA_TABLES], 0);
	l2->tables_gpa = area_gpa(&areas[AREA_TABLES], 0);
}

void msr_bitmap_set(uint8_t *bitmap, uint32_t msr, bool write, bool exits)
{
	/* Reads of low MSRs, of high ones, writes to low ones, to high ones; 1 KiB each. */
	uint8_t *map = bitmap + (write ? 2048 : 0) + (msr >= 0xc0000000 ? 1024 : 0) +
		       (msr & 0x1fff) / 8,
		bit = 1u << msr % 8;

	*map = exits ? *map | bit : *map & ~bit;
}

/* Every MSR passes but writes to the x2APIC's that virtualization does not cover: they would reach
 * L1's own APIC. SDM, "MSR-Bitmap Address". */
static uint8_t *build_msr_bitmap(bool apicv)
{
	uint8_t *bitmap = page_alloc_named("MSR bitmap"), *write_low = bitmap + 2048;

	memset(write_low + 0x800 / 8, 0xff, 0x100 / 8);
	if (!apicv) {
		memset(bitmap + 0x800 / 8, 0xff, 0x100 / 8);
		return bitmap;
	}
	write_low[MSR_X2APIC_TPR / 8] &= ~(1 << MSR_X2APIC_TPR % 8);
	write_low[MSR_X2APIC_EOI / 8] &= ~(1 << MSR_X2APIC_EOI % 8);
	write_low[MSR_X2APIC_SELF_IPI / 8] &= ~(1 << MSR_X2APIC_SELF_IPI % 8);
	return bitmap;
}

static void write_apicv(struct l2 *l2)
{
	uint8_t *pi_page = page_alloc();

	/* Not at the start of its page: only 64-byte alignment is asked for. */
	l2->pi = (struct pi_desc *)(pi_page + 5 * sizeof(struct pi_desc));
	ktap_event("page", "name=\"posted-interrupt descriptor\" gpa=0x%lx pages=1 offset=0x%lx",
		   page_gpa(pi_page), page_gpa(l2->pi) - page_gpa(pi_page));
	vmcs_write(POSTED_INTR_DESC_ADDR, page_gpa(l2->pi));
	vmcs_write(POSTED_INTR_NV, L2_NOTIFICATION_VECTOR);
	l2->vapic = page_alloc_named("virtual-APIC page");
	vmcs_write(VIRTUAL_APIC_PAGE_ADDR, page_gpa(l2->vapic));
	vmcs_write(TPR_THRESHOLD, 0);
	vmcs_write(EOI_EXIT_BITMAP0, 0);
	vmcs_write(EOI_EXIT_BITMAP1, 0);
	vmcs_write(EOI_EXIT_BITMAP2, 0);
	vmcs_write(EOI_EXIT_BITMAP3, 0);
	vmcs_write(GUEST_INTR_STATUS, 0);
}

static void write_controls(struct l2 *l2, enum kind kind)
{
	bool wanted[VMX_CONTROLS] = {false};

	for (unsigned i = 0; i < COUNT(base_controls); i++)
		wanted[base_controls[i]] = true;
	for (unsigned i = 0; i < COUNT(apicv_controls) && kind == APICV; i++)
		wanted[apicv_controls[i]] = true;
	wanted[VMX_CPU2_EPT] = kind != NO_EPT;
	vmcs_write(PIN_BASED_VM_EXEC_CONTROL, vmx_control_value(VMX_PIN, wanted));
	vmcs_write(CPU_BASED_VM_EXEC_CONTROL, vmx_control_value(VMX_PRIMARY, wanted));
	vmcs_write(SECONDARY_VM_EXEC_CONTROL, vmx_control_value(VMX_SECONDARY, wanted));
	vmcs_write(VM_EXIT_CONTROLS, vmx_control_value(VMX_EXIT, wanted));
	vmcs_write(VM_ENTRY_CONTROLS, vmx_control_value(VMX_ENTRY, wanted));
	l2->apicv = kind == APICV;
	if (l2->apicv)
		write_apicv(l2);

	l2->io_bitmap[0] = page_alloc_named("I/O bitmap A");
	l2->io_bitmap[1] = page_alloc_named("I/O bitmap B");
	memset(l2->io_bitmap[0], 0xff, PAGE_SIZE);
	memset(l2->io_bitmap[1], 0xff, PAGE_SIZE);
	l2->io_bitmap[0][FREEZE_IO_PORT / 8] &= ~(1 << FREEZE_IO_PORT % 8);
	vmcs_write(IO_BITMAP_A, page_gpa(l2->io_bitmap[0]));
	vmcs_write(IO_BITMAP_B, page_gpa(l2->io_bitmap[1]));
	l2->msr_bitmap = build_msr_bitmap(l2->apicv);
	vmcs_write(MSR_BITMAP, page_gpa(l2->msr_bitmap));
	if (l2->ept)
		vmcs_write(EPT_POINTER, ept_pointer(l2->ept));
	vmcs_write(VIRTUAL_PROCESSOR_ID, 0x1d);

	vmcs_write(EXCEPTION_BITMAP, 0);
	vmcs_write(PAGE_FAULT_ERROR_CODE_MASK, 0);
	vmcs_write(PAGE_FAULT_ERROR_CODE_MATCH, 0);
	vmcs_write(CR3_TARGET_COUNT, 0);
	vmcs_write(VM_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(VM_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write(VM_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, 0);
	vmcs_write(VM_ENTRY_EXCEPTION_ERROR_CODE, 0);
	vmcs_write(VM_ENTRY_INSTRUCTION_LEN, 0);
	/* L2 must not see that it runs with CR4.VMXE and CR0.NE, which VMX forces on. */
	vmcs_write(CR0_GUEST_HOST_MASK, CR0_NE);
	vmcs_write(CR0_READ_SHADOW, 0);
	vmcs_write(CR4_GUEST_HOST_MASK, CR4_VMXE);
	vmcs_write(CR4_READ_SHADOW, 0);
}

/* What differs from CPU to CPU. */
static void write_host_cpu(void)
{
	vmcs_write(HOST_TR_BASE, trap_tss_base());
	vmcs_write(HOST_GDTR_BASE, trap_gdt_base());
	vmcs_write(HOST_RSP, vmx_host_rsp());
}

static void write_host_state(void)
{
	vmcs_write(HOST_CS_SELECTOR, SEL_CODE);
	vmcs_write(HOST_SS_SELECTOR, SEL_DATA);
	vmcs_write(HOST_DS_SELECTOR, SEL_DATA);
	vmcs_write(HOST_ES_SELECTOR, SEL_DATA);
	vmcs_write(HOST_FS_SELECTOR, SEL_DATA);
	vmcs_write(HOST_GS_SELECTOR, SEL_DATA);
	vmcs_write(HOST_TR_SELECTOR, SEL_TSS);
	vmcs_write(HOST_FS_BASE, 0);
	vmcs_write(HOST_GS_BASE, 0);
	vmcs_write(HOST_IDTR_BASE, trap_idt_base());
	vmcs_write(HOST_CR0, read_cr0());
	vmcs_write(HOST_CR3, read_cr3());
	vmcs_write(HOST_CR4, read_cr4());
	vmcs_write(HOST_IA32_SYSENTER_CS, 0);
	vmcs_write(HOST_IA32_SYSENTER_ESP, 0);
	vmcs_write(HOST_IA32_SYSENTER_EIP, 0);
	vmcs_write(HOST_IA32_PAT, rdmsr(MSR_IA32_PAT));
	vmcs_write(HOST_IA32_EFER, rdmsr(MSR_IA32_EFER));
	write_host_cpu();
	vmcs_write(HOST_RIP, (uint64_t)vmx_exit_landing);
}

/* Segment access rights in VMCS form; SDM, "Guest Register State". */
enum { AR_CODE_64 = 0xa09b, AR_DATA = 0xc093, AR_TSS_BUSY = 0x8b, AR_UNUSABLE = 0x10000 };

#define WRITE_SEGMENT(seg, sel, base, limit, ar)         \
	do {                                             \
		vmcs_write(GUEST_##seg##_SELECTOR, sel); \
		vmcs_write(GUEST_##seg##_BASE, base);    \
		vmcs_write(GUEST_##seg##_LIMIT, limit);  \
		vmcs_write(GUEST_##seg##_AR_BYTES, ar);  \
	} while (0)

static void write_guest_state(struct l2 *l2, const struct area areas[AREAS])
{
	const struct l2_header *header = (const void *)l2_image;
	uint64_t cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	uint64_t cr4 =
		CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_VMXE | (read_cr4() & CR4_OSXSAVE);

	cr0 = (cr0 | rdmsr(MSR_IA32_VMX_CR0_FIXED0)) & rdmsr(MSR_IA32_VMX_CR0_FIXED1);
	cr4 = (cr4 | rdmsr(MSR_IA32_VMX_CR4_FIXED0)) & rdmsr(MSR_IA32_VMX_CR4_FIXED1);
	vmcs_write(GUEST_CR0, cr0);
	vmcs_write(GUEST_CR3, area_gpa(&areas[AREA_TABLES], 0));
	vmcs_write(GUEST_CR4, cr4);
	WRITE_SEGMENT(CS, L2_SEL_CODE, 0, 0xffffffff, AR_CODE_64);
	WRITE_SEGMENT(SS, L2_SEL_DATA, 0, 0xffffffff, AR_DATA);
	WRITE_SEGMENT(DS, L2_SEL_DATA, 0, 0xffffffff, AR_DATA);
	WRITE_SEGMENT(ES, L2_SEL_DATA, 0, 0xffffffff, AR_DATA);
	WRITE_SEGMENT(FS, L2_SEL_DATA, 0, 0xffffffff, AR_DATA);
	WRITE_SEGMENT(GS, L2_SEL_DATA, 0, 0xffffffff, AR_DATA);
	WRITE_SEGMENT(LDTR, 0, 0, 0, AR_UNUSABLE);
	WRITE_SEGMENT(TR, L2_SEL_TSS, header->tss, header->tss_limit, AR_TSS_BUSY);
	vmcs_write(GUEST_GDTR_BASE, header->gdt);
	vmcs_write(GUEST_GDTR_LIMIT, header->gdt_limit);
	vmcs_write(GUEST_IDTR_BASE, header->idt);
	vmcs_write(GUEST_IDTR_LIMIT, header->idt_limit);
	vmcs_write(GUEST_DR7, 0x400);
	vmcs_write(GUEST_IA32_DEBUGCTL, 0);
	vmcs_write(GUEST_IA32_PAT, rdmsr(MSR_IA32_PAT));
	vmcs_write(GUEST_IA32_EFER, EFER_LME | EFER_LMA);
	vmcs_write(GUEST_SYSENTER_CS, 0x1230);
	vmcs_write(GUEST_SYSENTER_ESP, 0x4567000);
	vmcs_write(GUEST_SYSENTER_EIP, 0x89ab000);
	vmcs_write(GUEST_RIP, header->entry);
	vmcs_write(GUEST_RSP, area_va(&areas[AREA_STACK]) + L2_STACK_PAGES * PAGE_SIZE);
	vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED);
	vmcs_write(GUEST_INTERRUPTIBILITY_INFO, 0);
	vmcs_write(GUEST_ACTIVITY_STATE, 0);
	vmcs_write(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	vmcs_write(VMCS_LINK_POINTER, ~0ull);

	l2->shared->cr0 = cr0 & ~CR0_NE;
	l2->shared->cr3 = area_gpa(&areas[AREA_TABLES], 0);
	l2->shared->cr4 = cr4 & ~CR4_VMXE;
	l2->regs.rdi = area_va(&areas[AREA_SHARED]);
}

uint64_t vmcs_new(void)
{
	uint8_t *vmcs = page_alloc_named(enlightened() ? "enlightened VMCS" : "VMCS");

	*(uint32_t *)vmcs = enlightened() ? EVMCS_REVISION : vmx_revision();
	if (vmcss == VMCS_MAX)
		ktap_error_and_end("what=\"more than %u VMCSs\"", VMCS_MAX);
	if (!vmclear(page_gpa(vmcs)))
		ktap_error_and_end("what=\"VMCLEAR failed\" vmcs=0x%lx", page_gpa(vmcs));
	vmcs_list[vmcss++] = page_gpa(vmcs);
	return page_gpa(vmcs);
}

static void create(struct l2 *l2, const char *half, enum kind kind)
{
	bool avx2 = (read_cr4() & CR4_OSXSAVE) && (cpuid(1, 0).ecx & CPUID_1_ECX_AVX) &&
		    cpuid(0, 0).eax >= 7 && (cpuid(7, 0).ebx & CPUID_7_EBX_AVX2);
	struct area areas[AREAS];

	memset(l2, 0, sizeof(*l2));
	l2->vmcs = vmcs_new();
	vmcs_forget();
	vmcs_load(l2->vmcs);

	build_memory(l2, areas, kind == NO_EPT);
	if (strlen(half) >= sizeof(l2->shared->scenario))
		ktap_error_and_end("what=\"the name of L2's half is too long\" name=%s", half);
	memcpy(l2->shared->scenario, half, strlen(half));
	l2->shared->seed = cmdline.seed;
	l2->shared->apicv = kind == APICV;
	l2->shared->data_va = area_va(&areas[AREA_DATA]);
	l2->shared->data_pages = L2_DATA_PAGES;
	compute_init(&l2->shared->compute, cmdline.seed, avx2 ? 4 : 2);
	write_controls(l2, kind);
	write_host_state();
	write_guest_state(l2, areas);
	if (l2->ept && !invept_all())
		ktap_error_and_end("what=\"INVEPT failed\"");
}

void l2_create(struct l2 *l2, const char *half)
{
	create(l2, half, enlightened() ? PLAIN : APICV);
}

void l2_create_plain(struct l2 *l2, const char *half)
{
	create(l2, half, PLAIN);
}

void l2_create_no_ept(struct l2 *l2, const char *half)
{
	create(l2, half, NO_EPT);
}

void l2_move_here(struct l2 *l2, unsigned from)
{
	vmcs_load(l2->vmcs);
	vmcs_adopt(from);
	write_host_cpu();
	l2->launched = false;
}

uint64_t l2_out_address(void)
{
	return ((const struct l2_header *)(const void *)l2_image)->out;
}

void *l2_image_address(const struct l2 *l2, uint64_t va)
{
	uint64_t page = (va - L2_VA_BASE) / PAGE_SIZE;

	if (va < L2_VA_BASE || page >= l2->image_pages)
		return NULL;
	return l2->image + (l2->image_pages - 1 - page) * PAGE_SIZE + va % PAGE_SIZE;
}

uint64_t *l2_data_page(struct l2 *l2, unsigned i)
{
	return (uint64_t *)(l2->data + (L2_DATA_PAGES - 1 - i) * PAGE_SIZE);
}

void l2_destroy_all(void)
{
	apic_timer_stop();
	apic_drain();
	/* A VMCS that is still active would be written to its page when that is long another's. */
	for (unsigned i = 0; i < vmcss; i++)
		if (!vmclear(vmcs_list[i]))
			ktap_error_and_end("what=\"VMCLEAR failed\" vmcs=0x%lx", vmcs_list[i]);
	vmcs_use(NULL);
	vmcss = 0;
	page_free_all();
}
