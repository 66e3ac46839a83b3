/* SPDX-License-Identifier: BSD-2-Clause */
/* What the MSR bitmap lets pass and what not, before and behind a snapshot; all told of below. */
#include "hv/scenario.h"
#include "hv/steps.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/page.h"

#define VALUE	 0x123456789000ull
#define EMULATED 0x7654321ff000ull

static struct l2 l2;

static void intercept(uint32_t msr, bool write, bool on)
{
	msr_bitmap_set(l2.msr_bitmap, msr, write, on);
}

/* L2 must exit for reading or writing @msr; L1 then acts for it. False after a `fail` event. */
static bool exits_for(uint32_t msr, bool write)
{
	if (!l2_exits(&l2, write ? EXIT_REASON_MSR_WRITE : EXIT_REASON_MSR_READ) ||
	    !(ktap_check("RCX at the exit", msr, l2.regs.rcx) &
	      ktap_check("EXIT_QUALIFICATION", 0, vmcs_read(EXIT_QUALIFICATION)) &
	      ktap_check("VM_EXIT_INSTRUCTION_LEN", 2, vmcs_read(VM_EXIT_INSTRUCTION_LEN))))
		return false;
	l2_skip();
	if (write)
		return ktap_check("RDX:RAX at the exit", VALUE,
				  l2.regs.rdx << 32 | (uint32_t)l2.regs.rax);
	l2.regs.rax = (uint32_t)EMULATED;
	l2.regs.rdx = EMULATED >> 32;
	return true;
}

/* The other direction, which passes, comes first: the VM entry behind an exit may mend the maps. */
static void fly_bit(uint32_t msr, bool write)
{
	l2_create_plain(&l2, "steps");
	vmcs_let_go(GUEST_SYSENTER_ESP);
	intercept(msr, write, true);
	if (write)
		L2_STEPS(&l2, STEP(FREEZE, 0), STEP(RDMSR, msr), STEP(WRMSR, msr), VALUE);
	else
		L2_STEPS(&l2, STEP(FREEZE, 0), STEP(WRMSR, msr), VALUE, STEP(RDMSR, msr));
	if (!exits_for(msr, write) || !l2_tells(&l2, 1))
		return;
	if (!write)
		ktap_check("value that L2 read", EMULATED, l2.shared->val[3]);
	intercept(msr, write, false);
	L2_STEPS(&l2, STEP(WRMSR, msr), VALUE, STEP(RDMSR, msr));
	if (l2_tells(&l2, 1))
		ktap_check("value that L2 read", VALUE, l2.shared->val[2]);
}

static void fly_read_low(void)
{
	fly_bit(MSR_IA32_SYSENTER_ESP, false);
}

static void fly_write_low(void)
{
	fly_bit(MSR_IA32_SYSENTER_ESP, true);
}

static void fly_read_high(void)
{
	fly_bit(MSR_IA32_KERNEL_GS_BASE, false);
}

static void fly_write_high(void)
{
	fly_bit(MSR_IA32_KERNEL_GS_BASE, true);
}

#define BITMAP_REST                                                                               \
	BUG("none known; KVM merges L1's map with its own at VM entry and when it restores, and " \
	    "looks at L1's again at exits"),                                                      \
		FAILURE("an access passes that L1 wants to see, or exits that L1 lets pass")
#define BITMAP_BIT(id, fn, text)                                                             \
	SCENARIO(id, NEEDS(L2_BASE), FLY(fn), TITLE("the MSR bitmap intercepts L2's " text), \
		 PROMISE("SDM, MSR-Bitmap Address: an access exits if its bit is 1"),        \
		 HOST("snapshot in L2; then the direction that passes, then the other"),     \
		 BITMAP_REST, FREEZE(port),                                                  \
		 PROOF("l2 runnable CPU_BASED_VM_EXEC_CONTROL&0x10000000"))
BITMAP_BIT(msr_bitmap_read_low, fly_read_low, "reads of a low MSR");
BITMAP_BIT(msr_bitmap_write_low, fly_write_low, "writes to a low MSR");
BITMAP_BIT(msr_bitmap_read_high, fly_read_high, "reads of a high MSR");
BITMAP_BIT(msr_bitmap_write_high, fly_write_high, "writes to a high MSR");

