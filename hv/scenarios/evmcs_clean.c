/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clean fields of an enlightened VMCS. L1 changes one field of a group behind an exit and is
 * frozen before it enters again: `clean` with the group's bit clear, so that L2 must run by the new
 * value; `stale` with the bit set, although that is not so: KVM may then keep to the old value, and
 * does, but a restore reads all of the enlightened VMCS, and brings the new one. Told of below.
 */
#include "hv/enlightened.h"
#include "hv/ept.h"
#include "hv/evmcs.h"
#include "hv/steps.h"
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "hv/vmx.h"
#include "l2guest/evmcs.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/string.h"

#define RFLAGS_AC  (1ull << 18)
#define NEW_ESP	   0x7e5000ull
#define NEW_BASE   0x7ba5e000ull
#define NEW_OFFSET (1ull << 50)
#define NEW_DATA   0xda7aull
#define OWN_PAT	   0x0007040600010406ull
#define UD2_SIZE   2

static struct l2 l2;
static uint32_t exited; /* the first exit that was no VMCALL, or EXIT_REASON_VMCALL */

/* Enters L2 until it has come to point 1; it may exit once for something else on the way. */
static bool run(void)
{
	exited = EXIT_REASON_VMCALL;
	for (unsigned exits = 0;; exits++) {
		uint32_t reason;

		if (!ktap_check("VM entry", L2_ENTRY_OK, vmx_enter(&l2.regs, l2.launched)))
			return false;
		l2.launched = true;
		if (!vmcs_check_written())
			return false;
		reason = vmcs_read(VM_EXIT_REASON);
		if (reason == EXIT_REASON_VMCALL && l2.regs.rax == L2_CALL_TELL) {
			l2_skip();
			return true;
		}
		if (exits || reason == EXIT_REASON_VMCALL) {
			ktap_fail("check=\"unexpected VM exit\" reason=%s number=0x%x rip=0x%lx "
				  "rax=0x%lx",
				  vmcs_exit_reason_name(reason), reason, vmcs_read(GUEST_RIP),
				  l2.regs.rax);
			return false;
		}
		exited = reason;
		if (reason == EXIT_REASON_EXCEPTION_NMI)
			vmcs_write(GUEST_RIP, vmcs_read(GUEST_RIP) + UD2_SIZE);
		else if (reason != EXIT_REASON_TRAP_AFTER_FLUSH) /* RIP is behind it */
			l2_skip();
	}
}

static uint32_t *own(enum evmcs_own at)
{
	return evmcs_u32(vmcs_enlightened(), at);
}

/* ---- a change in each group ----------------------------------------------------------------- */

static void change_io_bitmap(void)
{
	uint8_t *all = page_alloc_named("second I/O bitmap A");

	memset(all, 0xff, PAGE_SIZE);
	vmcs_write(IO_BITMAP_A, page_gpa(all));
}

static void intercept(uint8_t *bitmap)
{
	msr_bitmap_set(bitmap, MSR_IA32_KERNEL_GS_BASE, false, true);
}

static void change_msr_bitmap(void)
{
	uint8_t *second = page_alloc_named("second MSR bitmap");

	memcpy(second, l2.msr_bitmap, PAGE_SIZE);
	intercept(second);
	vmcs_write(MSR_BITMAP, page_gpa(second));
}

static void change_control_grp2(void)
{
	vmcs_write(TSC_OFFSET, NEW_OFFSET);
}

static void change_control_grp1(void)
{
	vmx_control_set(VMX_CPU2_WBINVD_EXITING, true);
}

static void change_control_proc(void)
{
	vmx_control_set(VMX_CPU_RDTSC_EXITING, true);
}

static void change_control_event(void)
{
	vmcs_write(VM_ENTRY_INTR_INFO_FIELD, intr_info(INTR_HARD_EXCEPTION, VECTOR_UD));
}

static void change_control_entry(void)
{
	vmx_control_set(VMX_ENTRY_LOAD_PAT, false);
}

static void change_control_excpn(void)
{
	vmcs_write(EXCEPTION_BITMAP, 1 << VECTOR_UD);
}

static void change_crdr(void)
{
	vmcs_write(CR0_READ_SHADOW, CR0_NE);
}

