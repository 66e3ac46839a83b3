/* SPDX-License-Identifier: BSD-2-Clause */
/* L2's registers with unusual values around a snapshot; all told of below. */
#include "hv/scenario.h"
#include "l2guest/steps.h"
#include "lib/cpu.h"
#include "lib/ktap.h"

static struct l2 l2;

static bool val(unsigned i, const char *check, uint64_t expected)
{
	return ktap_check(check, expected, l2.shared->val[i]);
}

#define REGS_HOST HOST("snapshot in L2, which then reads them all before any VM exit")
#define REGS_REST                                                                              \
	FAILURE("a register that L2 reads differently, or a field of vmcs12 that L1 does not " \
		"find again"),                                                                 \
		FREEZE(port)

/* ---- CR0 and CR4 ---------------------------------------------------------------------------- */

/* Bits that L1 owns: one that is 1 and reads 0, one that is 0 and reads 1. The rest is L2's. */
#define CR0_MASK (CR0_NE | CR0_WP | CR0_AM)
#define CR4_MASK (CR4_VMXE | CR4_TSD | CR4_MCE)
#define CR4_L2	 (CR4_DE | CR4_PGE)

static void fly_cr(void)
{
	uint64_t cr0, cr4, reads0, reads4;

	l2_create_plain(&l2, "regs_cr");
	cr0 = (vmcs_read(GUEST_CR0) | CR0_WP) & ~CR0_AM;
	cr4 = (vmcs_read(GUEST_CR4) | CR4_TSD) & ~CR4_MCE;
	reads0 = (cr0 & ~CR0_MASK) | CR0_AM;
	reads4 = (cr4 & ~CR4_MASK) | CR4_MCE;
	vmcs_write(GUEST_CR0, cr0);
	vmcs_write(GUEST_CR4, cr4);
	vmcs_write(CR0_GUEST_HOST_MASK, CR0_MASK);
	vmcs_write(CR4_GUEST_HOST_MASK, CR4_MASK);
	vmcs_write(CR0_READ_SHADOW, CR0_AM);
	vmcs_write(CR4_READ_SHADOW, CR4_MCE);
	l2.shared->arg[0] = CR0_TS;
	l2.shared->arg[1] = CR4_L2;
	/* L2 takes all its bits back in the end: both fields read as they were written. */
	if (!l2_tells(&l2, 1))
		return;
	val(0, "L2's CR0", reads0 | CR0_TS);
	val(1, "L2's CR4", reads4 | CR4_L2);
	val(2, "L2's SMSW", (uint16_t)(reads0 | CR0_TS));
	val(3, "L2's CR0 behind CLTS", reads0);
	val(4, "L2's CR0 behind LMSW", reads0 | CR0_TS);
	val(5, "L2's CR4 without its bits", reads4);
}

SCENARIO(regs_cr, NEEDS(L2_BASE), FLY(fly_cr),
	 TITLE("bits of CR0 and CR4 that L2 owns, and such that L1 owns and shadows"),
	 PROMISE("SDM, Changes to Instruction Behavior in VMX Non-Root Operation: MOV, SMSW, CLTS "
		 "and LMSW see L1's read shadow in masked bits and the register in the others"),
	 REGS_HOST,
	 BUG("cr-read-shadow-lost: KVM_SET_SREGS writes the real register over the shadow of "
	     "vmcs02"),
	 REGS_REST,
	 PROOF("l2 runnable GUEST_CR0&0x10008 !GUEST_CR0&0x40000 GUEST_CR4&0x8c !GUEST_CR4&0x40 "
	       "CR0_READ_SHADOW=0x40000 CR4_READ_SHADOW=0x40 cr0&0x8 cr4&0x8c"));

/* ---- debug registers ------------------------------------------------------------------------ */

#define DR7_L2	 0x90402ull /* breakpoint 0: global, writes, 8 bytes */
#define DR7_NONE 0x400ull
/* What VM entry loads, or L1 had: without any breakpoint, but none's other value. */
#define DR7_GIVEN 0x700ull
#define DR7_L1	  0x600ull
#define DR6_L2	  0xffff0ff8ull /* as if breakpoint 3 had been met */
#define DR6_HIT	  0xffff0ff1ull