/* L1 changes two bits in the page, and no VMCS field, before L2 runs on. */
static void fly_changed(bool freeze_in_l1)
{
	l2_create_plain(&l2, "steps");
	intercept(MSR_IA32_GS_BASE, false, true);
	if (freeze_in_l1)
		L2_STEPS(&l2, STEP(RDMSR, MSR_IA32_KERNEL_GS_BASE));
	else
		L2_STEPS(&l2, STEP(FREEZE, 0), STEP(RDMSR, MSR_IA32_KERNEL_GS_BASE));
	if (!l2_tells(&l2, 1))
		return;
	intercept(MSR_IA32_KERNEL_GS_BASE, false, true);
	intercept(MSR_IA32_GS_BASE, false, false);
	L2_STEPS(&l2, STEP(RDMSR, MSR_IA32_GS_BASE), STEP(RDMSR, MSR_IA32_KERNEL_GS_BASE));
	if (freeze_in_l1)
		freeze_point();
	if (exits_for(MSR_IA32_KERNEL_GS_BASE, false) && l2_tells(&l2, 1))
		ktap_check("value that L2 read", EMULATED, l2.shared->val[1]);
}

static void fly_changed_l1(void)
{
	fly_changed(true);
}

static void fly_changed_l2(void)
{
	fly_changed(false);
}

#define BITMAP_CHANGED                                                                             \
	PROMISE("SDM, MSR-Bitmap Address and VMCS Format: the bitmap is memory; L1 may change it " \
		"between two VM entries without VMWRITE")

SCENARIO(msr_bitmap_changed, NEEDS(L2_BASE), FLY(fly_changed_l1),
	 TITLE("L1 changes the MSR bitmap, is frozen, and enters L2 again"), BITMAP_CHANGED,
	 HOST("snapshot in L1 between the change and VMRESUME"), BITMAP_REST, FREEZE(port),
	 PROOF("vmcs12 !l2"));
SCENARIO(msr_bitmap_changed_late, NEEDS(L2_BASE), FLY(fly_changed_l2),
	 TITLE("L1 changes the MSR bitmap at the first VM exit behind a restore"), BITMAP_CHANGED,
	 HOST("snapshot in L2 with the old bitmap"), BITMAP_REST, FREEZE(port),
	 PROOF("l2 runnable"));

static void fly_page(void)
{
	l2_create_plain(&l2, "steps");
	intercept(MSR_IA32_KERNEL_GS_BASE, false, true);
	L2_STEPS(&l2, STEP(WRMSR, MSR_IA32_KERNEL_GS_BASE), VALUE,
		 STEP(RDMSR, MSR_IA32_KERNEL_GS_BASE));
	expect_page(page_gpa(l2.msr_bitmap));
	freeze_point();
	if (exits_for(MSR_IA32_KERNEL_GS_BASE, false))
		l2_tells(&l2, 1);
}

SCENARIO(msr_bitmap_page, NEEDS(L2_BASE), FLY(fly_page),
	 TITLE("the MSR bitmap's page comes late, during VMLAUNCH"),
	 PROMISE("SDM, VM Entries: VM entry is one step; MSR-Bitmap Address"),
	 HOST("snapshot while KVM waits inside VMLAUNCH for the MSR bitmap"), BITMAP_REST,
	 FREEZE(page), PROOF("l2 run-pending"));

static void fly_off(void)
{
	l2_create_plain(&l2, "steps");
	vmx_control_set(VMX_CPU_MSR_BITMAPS, false);
	L2_STEPS(&l2, STEP(FREEZE, 0), STEP(WRMSR, MSR_IA32_KERNEL_GS_BASE), VALUE,
		 STEP(RDMSR, MSR_IA32_KERNEL_GS_BASE), STEP(RDMSR, MSR_IA32_TSC));
	if (exits_for(MSR_IA32_KERNEL_GS_BASE, true) && exits_for(MSR_IA32_KERNEL_GS_BASE, false) &&
	    exits_for(MSR_IA32_TSC, false) && l2_tells(&l2, 1))
		ktap_check("value that L2 read", EMULATED, l2.shared->val[3]);
}

SCENARIO(msr_bitmap_off, NEEDS(L2_BASE), FLY(fly_off),
	 TITLE("without an MSR bitmap every access of L2 exits"),
	 PROMISE("SDM, Instructions That Cause VM Exits Conditionally: RDMSR and WRMSR exit if the "
		 "control use MSR bitmaps is 0"),
	 HOST("snapshot in L2, right before WRMSR and RDMSR"), BITMAP_REST, FREEZE(port),
	 PROOF("l2 runnable !CPU_BASED_VM_EXEC_CONTROL&0x10000000"));