/* Another EPT, in which L2's data lies elsewhere. */
static void change_control_xlat(void)
{
	const uint64_t gpa = l2_data_gpa(&l2, 0);
	uint64_t *root = ept_new(), *table = root, *data = page_alloc_named("second L2 data");

	memcpy(root, l2.ept, PAGE_SIZE);
	for (unsigned shift = 39; shift > 12; shift -= 9) {
		uint64_t *entry = &table[gpa >> shift & 511], *below = ept_new();

		memcpy(below, (void *)(*entry & EPT_ADDRESS), PAGE_SIZE);
		*entry = page_gpa(below) | EPT_RWX;
		table = below;
	}
	*data = NEW_DATA;
	ept_map(root, gpa, data);
	vmcs_write(EPT_POINTER, ept_pointer(root));
}

static void change_guest_basic(void)
{
	vmcs_write(GUEST_RFLAGS, vmcs_read(GUEST_RFLAGS) | RFLAGS_AC);
}

static void change_guest_grp1(void)
{
	vmcs_write(GUEST_SYSENTER_ESP, NEW_ESP);
}

static void change_guest_grp2(void)
{
	vmcs_write(GUEST_FS_BASE, NEW_BASE);
}

static void change_host_pointer(void)
{
	vmcs_write(HOST_FS_BASE, NEW_BASE);
}

static void change_host_grp1(void)
{
	vmcs_write(HOST_IA32_SYSENTER_ESP, NEW_ESP);
}

/* ---- whether L2 ran by it ------------------------------------------------------------------- */

static uint64_t val(enum evmcs_val which)
{
	return l2.shared->val[which];
}

/* What tells of the change: 0 by the old value, else the same number by the new one. */
static uint64_t seen(enum evmcs_group group)
{
	switch (group) {
	case EVMCS_CONTROL_GRP2:
		return val(EVMCS_VAL_TSC) & NEW_OFFSET;
	case EVMCS_CONTROL_EVENT:
		return val(EVMCS_VAL_TRAPS);
	case EVMCS_CONTROL_ENTRY:
		return val(EVMCS_VAL_PAT) ^ OWN_PAT;
	case EVMCS_CRDR:
		return val(EVMCS_VAL_CR0) & CR0_NE;
	case EVMCS_CONTROL_XLAT:
		return val(EVMCS_VAL_DATA);
	case EVMCS_GUEST_BASIC:
		return val(EVMCS_VAL_RFLAGS) & RFLAGS_AC;
	case EVMCS_GUEST_GRP1:
		return val(EVMCS_VAL_SYSENTER_ESP) ^ 0x4567000; /* l2_create() */
	case EVMCS_GUEST_GRP2:
		return val(EVMCS_VAL_FS_BASE);
	case EVMCS_HOST_POINTER:
		return rdmsr(MSR_IA32_FS_BASE);
	case EVMCS_HOST_GRP1:
		return rdmsr(MSR_IA32_SYSENTER_ESP);
	default: /* L2 exits */
		return exited ^ EXIT_REASON_VMCALL;
	}
}

/* What L2 is to do for it, and what seen() is by the new value. */
static const struct {
	void (*change)(void);
	uint32_t does;
	uint64_t seen;
} groups[EVMCS_GROUPS] = {
	[EVMCS_IO_BITMAP] = {change_io_bitmap, EVMCS_DO_OUT,
			     EXIT_REASON_IO_INSTRUCTION ^ EXIT_REASON_VMCALL},
	[EVMCS_MSR_BITMAP] = {change_msr_bitmap, EVMCS_DO_RDMSR,
			      EXIT_REASON_MSR_READ ^ EXIT_REASON_VMCALL},
	[EVMCS_CONTROL_GRP2] = {change_control_grp2, 0, NEW_OFFSET},
	[EVMCS_CONTROL_GRP1] = {change_control_grp1, EVMCS_DO_WBINVD,
				EXIT_REASON_WBINVD ^ EXIT_REASON_VMCALL},
	[EVMCS_CONTROL_PROC] = {change_control_proc, 0, EXIT_REASON_RDTSC ^ EXIT_REASON_VMCALL},
	[EVMCS_CONTROL_EVENT] = {change_control_event, 0, 1},
	[EVMCS_CONTROL_ENTRY] = {change_control_entry, 0, 0x0007040600070406 ^ OWN_PAT},
	[EVMCS_CONTROL_EXCPN] = {change_control_excpn, EVMCS_DO_UD,
				 EXIT_REASON_EXCEPTION_NMI ^ EXIT_REASON_VMCALL},
	[EVMCS_CRDR] = {change_crdr, 0, CR0_NE},
	[EVMCS_CONTROL_XLAT] = {change_control_xlat, 0, NEW_DATA},
	[EVMCS_GUEST_BASIC] = {change_guest_basic, 0, RFLAGS_AC},
	[EVMCS_GUEST_GRP1] = {change_guest_grp1, 0, NEW_ESP ^ 0x4567000},
	[EVMCS_GUEST_GRP2] = {change_guest_grp2, 0, NEW_BASE},
	[EVMCS_HOST_POINTER] = {change_host_pointer, 0, NEW_BASE},
	[EVMCS_HOST_GRP1] = {change_host_grp1, 0, NEW_ESP},
};