static void fly_debug(bool load, bool save)
{
	l2_create_plain(&l2, "regs_debug");
	vmx_control_set(VMX_ENTRY_LOAD_DEBUG, load);
	vmx_control_set(VMX_EXIT_SAVE_DEBUG, save);
	vmcs_write(GUEST_DR7, DR7_GIVEN);
	write_dr7(DR7_L1);
	l2.shared->arg[0] = DR7_L2;
	l2.shared->arg[1] = 0x111111110000;
	l2.shared->arg[2] = 0x222222220000;
	l2.shared->arg[3] = 0x333333330000;
	l2.shared->arg[4] = DR6_L2;
	if (!l2_tells(&l2, 1))
		return;
	val(0, "L2's DR0", 1);
	for (unsigned i = 1; i < 4; i++)
		val(i, "L2's DR1 to DR3", l2.shared->arg[i]);
	val(4, "L2's DR6", DR6_L2);
	val(5, "L2's DR7", DR7_L2);
	val(6, "debug exceptions in L2", 1);
	val(7, "L2's DR6 at its debug exception", DR6_HIT);
	val(9, "L2's DR7 at its start", load ? DR7_GIVEN : DR7_L1);
	ktap_check("GUEST_DR7", save ? DR7_L2 : DR7_GIVEN, vmcs_read(GUEST_DR7));
	ktap_check("L1's DR7 after a VM exit", DR7_NONE, read_dr7());
}

static void fly_debug_both(void)
{
	fly_debug(true, true);
}

static void fly_debug_unsaved(void)
{
	fly_debug(false, false);
}

static void fly_debug_loaded(void)
{
	fly_debug(true, false);
}

static void fly_debug_saved(void)
{
	fly_debug(false, true);
}

#define REGS_DEBUG                                                                            \
	PROMISE("SDM, Debug Exceptions, and VM-exit control save debug controls: L2's "       \
		"breakpoints are its own registers; DR7 is saved in vmcs12 only with that "   \
		"control"),                                                                   \
		REGS_HOST, BUG("none known; DR7 travels in vmcs12 and by KVM_SET_DEBUGREGS"), \
		REGS_REST
#define REGS_BREAKPOINT "l2 runnable dr7=0x90402 dr6=0xffff0ff8 dr1=0x111111110000 "

SCENARIO(regs_debug, NEEDS(L2_BASE), FLY(fly_debug_both),
	 TITLE("L2 meets a breakpoint that it set before the snapshot"), REGS_DEBUG,
	 PROOF(REGS_BREAKPOINT "GUEST_DR7=0x90402"));
SCENARIO(regs_debug_unsaved, NEEDS(L2_BASE), FLY(fly_debug_unsaved),
	 TITLE("the same without load and save debug controls"), REGS_DEBUG,
	 PROOF(REGS_BREAKPOINT "GUEST_DR7=0x700"));
SCENARIO(regs_debug_loaded, NEEDS(L2_BASE), FLY(fly_debug_loaded),
	 TITLE("the same with load, but without save debug controls"), REGS_DEBUG,
	 PROOF(REGS_BREAKPOINT "GUEST_DR7=0x700"));
SCENARIO(regs_debug_saved, NEEDS(L2_BASE), FLY(fly_debug_saved),
	 TITLE("the same with save, but without load debug controls"), REGS_DEBUG,
	 PROOF(REGS_BREAKPOINT "GUEST_DR7=0x90402"));

#define DEBUGCTL_BTF 2

static void fly_debugctl(void)
{
	l2_create_plain(&l2, "steps");
	vmcs_write(GUEST_IA32_DEBUGCTL, DEBUGCTL_BTF);
	vmcs_let_go(GUEST_IA32_DEBUGCTL);
	l2.shared->arg[0] = STEP(RDMSR, MSR_IA32_DEBUGCTL);
	l2.shared->arg[1] = STEP(FREEZE, 0);
	l2.shared->arg[2] = STEP(RDMSR, MSR_IA32_DEBUGCTL);
	if (!l2_tells(&l2, 1))
		return;
	if (l2.shared->val[0] != DEBUGCTL_BTF) {
		ktap_skip("VM entry does not load IA32_DEBUGCTL.BTF: L2 reads 0x%lx",
			  l2.shared->val[0]);
		return;
	}
	val(2, "L2's IA32_DEBUGCTL", DEBUGCTL_BTF);
	ktap_check("GUEST_IA32_DEBUGCTL", DEBUGCTL_BTF, vmcs_read(GUEST_IA32_DEBUGCTL));
}

