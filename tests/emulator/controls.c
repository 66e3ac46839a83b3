/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What exits and what does not, by bitmaps, lists, thresholds and the virtual APIC. SDM, chapters
 * "VMX Non-Root Operation" and "APIC Virtualization and Virtual Interrupts".
 */
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/print.h"
#include "lib/string.h"
#include "tests/emulator/code.h"

#define RDMSR	   "\x0f\x32"
#define WRMSR	   "\x0f\x30"
#define IN_BYTE	   "\xec"
#define IN_WORD	   "\x66\xed"
#define IN_DWORD   "\xed"
#define MOV_TO_CR3 "\x0f\x22\xd8"     /* from RAX */
#define MOV_TO_CR8 "\x44\x0f\x22\xc2" /* from RDX */
#define RDTSC	   "\x0f\x31"
#define VMCALL	   "\x0f\x01\xc1"
#define HLT	   "\xf4"
#define INVD	   "\x0f\x08"
#define XSETBV	   "\x0f\x01\xd1"
#define SGDT	   "\x0f\x01\x47\x08" /* 8(%rdi) */
#define LIDT	   "\x0f\x01\x5f\x08"

#define PTE_US (1ull << 2)

static struct l2 l2;

static void create(void)
{
	l2_create_plain(&l2, "tell");
	code_l2(&l2);
}

/* ---- MSR bitmap ----------------------------------------------------------------------------- */

static void msr(uint32_t index, bool write, bool exits)
{
	if (write)
		CODE(WRMSR CPUID);
	else
		CODE(RDMSR CPUID);
	l2.regs.rcx = index;
	if (!code_exits(&l2,
			!exits	? EXIT_REASON_CPUID
			: write ? EXIT_REASON_MSR_WRITE
				: EXIT_REASON_MSR_READ,
			exits ? 0 : 2))
		ktap_fail("check=\"MSR bitmap\" msr=0x%x write=%d exits=%d", index, write, exits);
}

