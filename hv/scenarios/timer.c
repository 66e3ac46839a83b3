/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VMX-preemption timer at a snapshot. All is measured by the TSC, which stands still between
 * save and restore; told of below.
 */
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/page.h"

#define LONG	   (1u << 30)	/* in the timer's units: does not fire here */
#define LATE_TICKS (1ull << 23) /* L2 gets no further than that behind the moment */

/*
 * The TSC of a VM that is so old is far from that of a new one, by which the timer must not go; L2
 * would see less than LATE_TICKS of it.
 */
#define OLD (2 * LATE_TICKS)

static struct l2 l2;

/* An L2 at point 1 with the timer at @ticks of the TSC from its next entry on; its value is saved.
 */
static bool start(const char *half, uint64_t ticks)
{
	l2_create(&l2, half);
	if (!l2_tells(&l2, 1))
		return false;
	vmx_control_set(VMX_EXIT_SAVE_PREEMPTION_TIMER, true);
	vmx_control_set(VMX_PIN_PREEMPTION_TIMER, true);
	vmcs_write(VMX_PREEMPTION_TIMER_VALUE, ticks >> vmx_preemption_timer_shift());
	return true;
}

/* What the timer counted lies between the ticks that L2 and L1 saw pass; rounded to its units. */
static void check_used(uint64_t used, uint64_t at_least, uint64_t at_most)
{
	unsigned shift = vmx_preemption_timer_shift();

	if (used + 1 < at_least >> shift || used > (at_most >> shift) + 1)
		ktap_fail("check=\"ticks that the timer counted\" found=%ld at_least=%lu "
			  "at_most=%lu",
			  (long)(used << shift), at_least, at_most);
}

static void fly_value(bool saved)
{
	uint64_t begin, end, value;

	if (!start("timed", 0))
		return;
	vmcs_write(VMX_PREEMPTION_TIMER_VALUE, LONG);
	vmx_control_set(VMX_EXIT_SAVE_PREEMPTION_TIMER, saved);
	begin = rdtsc();
	if (!l2_tells(&l2, 2))
		return;
	end = rdtsc();
	value = vmcs_read(VMX_PREEMPTION_TIMER_VALUE);
	if (!saved)
		ktap_check("timer value that is not saved", LONG, value);
	else if (ktap_check("L2 TSC goes forward", 1, l2.shared->val[0] < l2.shared->val[1]))
		check_used(LONG - value, l2.shared->val[1] - l2.shared->val[0], end - begin);
}

static void fly_saved(void)
{
	fly_value(true);
}

static void fly_unsaved(void)
{
	fly_value(false);
}

/* The timer fires, not before @due, and once. L2 goes on to @point with a long one. */
static void fires(uint64_t due, uint64_t point)
{
	if (!l2_exits(&l2, EXIT_REASON_PREEMPTION_TIMER))
		return;
	if (rdtsc() < due)
		ktap_fail("check=\"timer fired too early\" ticks=%lu", due - rdtsc());
	ktap_check("timer value", 0, vmcs_read(VMX_PREEMPTION_TIMER_VALUE));
	vmcs_write(VMX_PREEMPTION_TIMER_VALUE, LONG);
	l2.shared->arg[0] = 0;
	l2_tells(&l2, point);
}

static void fly_due(uint64_t ticks)
{
	uint64_t due;

	expect_quiet(hop_current(), OLD);
	while (rdtsc() < OLD)
		cpu_relax();
	if (!start("timed", ticks))
		return;
	due = rdtsc() + ticks;
	l2.shared->arg[0] = due + LATE_TICKS;
	fires(due, 2);
}

static void fly_fires(void)
{
	fly_due(1 << 22);
}

static void fly_short(void)
{
	fly_due(1 << 16);
}

/* Fires behind the VM entry, before L2's first instruction. */
static void fly_zero(void)
{
	uint64_t rip;

	if (!start("window", 0))
		return;
	rip = vmcs_read(GUEST_RIP);
	expect_page(page_gpa(l2.vapic));
	freeze_point();
	if (!l2_exits(&l2, EXIT_REASON_PREEMPTION_TIMER))
		return;
	ktap_check("L2's RIP", rip, vmcs_read(GUEST_RIP));
	vmcs_write(VMX_PREEMPTION_TIMER_VALUE, LONG);
	l2_tells(&l2, 2);
}

/* L2 sleeps behind point 2. */
static void fly_halted(void)
{
	uint64_t due = 1ull << 27;

	if (!start("timed", (uint64_t)LONG << vmx_preemption_timer_shift()) || !l2_tells(&l2, 2))
		return;
	expect_quiet(hop_current(), due + LATE_TICKS); /* it may be late, by the age of this VM */
	vmcs_write(VMX_PREEMPTION_TIMER_VALUE, due >> vmx_preemption_timer_shift());
	due += rdtsc();
	if (!l2_exits(&l2, EXIT_REASON_PREEMPTION_TIMER))
		return;
	if (rdtsc() < due)
		ktap_fail("check=\"timer fired too early\" ticks=%lu", due - rdtsc());
	ktap_check("activity state", 1, vmcs_read(GUEST_ACTIVITY_STATE));
}