/* The proof cannot name the value: a VMM that does not have the bit reads back 0, rightly. */
SCENARIO(regs_debugctl, NEEDS(L2_BASE), FLY(fly_debugctl),
	 TITLE("L1 has set IA32_DEBUGCTL.BTF for L2"),
	 PROMISE("SDM, Loading Guest Control Registers, Debug Registers, and MSRs, and VM-exit "
		 "control save debug controls: L2 has an IA32_DEBUGCTL of its own"),
	 REGS_HOST,
	 BUG("by reading alone: older kernels have IA32_DEBUGCTL in no MSR list, so it travels in "
	     "vmcs12, where the restore looks for it only if nested_run_pending"),
	 REGS_REST, PROOF("l2 runnable VM_ENTRY_CONTROLS&0x4 VM_EXIT_CONTROLS&0x4"));

/* ---- RFLAGS --------------------------------------------------------------------------------- */

/* ID, VIP, VIF, AC, NT, IOPL 3, OF, DF, SF, ZF, AF, PF, CF; not IF, TF, RF, VM. */
#define RFLAGS_L2 0x3c7cd7

static void fly_flags(void)
{
	l2_create_plain(&l2, "regs_flags");
	if (!l2_tells(&l2, 1))
		return;
	vmcs_write(GUEST_RFLAGS, RFLAGS_L2);
	if (l2_tells(&l2, 2))
		val(0, "L2's RFLAGS", RFLAGS_L2);
}

SCENARIO(regs_flags, NEEDS(L2_BASE), FLY(fly_flags),
	 TITLE("every flag in L2's RFLAGS that does no harm"),
	 PROMISE("SDM, Loading Guest RIP, RSP, RFLAGS, and SSP: VM entry loads RFLAGS whole"),
	 REGS_HOST, BUG("none known"), REGS_REST,
	 PROOF("l2 runnable rflags=0x3c7cd7 GUEST_RFLAGS=0x3c7cd7"));

/* ---- descriptor tables and segments --------------------------------------------------------- */

#define SEL_NEW 0x28 /* in L2's own GDT */
#define SEL_LDT 0x0c /* its LDT's entry 1 */

static void fly_tables(void)
{
	l2_create_plain(&l2, "regs_tables");
	l2.shared->arg[0] = SEL_NEW;
	vmcs_let_go(GUEST_GDTR_BASE);
	vmcs_let_go(GUEST_GDTR_LIMIT);
	vmcs_let_go(GUEST_IDTR_BASE);
	vmcs_let_go(GUEST_IDTR_LIMIT);
	vmcs_let_go(GUEST_FS_SELECTOR);
	vmcs_let_go(GUEST_FS_LIMIT);
	vmcs_let_go(GUEST_FS_AR_BYTES);
	if (!l2_tells(&l2, 1))
		return;
	val(0, "L2's GDTR base", 0x1008);
	val(1, "L2's GDTR limit", SEL_NEW + 7);
	val(2, "L2's IDTR base", 0);
	val(3, "L2's IDTR limit", 0x7ff);
	val(4, "what L2 reads through a segment of its GDT", l2.shared->seed);
	val(5, "exceptions through L2's IDT", 1);
	ktap_check("GUEST_GDTR_BASE", l2.shared->data_va + 0x1008, vmcs_read(GUEST_GDTR_BASE));
	ktap_check("GUEST_IDTR_LIMIT", 0x7ff, vmcs_read(GUEST_IDTR_LIMIT));
	ktap_check("GUEST_FS_SELECTOR", SEL_NEW, vmcs_read(GUEST_FS_SELECTOR));
	ktap_check("GUEST_FS_BASE", l2.shared->data_va + 0x2000, vmcs_read(GUEST_FS_BASE));
}