static bool build(void)
{
	static const uint8_t live[] = {GUEST_IA32_PAT, GUEST_SYSENTER_ESP};

	l2_create_plain(&l2, "evmcs");
	l2.io_bitmap[0][EVMCS_PORT / 8] &= ~(1 << EVMCS_PORT % 8);
	vmcs_write(GUEST_IA32_PAT, OWN_PAT);
	for (unsigned i = 0; i < sizeof(live); i++)
		vmcs_let_go(live[i]);
	vmx_control_set(VMX_CPU_TSC_OFFSETTING, true);
	vmcs_write(TSC_OFFSET, 0);
	/* The second entry is the first with clean fields. */
	return run() && run() &&
	       ktap_check("clean fields behind an exit", EVMCS_ALL_CLEAN,
			  *own(EVMCS_CLEAN_FIELDS) & EVMCS_ALL_CLEAN);
}

static void fly(enum evmcs_group group, bool stale)
{
	uint64_t found;

	if (!build())
		return;
	l2.shared->arg[0] = groups[group].does;
	groups[group].change();
	if (stale) { /* what KVM has kept it writes back at the exit */
		*own(EVMCS_CLEAN_FIELDS) |= 1u << group;
		vmcs_forget();
	}
	freeze_point();
	if (!run())
		return;
	found = seen(group);
	if (found || !stale)
		ktap_check("what the changed field does", groups[group].seen, found);
	/* Of the host's state L1 itself keeps what it loaded. */
	if (group == EVMCS_HOST_POINTER)
		wrmsr(MSR_IA32_FS_BASE, 0);
	if (group == EVMCS_HOST_GRP1)
		wrmsr(MSR_IA32_SYSENTER_ESP, 0);
}