/* The four bitmaps in their page: reads and writes, of low MSRs and of high ones. */
static void msr_bitmap(void)
{
	static const struct {
		uint32_t index;
		uint16_t byte; /* in the bitmap for reads */
	} msrs[] = {{MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_CS / 8},
		    {MSR_IA32_KERNEL_GS_BASE, 1024 + (MSR_IA32_KERNEL_GS_BASE & 0x1fff) / 8}};

	create();
	for (unsigned i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
		for (unsigned set = 0; set < 4; set++) { /* bit 0: reads exit, bit 1: writes */
			uint32_t index = msrs[i].index;
			uint8_t *bits = l2.msr_bitmap + msrs[i].byte, bit = 1 << index % 8;

			bits[0] = set & 1 ? bit : 0;
			bits[2048] = set & 2 ? bit : 0;
			l2.regs.rax = l2.regs.rdx = 0;
			msr(index, false, set & 1);
			l2.regs.rax = l2.regs.rdx = 0;
			msr(index, true, set & 2);
		}
	/* No bitmap has these. */
	msr(0x2000, false, true);
	msr(0x40000000, true, true);
	msr(0xbfffffff, false, true);
	msr(0xc0002000, true, true);
	vmx_control_set(VMX_CPU_MSR_BITMAPS, false);
	msr(MSR_IA32_SYSENTER_CS, false, true);
	l2_destroy_all();
}

/* ---- I/O bitmaps ---------------------------------------------------------------------------- */

static void io(uint16_t port, unsigned size, bool exits)
{
	if (size == 1)
		CODE(IN_BYTE CPUID);
	else if (size == 2)
		CODE(IN_WORD CPUID);
	else
		CODE(IN_DWORD CPUID);
	l2.regs.rdx = port;
	if (!code_exits(&l2, exits ? EXIT_REASON_IO_INSTRUCTION : EXIT_REASON_CPUID,
			exits	    ? 0
			: size == 2 ? 2
				    : 1))
		ktap_fail("check=\"I/O bitmaps\" port=0x%x size=%u", port, size);
	else if (exits)
		ktap_check("exit qualification", (uint32_t)port << 16 | 1 << 3 | (size - 1),
			   vmcs_read(EXIT_QUALIFICATION));
}

static void io_bitmaps(void)
{
	create();
	memset(l2.io_bitmap[0], 0, PAGE_SIZE);
	memset(l2.io_bitmap[1], 0, PAGE_SIZE);
	io(0x7ffe, 1, false);
	io(0x7fff, 2, false);
	io(0xfffe, 2, false);
	io(0xffff, 2, true); /* wraps around */
	io(0xfffd, 4, true);
	l2.io_bitmap[1][0] = 1 << 0; /* port 0x8000 */
	io(0x7fff, 1, false);
	io(0x7fff, 2, true);
	io(0x7ffd, 4, true);
	io(0x8000, 1, true);
	io(0x8001, 1, false);
	l2.io_bitmap[1][0] = 0;
	l2.io_bitmap[0][0xfff] = 1 << 7; /* port 0x7fff */
	io(0x7fff, 1, true);
	io(0x7ffe, 2, true);
	io(0x7ffe, 1, false);
	/* With bitmaps "unconditional I/O exiting" means nothing, without them it does. */
	vmx_control_set(VMX_CPU_UNCOND_IO_EXITING, true);
	io(0x7ffe, 1, false);
	vmx_control_set(VMX_CPU_IO_BITMAPS, false);
	io(0x7ffe, 1, true);
	l2_destroy_all();
}

/* ---- CR3 targets, TPR threshold, descriptor tables, TSC ------------------------------------- */

static void cr3_target(void)
{
	create();
	vmx_control_set(VMX_CPU_CR3_LOAD_EXITING, true);
	l2.regs.rax = vmcs_read(GUEST_CR3);
	CODE(MOV_TO_CR3 CPUID);
	if (code_exits(&l2, EXIT_REASON_CR_ACCESS, 0))
		ktap_check("exit qualification", 3, vmcs_read(EXIT_QUALIFICATION));
	vmcs_write(CR3_TARGET_COUNT, 1);
	vmcs_write(CR3_TARGET_VALUE0, vmcs_read(GUEST_CR3));
	l2.regs.rax = vmcs_read(GUEST_CR3);
	code_exits(&l2, EXIT_REASON_CPUID, 3);
	CODE(MOV_TO_CR3 CPUID);
	l2.regs.rax = vmcs_read(GUEST_CR3) | 1 << 3;
	code_exits(&l2, EXIT_REASON_CR_ACCESS, 0);
	l2_destroy_all();
}

static bool possible_targets(char *why, size_t size)
{
	if (!vmx_cr3_targets())
		format(why, size, "no CR3-target values: bits 24:16 of IA32_VMX_MISC are 0");
	return vmx_cr3_targets();
}

/* The exit comes behind the instruction that lowers the TPR below the threshold. */
static void tpr_threshold(void)
{
	create();
	l2.vapic = page_alloc_named("virtual-APIC page");
	vmcs_write(VIRTUAL_APIC_PAGE_ADDR, page_gpa(l2.vapic));
	vmx_control_set(VMX_CPU_TPR_SHADOW, true);
	vmcs_write(TPR_THRESHOLD, 5);
	l2.vapic->reg[VAPIC_VTPR / 4] = 0x60;
	CODE(MOV_TO_CR8 CPUID);
	l2.regs.rdx = 5;
	code_exits(&l2, EXIT_REASON_CPUID, 4);
	ktap_check("VTPR", 0x50, l2.vapic->reg[VAPIC_VTPR / 4]);
	CODE(MOV_TO_CR8 CPUID);
	l2.regs.rdx = 4;
	code_exits(&l2, EXIT_REASON_TPR_BELOW_THRESHOLD, 4);
	ktap_check("VTPR", 0x40, l2.vapic->reg[VAPIC_VTPR / 4]);
	l2_destroy_all();
}

/* Bits of VMX_INSTRUCTION_INFO: address size, segment, no index, base, identity. */
#define INFO_ADDRESS_64 (2 << 7)
#define INFO_DS		(3 << 15)
#define INFO_NO_INDEX	(1 << 22)
#define INFO_RDI	(7 << 23)
#define INFO_LIDT	(3u << 28)
#define INFO_KNOWN	0x3fc38380u /* without what is undefined */

static void descriptor_tables(void)
{
	create();
	vmx_control_set(VMX_CPU2_DESC, true);
	l2.regs.rdi = DATA_VA;
	CODE(SGDT CPUID);
	if (code_exits(&l2, EXIT_REASON_GDTR_IDTR, 0)) {
		ktap_check("exit qualification", 8, vmcs_read(EXIT_QUALIFICATION));
		ktap_check("instruction information",
			   INFO_ADDRESS_64 | INFO_DS | INFO_NO_INDEX | INFO_RDI,
			   vmcs_read(VMX_INSTRUCTION_INFO) & INFO_KNOWN);
	}
	CODE(LIDT CPUID);
	if (code_exits(&l2, EXIT_REASON_GDTR_IDTR, 0))
		ktap_check("instruction information",
			   INFO_ADDRESS_64 | INFO_DS | INFO_NO_INDEX | INFO_RDI | INFO_LIDT,
			   vmcs_read(VMX_INSTRUCTION_INFO) & INFO_KNOWN);
	l2_destroy_all();
}

#define OFFSET (1ull << 50)

static void tsc_is_offset(const char *what, uint64_t offset)
{
	uint64_t begin = rdtsc(), end;

	l2.regs.rcx = MSR_IA32_TSC;
	if (!code_exits(&l2, EXIT_REASON_CPUID, 2))
		return;
	end = rdtsc();
	ktap_check(what, 1,
		   begin + offset <= (l2.regs.rdx << 32 | l2.regs.rax) &&
			   (l2.regs.rdx << 32 | l2.regs.rax) <= end + offset);
}

static void tsc_offset(void)
{
	create();
	CODE(RDTSC CPUID);
	tsc_is_offset("TSC without offset", 0);
	vmx_control_set(VMX_CPU_TSC_OFFSETTING, true);
	vmcs_write(TSC_OFFSET, OFFSET);
	CODE(RDTSC CPUID);
	tsc_is_offset("TSC with offset", OFFSET);
	CODE(RDMSR CPUID);
	tsc_is_offset("IA32_TSC with offset", OFFSET);
	l2_destroy_all();
}

/* ---- x2APIC --------------------------------------------------------------------------------- */

#define VAPIC_ID	0x020
#define VAPIC_EOI	0x0b0
#define VAPIC_ICR	0x300
#define SELF_IPI_OFFSET 0x3f0

static void x2apic_read(uint32_t index, uint64_t expected)
{
	CODE(RDMSR CPUID);
	l2.regs.rcx = index;
	if (code_exits(&l2, EXIT_REASON_CPUID, 2))
		ktap_check("x2APIC MSR", expected, l2.regs.rdx << 32 | l2.regs.rax);
}

static bool x2apic_write(uint32_t index, uint64_t val, uint32_t reason)
{
	CODE(WRMSR CPUID);
	l2.regs.rcx = index;
	l2.regs.rax = (uint32_t)val;
	l2.regs.rdx = val >> 32;
	/* Exits of APIC virtualization come behind the instruction. */
	return code_exits(&l2, reason, reason == EXIT_REASON_EXCEPTION_NMI ? 0 : 2);
}

static void x2apic(void)
{
	create();
	l2.vapic = page_alloc_named("virtual-APIC page");
	vmcs_write(VIRTUAL_APIC_PAGE_ADDR, page_gpa(l2.vapic));
	memset(l2.msr_bitmap, 0, PAGE_SIZE);
	l2.vapic->reg[VAPIC_ID / 4] = 0x12345678;
	l2.vapic->reg[VAPIC_ICR / 4] = 0x9abcdef0;
	l2.vapic->reg[VAPIC_ICR / 4 + 1] = 0x13572468;
	l2.vapic->reg[VAPIC_VTPR / 4] = 0x30;
	vmx_control_set(VMX_CPU_TPR_SHADOW, true);
	vmx_control_set(VMX_CPU2_VIRT_X2APIC, true);
	vmcs_write(TPR_THRESHOLD, 0);
	x2apic_read(MSR_X2APIC_TPR, 0x30);
	x2apic_read(MSR_X2APIC_APICID, rdmsr(MSR_X2APIC_APICID)); /* L1's own */
	vmx_control_set(VMX_CPU2_APIC_REGISTER_VIRT, true);
	x2apic_read(MSR_X2APIC_APICID, 0x12345678);
	x2apic_read(MSR_X2APIC_ICR, 0x135724689abcdef0);
	vmx_control_set(VMX_CPU2_VIRT_INTR_DELIVERY, true);
	vmcs_write(GUEST_INTR_STATUS, 0);
	vmcs_write(EOI_EXIT_BITMAP0, 0);
	vmcs_write(EOI_EXIT_BITMAP1, 1ull << (0x51 - 64));
	vmcs_write(EOI_EXIT_BITMAP2, 0);
	vmcs_write(EOI_EXIT_BITMAP3, 0);
	x2apic_write(MSR_X2APIC_TPR, 0x40, EXIT_REASON_CPUID);
	ktap_check("VTPR", 0x40, l2.vapic->reg[VAPIC_VTPR / 4]);
	ktap_check("VPPR", 0x40, l2.vapic->reg[VAPIC_VPPR / 4]);
	x2apic_write(MSR_X2APIC_TPR, 0x100, EXIT_REASON_EXCEPTION_NMI);
	/* RFLAGS.IF is clear: what L2 sends itself stays in VIRR. */
	x2apic_write(MSR_X2APIC_SELF_IPI, 0x51, EXIT_REASON_CPUID);
	ktap_check("RVI", 0x51, vmcs_read(GUEST_INTR_STATUS));
	ktap_check("VIRR", 1 << (0x51 - 64), l2.vapic->reg[(VAPIC_VIRR + 0x20) / 4]);
	x2apic_write(MSR_X2APIC_SELF_IPI, 0x100, EXIT_REASON_EXCEPTION_NMI);
	if (x2apic_write(MSR_X2APIC_SELF_IPI, 0xf, EXIT_REASON_APIC_WRITE))
		ktap_check("exit qualification", SELF_IPI_OFFSET, vmcs_read(EXIT_QUALIFICATION));
	/* Two in service: the end of the higher one exits, that of the other does not. */
	l2.vapic->reg[(VAPIC_VIRR + 0x20) / 4] = 0;
	l2.vapic->reg[(VAPIC_VISR + 0x20) / 4] = 1 << (0x51 - 64) | 1 << (0x42 - 64);
	vmcs_write(GUEST_INTR_STATUS, 0x5100);
	x2apic_write(MSR_X2APIC_EOI, 1, EXIT_REASON_EXCEPTION_NMI);
	if (x2apic_write(MSR_X2APIC_EOI, 0, EXIT_REASON_EOI_INDUCED))
		ktap_check("exit qualification", 0x51, vmcs_read(EXIT_QUALIFICATION));
	ktap_check("SVI", 0x4200, vmcs_read(GUEST_INTR_STATUS));
	x2apic_write(MSR_X2APIC_EOI, 0, EXIT_REASON_CPUID);
	ktap_check("SVI", 0, vmcs_read(GUEST_INTR_STATUS));
	ktap_check("VISR", 0, l2.vapic->reg[(VAPIC_VISR + 0x20) / 4]);
	l2_destroy_all();
}

/* ---- user mode ------------------------------------------------------------------------------ */

#define AR_DPL_3 (3 << 5)

/* Marks all that maps @va as L2's user's. */
static void user_page(uint64_t va)
{
	static const unsigned shift[L2_TABLE_PAGES] = {39, 30, 21, 12};

	for (unsigned i = 0; i < L2_TABLE_PAGES; i++) {
		/* L1 backs the row of tables in reverse order. */
		uint64_t *table = l2.tables - i * (PAGE_SIZE / sizeof(*table));

		table[va >> shift[i] & 511] |= PTE_US;
	}
}

/* Faults by the privilege level come before VM exits; some instructions need none. */
static void user_mode(void)
{
	create();
	user_page(CODE_VA);
	vmcs_write(GUEST_CS_SELECTOR, vmcs_read(GUEST_CS_SELECTOR) | 3);
	vmcs_write(GUEST_CS_AR_BYTES, vmcs_read(GUEST_CS_AR_BYTES) | AR_DPL_3);
	vmcs_write(GUEST_SS_SELECTOR, vmcs_read(GUEST_SS_SELECTOR) | 3);
	vmcs_write(GUEST_SS_AR_BYTES, vmcs_read(GUEST_SS_AR_BYTES) | AR_DPL_3);
	vmx_control_set(VMX_CPU_MSR_BITMAPS, false);
	vmx_control_set(VMX_CPU_HLT_EXITING, true);
	CODE(CPUID);
	code_exits(&l2, EXIT_REASON_CPUID, 0);
	CODE(VMCALL);
	code_exits(&l2, EXIT_REASON_VMCALL, 0);
	CODE(RDMSR);
	code_faults(&l2, VECTOR_GP, 0);
	CODE(HLT);
	code_faults(&l2, VECTOR_GP, 0);
	CODE(INVD);
	code_faults(&l2, VECTOR_GP, 0);
	CODE(MOV_TO_CR3);
	code_faults(&l2, VECTOR_GP, 0);
	if (read_cr4() & CR4_OSXSAVE) {
		CODE(XSETBV);
		code_faults(&l2, VECTOR_GP, 0);
	}
	l2_destroy_all();
}

SCENARIO(cpu_msr_bitmap, NEEDS(L2_BASE), RUN(msr_bitmap));
SCENARIO(cpu_io_bitmaps, NEEDS(L2_BASE), RUN(io_bitmaps));
SCENARIO(cpu_cr3_target, NEEDS(L2_BASE, VMX_CPU_CR3_LOAD_EXITING),
	 RUN(cr3_target, .possible = possible_targets));
SCENARIO(cpu_tpr_threshold, NEEDS(L2_BASE, VMX_CPU_TPR_SHADOW), RUN(tpr_threshold));
SCENARIO(cpu_descriptor_tables, NEEDS(L2_BASE, VMX_CPU2_DESC), RUN(descriptor_tables));
SCENARIO(cpu_tsc_offset, NEEDS(L2_BASE, VMX_CPU_TSC_OFFSETTING), RUN(tsc_offset));
SCENARIO(cpu_user_mode, NEEDS(L2_BASE, VMX_CPU_HLT_EXITING), RUN(user_mode));
SCENARIO(cpu_x2apic, NEEDS(L2_APICV), RUN(x2apic));