SCENARIO(regs_tables, NEEDS(L2_BASE), FLY(fly_tables),
	 TITLE("L2 has moved its GDT and IDT by LGDT and LIDT"),
	 PROMISE("SDM, Saving Segment Registers and Descriptor-Table Registers"), REGS_HOST,
	 BUG("none known; KVM_SET_SREGS writes vmcs02, the nested state vmcs12"), REGS_REST,
	 PROOF("l2 runnable GUEST_GDTR_LIMIT=0x2f GUEST_IDTR_LIMIT=0x7ff"));

#define WRITE(seg, selector, base, limit, ar)                 \
	do {                                                  \
		vmcs_write(GUEST_##seg##_SELECTOR, selector); \
		vmcs_write(GUEST_##seg##_BASE, base);         \
		vmcs_write(GUEST_##seg##_LIMIT, limit);       \
		vmcs_write(GUEST_##seg##_AR_BYTES, ar);       \
	} while (0)
#define AR_UNUSABLE 0x10000

static void fly_segments(void)
{
	l2_create_plain(&l2, "regs_segments");
	l2.shared->arg[0] = SEL_LDT;
	WRITE(LDTR, 0x30, l2.shared->data_va, 0xf, 0x82);
	WRITE(DS, 0x13, 0x12345000, 0xfff, 0xc0f7); /* expand-down, DPL 3 */
	WRITE(SS, 0x40, 0x6000, 0xfffff, 0x4093);
	WRITE(GS, 0x4b, 0, 0x12345, 0xf1); /* read-only, DPL 3, 16 bits */
	WRITE(ES, 0, 0, 0, AR_UNUSABLE);
	vmcs_write(GUEST_GS_BASE, 0xffff912345678000);
	/* All but "unusable" of an unusable segment is undefined after a VM exit. */
	vmcs_let_go(GUEST_ES_LIMIT);
	vmcs_let_go(GUEST_ES_AR_BYTES);
	vmcs_let_go(GUEST_ES_BASE);
	vmcs_let_go(GUEST_FS_SELECTOR);
	vmcs_let_go(GUEST_FS_LIMIT);
	vmcs_let_go(GUEST_FS_AR_BYTES);
	if (!l2_tells(&l2, 1))
		return;
	val(0, "L2's LDTR", 0x30);
	val(1, "L2's TR", L2_SEL_TSS);
	val(2, "L2's DS, ES, GS, SS", 0x00130000004b0040);
	val(3, "L2's GS base", 0xffff912345678000);
	val(4, "what L2 reads through a segment of its LDT", l2.shared->seed);
	ktap_check("GUEST_ES_AR_BYTES, unusable", AR_UNUSABLE,
		   vmcs_read(GUEST_ES_AR_BYTES) & AR_UNUSABLE);
	ktap_check("GUEST_GS_BASE", 0xffff912345678000, vmcs_read(GUEST_GS_BASE));
	ktap_check("GUEST_FS_BASE", l2.shared->data_va + 0x2000, vmcs_read(GUEST_FS_BASE));
}

SCENARIO(regs_segments, NEEDS(L2_BASE), FLY(fly_segments),
	 TITLE("segments with unusual bases, limits and rights, an LDT, an unusable one"),
	 PROMISE("SDM, Loading Guest Segment Registers and Saving Segment Registers"), REGS_HOST,
	 BUG("none known; KVM_SET_SREGS writes vmcs02, the nested state vmcs12"), REGS_REST,
	 PROOF("l2 runnable GUEST_LDTR_LIMIT=0xf GUEST_DS_AR_BYTES=0xc0f7 GUEST_GS_LIMIT=0x12345 "
	       "GUEST_ES_AR_BYTES&0x10000"));

/* What L2 loads itself, each unlike L1's in all four parts; in the order of l2_shared.arg[]. */
#define OWN_SEGMENTS(S)                                 \
	S(ES, 0x28, 0x00121000, 0x321, 0x10f1)          \
	S(CS, 0x30, 0, 0x12345, 0x309b)                 \
	S(SS, 0x38, 0x00343000, 0xabc, 0x5093)          \
	S(DS, 0x40, 0x00565000, 0xdeffff, 0xc0f7)       \
	S(FS, 0x48, 0x00787000, 0x5ff, 0x4097)          \
	S(GS, 0x50, 0x009a9000, 0x6ff, 0x4095)          \
	S(LDTR, 0x58, 0xffff9abc00345000, 0x27, 0x0082) \
	S(TR, 0x68, 0xffff9def00678000, 0x89, 0x108b)

/* SDM, "Segment Descriptors" and "TSS Descriptor in 64-bit mode". */
static void put_descriptor(uint64_t *at, uint64_t base, uint32_t limit, uint32_t ar)
{
	if (ar & 0x8000) /* in pages */
		limit >>= 12;
	*at = (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)(ar & 0xff) << 40 |
	      (uint64_t)(limit >> 16 & 0xf) << 48 | (uint64_t)(ar >> 12 & 0xf) << 52 |
	      (base >> 24 & 0xff) << 56;
	if (ar & 0x10)
		return;
	if ((ar & 0xf) == 0xb) /* a TSS becomes busy when it is loaded */
		*at &= ~(2ull << 40);
	at[1] = base >> 32;
}

static void fly_loads(void)
{
	uint64_t *gdt;
	unsigned i = 0;

	l2_create_plain(&l2, "regs_loads");
	gdt = l2_data_page(&l2, 0);
	put_descriptor(gdt + L2_SEL_CODE / 8, 0, 0xffffffff, 0xa09b);
#define S(seg, selector, base, limit, ar)                      \
	put_descriptor(gdt + (selector) / 8, base, limit, ar); \
	l2.shared->arg[i++] = selector;                        \
	vmcs_let_go(GUEST_##seg##_SELECTOR);                   \
	vmcs_let_go(GUEST_##seg##_BASE);                       \
	vmcs_let_go(GUEST_##seg##_LIMIT);                      \
	vmcs_let_go(GUEST_##seg##_AR_BYTES);
	OWN_SEGMENTS(S)
#undef S
	vmcs_let_go(GUEST_GDTR_BASE);
	vmcs_let_go(GUEST_GDTR_LIMIT);
	if (!l2_tells(&l2, 1))
		return;
	i = 0;
#define S(seg, selector, base, limit, ar)                                                   \
	val(i++, "L2's " #seg, selector);                                                   \
	ktap_check("GUEST_" #seg "_SELECTOR", selector, vmcs_read(GUEST_##seg##_SELECTOR)); \
	ktap_check("GUEST_" #seg "_BASE", base, vmcs_read(GUEST_##seg##_BASE));             \
	ktap_check("GUEST_" #seg "_LIMIT", limit, vmcs_read(GUEST_##seg##_LIMIT));          \
	ktap_check("GUEST_" #seg "_AR_BYTES", ar, vmcs_read(GUEST_##seg##_AR_BYTES));
	OWN_SEGMENTS(S)
#undef S
}

SCENARIO(
	regs_loads, NEEDS(L2_BASE), FLY(fly_loads),
	TITLE("L2 has loaded all of its segments, LDTR and TR anew"),
	PROMISE("SDM, Saving Segment Registers and Descriptor-Table Registers: what L2 loads stays "
		"in its registers"),
	REGS_HOST,
	BUG("none known; a save that takes for L2's what L1 wrote there would not show in "
	    "regs_segments"),
	REGS_REST,
	PROOF("l2 runnable GUEST_ES_SELECTOR=0x28 GUEST_CS_LIMIT=0x12345 GUEST_DS_LIMIT=0xdeffff "
	      "GUEST_TR_SELECTOR=0x68 GUEST_LDTR_LIMIT=0x27"));

/* ---- SYSCALL -------------------------------------------------------------------------------- */

#define RFLAGS_DF 0x400

static void fly_syscall(void)
{
	l2_create_plain(&l2, "regs_syscall");
	vmcs_write(GUEST_IA32_EFER, EFER_SCE | EFER_LME | EFER_LMA);
	l2.shared->arg[0] = (uint64_t)L2_SEL_CODE << 32;
	l2.shared->arg[1] = RFLAGS_DF;
	if (!l2_tells(&l2, 1))
		return;
	ktap_check("DF behind SYSCALL", 0, l2.shared->val[0] & RFLAGS_DF);
	ktap_check("DF in R11", RFLAGS_DF, l2.shared->val[1] & RFLAGS_DF);
}

SCENARIO(
	regs_syscall, NEEDS(L2_BASE), FLY(fly_syscall),
	TITLE("L2 executes SYSCALL, which lives by four MSRs"),
	PROMISE("SDM, SYSCALL: IA32_EFER.SCE, IA32_STAR, IA32_LSTAR and IA32_FMASK"), REGS_HOST,
	BUG("none known"), REGS_REST,
	PROOF("l2 runnable GUEST_IA32_EFER=0x501 msr:0xc0000081=0x800000000 msr:0xc0000084=0x400"));

/* ---- XCR0 and what it enables --------------------------------------------------------------- */

#define XCR0_AVX512 0xe0ull
#define XCR0_PKRU   0x200ull

static void fly_xsave(uint64_t xcr0)
{
	uint64_t own = xgetbv(0);

	l2_create_plain(&l2, "regs_xsave");
	xcr0 |= XCR0_X87 | XCR0_SSE | XCR0_AVX;
	l2.shared->arg[0] = xcr0;
	if (!l2_exits(&l2, EXIT_REASON_XSETBV))
		return;
	ktap_check("RDX:RAX of XSETBV", xcr0, l2.regs.rdx << 32 | (uint32_t)l2.regs.rax);
	l2_skip();
	/* No field of the VMCS holds XCR0: what L1 sets here is L2's, too. */
	xsetbv(0, xcr0);
	if (l2_tells(&l2, 1)) {
		val(0, "x87 and SSE registers that L2 loaded, differ from byte", 416);
		val(1, "AVX registers that L2 loaded, differ from byte", 832);
		val(2, "XSAVE before and behind the snapshot, differ from byte", 4096);
		val(3, "L2's XCR0", xcr0);
		ktap_check("L1's XCR0", xcr0, xgetbv(0));
	}
	xsetbv(0, own);
}

static bool has_avx(char *why, size_t size)
{
	return vmx_cpuid_has(1, 0, CPUID_ECX, 26, "XSAVE", why, size) &&
	       vmx_cpuid_has(0xd, 0, CPUID_EAX, 2, "AVX state", why, size);
}

static bool has_avx512(char *why, size_t size)
{
	return has_avx(why, size) &&
	       vmx_cpuid_has(0xd, 0, CPUID_EAX, 7, "AVX-512 state", why, size);
}

static void fly_avx(void)
{
	fly_xsave(0);
}

static void fly_avx512(void)
{
	/* Protection keys, too, where they are. */
	fly_xsave(XCR0_AVX512 | (cpuid(0xd, 0).eax & XCR0_PKRU));
}

#define REGS_XSAVE                                                                               \
	PROMISE("SDM, XSETBV exits unconditionally; XCR0 and the registers behind it belong to " \
		"no VMCS"),                                                                      \
		REGS_HOST,                                                                       \
		BUG("none known; XCRS and XSAVE have ioctls of their own, in an order that "     \
		    "matters"),                                                                  \
		REGS_REST, PROOF("l2 runnable cr4&0x40000")

SCENARIO(regs_avx, NEEDS(L2_BASE), FLY(fly_avx, .possible = has_avx),
	 TITLE("x87, SSE and AVX registers of L2 with odd rounding modes"), REGS_XSAVE);
SCENARIO(regs_avx512, NEEDS(L2_BASE), FLY(fly_avx512, .possible = has_avx512),
	 TITLE("L2 has more in XCR0 than L1 had: AVX-512 (and PKRU)"), REGS_XSAVE);

/* ---- all of them ----------------------------------------------------------------------------- */

static void fly_all(void)
{
	l2_create(&l2, "regs_all");
	l2_tells(&l2, 1);
}

SCENARIO(regs_all, NEEDS(L2_ANY), FLY(fly_all),
	 TITLE("L2 has values of its own in all registers and MSRs that it may change"),
	 PROMISE("SDM, Guest-State Area: what L2 wrote it reads, without a VM exit to L1"),
	 HOST("snapshot at an instruction of L2, general registers live"),
	 BUG("registers restored in part, or for L1 instead of L2"),
	 FAILURE("L2 names the register with the value expected and found"), FREEZE(port),
	 PROOF("l2 runnable rbx=0x1101 r15=0xbb0b"));