#define REST BUG("none known"), FREEZE(port), PROOF("vmxon evmcs !l2")
#define GROUP(id, group, what)                                                                    \
	static void fly_clean_##id(void)                                                          \
	{                                                                                         \
		fly(EVMCS_##group, false);                                                        \
	}                                                                                         \
	static void fly_stale_##id(void)                                                          \
	{                                                                                         \
		fly(EVMCS_##group, true);                                                         \
	}                                                                                         \
	SCENARIO(evmcs_clean_##id, NEEDS(EVMCS, L2_BASE, VMX_CPU_TSC_OFFSETTING),                 \
		 FLY(fly_clean_##id),                                                             \
		 TITLE("L1 has changed " what " and cleared the bit of " #group),                 \
		 PROMISE("TLFS, Enlightened VMCS, clean fields: a group whose bit is clear is "   \
			 "read at VM entry"),                                                     \
		 HOST("snapshot in L1 between the change and VMRESUME"),                          \
		 FAILURE("L2 runs by the old value, or a field changed"), REST);                  \
	SCENARIO(evmcs_stale_##id, NEEDS(EVMCS, L2_BASE, VMX_CPU_TSC_OFFSETTING),                 \
		 FLY(fly_stale_##id),                                                             \
		 TITLE("L1 has changed " what " and left the bit of " #group " set"),             \
		 PROMISE("TLFS, Enlightened VMCS, clean fields: of a group whose bit is set the " \
			 "old or the new values are used"),                                       \
		 HOST("snapshot in L1 between the change and VMRESUME; KVM keeps the old value, " \
		      "and a restore brings the new one"),                                        \
		 FAILURE("L2 runs by neither, or another field changed"), REST)

GROUP(io_bitmap, IO_BITMAP, "the address of I/O bitmap A");
GROUP(msr_bitmap, MSR_BITMAP, "the address of the MSR bitmap");
GROUP(control_grp2, CONTROL_GRP2, "the TSC offset");
GROUP(control_grp1, CONTROL_GRP1, "WBINVD exiting");
GROUP(control_proc, CONTROL_PROC, "RDTSC exiting");
GROUP(control_event, CONTROL_EVENT, "the event to inject");
GROUP(control_entry, CONTROL_ENTRY, "whether VM entry loads IA32_PAT");
GROUP(control_excpn, CONTROL_EXCPN, "the exception bitmap");
GROUP(crdr, CRDR, "the read shadow of CR0");
GROUP(control_xlat, CONTROL_XLAT, "the EPT pointer");
GROUP(guest_basic, GUEST_BASIC, "L2's RFLAGS");
GROUP(guest_grp1, GUEST_GRP1, "L2's IA32_SYSENTER_ESP");
GROUP(guest_grp2, GUEST_GRP2, "L2's FS base");
GROUP(host_pointer, HOST_POINTER, "the FS base that VM exits load");
GROUP(host_grp1, HOST_GRP1, "the IA32_SYSENTER_ESP that VM exits load");

/* ---- the contents of the MSR bitmap --------------------------------------------------------- */

enum { IN_L1, IN_L2 };

/* L1 says when its bitmap has changed, or not. The VM is frozen between change and entry, or in L2.
 */
static void bitmap(bool told, int where)
{
	if (!build())
		return;
	*own(EVMCS_ENLIGHTENMENTS) |= EVMCS_ENLIGHTENED_BITMAP;
	evmcs_dirty(vmcs_enlightened(), EVMCS_ENLIGHTENMENTS_CONTROL);
	if (!run() || !run())
		return;
	l2.shared->arg[0] = EVMCS_DO_RDMSR | (where == IN_L2 ? EVMCS_DO_FREEZE : 0);
	intercept(l2.msr_bitmap);
	if (told)
		evmcs_dirty(vmcs_enlightened(), EVMCS_MSR_BITMAP);
	if (where == IN_L1)
		freeze_point();
	if (!run())
		return;
	if (told || exited != EXIT_REASON_VMCALL)
		ktap_check("L2's RDMSR exits", EXIT_REASON_MSR_READ, exited);
}

static void fly_bitmap_told_l1(void)
{
	bitmap(true, IN_L1);
}

static void fly_bitmap_told_l2(void)
{
	bitmap(true, IN_L2);
}

static void fly_bitmap_untold_l1(void)
{
	bitmap(false, IN_L1);
}

static void fly_bitmap_untold_l2(void)
{
	bitmap(false, IN_L2);
}

#define BITMAP(id, fn, title, host, proof)                                                        \
	SCENARIO(evmcs_bitmap_##id, NEEDS(EVMCS, L2_BASE, VMX_CPU_TSC_OFFSETTING), FLY(fn),       \
		 TITLE(title),                                                                    \
		 PROMISE("TLFS, Enlightened MSR Bitmap: L0 need read the bitmap again only when " \
			 "its clean bit is clear"),                                               \
		 HOST(host),                                                                      \
		 BUG("2026, KVM: nVMX: the MSR bitmap refreshed with an enlightened VMCS"),       \
		 FAILURE("an access passes that L1 wants to see"), FREEZE(port), PROOF(proof))
BITMAP(told_l1, fly_bitmap_told_l1, "the enlightened MSR bitmap was changed, and L1 has said so",
       "snapshot in L1 between the change and VMRESUME", "vmxon evmcs !l2");
BITMAP(told_l2, fly_bitmap_told_l2, "L2 runs by an enlightened MSR bitmap that was just changed",
       "snapshot in L2", "l2 runnable evmcs");
BITMAP(untold_l1, fly_bitmap_untold_l1,
       "the enlightened MSR bitmap was changed, and L1 has not said so",
       "snapshot in L1 between the change and VMRESUME: old or new is right", "vmxon evmcs !l2");
BITMAP(untold_l2, fly_bitmap_untold_l2,
       "L2 runs by an enlightened MSR bitmap whose change L1 has not told",
       "snapshot in L2: old or new is right", "l2 runnable evmcs");