static void fly_in_l1(void)
{
	uint64_t value, begin;

	if (!start("window", (uint64_t)LONG << vmx_preemption_timer_shift()) || !l2_tells(&l2, 2))
		return;
	value = vmcs_read(VMX_PREEMPTION_TIMER_VALUE);
	begin = rdtsc();
	freeze_point();
	while (rdtsc() - begin < 1 << 22)
		cpu_relax();
	if (!ktap_check("timer value in L1", value, vmcs_read(VMX_PREEMPTION_TIMER_VALUE)))
		return;
	begin = rdtsc();
	if (l2_tells(&l2, 3))
		check_used(value - vmcs_read(VMX_PREEMPTION_TIMER_VALUE), 0, rdtsc() - begin);
}

#define COUNTS	  "SDM, VMX-Preemption Timer: it counts TSC ticks in VMX non-root operation"
#define RUNNING	  HOST("snapshot of L2 while the timer counts")
#define MIGRATION BUG("Linux 5.8, KVM: nVMX: Fix VMX preemption timer migration")

SCENARIO(timer_saved, NEEDS(L2_APICV, VMX_PIN_PREEMPTION_TIMER, VMX_EXIT_SAVE_PREEMPTION_TIMER),
	 FLY(fly_saved), TITLE("VMX-preemption timer counts, its value is saved on VM exit"),
	 PROMISE(COUNTS ", and the exit saves what is left"), RUNNING, MIGRATION,
	 FAILURE("the value saved does not agree with the TSC"), FREEZE(port),
	 PROOF("l2 preemption-timer"));
SCENARIO(timer_unsaved, NEEDS(L2_APICV, VMX_PIN_PREEMPTION_TIMER, VMX_EXIT_SAVE_PREEMPTION_TIMER),
	 FLY(fly_unsaved), TITLE("VMX-preemption timer counts, its value is not saved on VM exit"),
	 PROMISE(COUNTS "; without the control the field stays"), RUNNING, MIGRATION,
	 FAILURE("the field changes"), FREEZE(port),
	 PROOF("l2 preemption-timer VMX_PREEMPTION_TIMER_VALUE=0x40000000"));
SCENARIO(timer_fires, NEEDS(L2_APICV, VMX_PIN_PREEMPTION_TIMER, VMX_EXIT_SAVE_PREEMPTION_TIMER),
	 FLY(fly_fires), TITLE("VMX-preemption timer fires behind the restore"),
	 PROMISE(COUNTS " and causes a VM exit at 0"), RUNNING, MIGRATION,
	 FAILURE("too early, too late or never, or twice"), FREEZE(port),
	 PROOF("l2 preemption-timer"));
SCENARIO(timer_short, NEEDS(L2_APICV, VMX_PIN_PREEMPTION_TIMER, VMX_EXIT_SAVE_PREEMPTION_TIMER),
	 FLY(fly_short), TITLE("the VMX-preemption timer runs out while L2 is frozen"),
	 PROMISE(COUNTS " and causes a VM exit at 0"),
	 HOST("snapshot of L2 when the timer is due, but KVM was not in L2 to see it"),
	 BUG("nested.preemption_timer_expired is part of no ioctl"), FAILURE("it never fires"),
	 FREEZE(port), PROOF("l2 preemption-timer VMX_PREEMPTION_TIMER_VALUE=0"));
SCENARIO(timer_zero, NEEDS(L2_APICV, VMX_PIN_PREEMPTION_TIMER, VMX_EXIT_SAVE_PREEMPTION_TIMER),
	 FLY(fly_zero), TITLE("VMX-preemption timer at 0 at VM entry"),
	 PROMISE(COUNTS " and causes a VM exit at 0, before L2's first instruction"),
	 HOST("snapshot while KVM waits inside VMRESUME for the virtual-APIC page"),
	 BUG("nested.preemption_timer_expired is part of no ioctl"), FAILURE("it never fires"),
	 FREEZE(page), PROOF("l2 run-pending VMX_PREEMPTION_TIMER_VALUE=0"));
SCENARIO(timer_halted, NEEDS(L2_APICV, VMX_PIN_PREEMPTION_TIMER, VMX_EXIT_SAVE_PREEMPTION_TIMER),
	 FLY(fly_halted), TITLE("VMX-preemption timer ends L2's sleep"),
	 PROMISE(COUNTS ", in activity state HLT too"), HOST("snapshot of the sleeping L2"),
	 MIGRATION, FAILURE("L2 sleeps on"), FREEZE(blocked), PROOF("l2 halted preemption-timer"));
SCENARIO(timer_in_l1, NEEDS(L2_APICV, VMX_PIN_PREEMPTION_TIMER, VMX_EXIT_SAVE_PREEMPTION_TIMER),
	 FLY(fly_in_l1), TITLE("VMX-preemption timer stands still in L1"), PROMISE(COUNTS " only"),
	 HOST("snapshot in L1, between two entries of L2"), MIGRATION, FAILURE("L1's time counts"),
	 FREEZE(port), PROOF("vmcs12 !l2 !preemption-timer"));
