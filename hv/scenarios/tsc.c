/* SPDX-License-Identifier: BSD-2-Clause */
/* L2's time stamp counter and L1's own deadline around a snapshot; all told of below. */
#include "hv/scenario.h"
#include "l2guest/exits.h"
#include "l2guest/steps.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/x2apic.h"

static struct l2 l2;

/* ---- what L2 reads -------------------------------------------------------------------------- */

#define OFFSET	       0x123456789abc0000ull
#define MULTIPLIER_ONE (1ull << 48)
#define MULTIPLIER     (MULTIPLIER_ONE + (MULTIPLIER_ONE >> 1))

/* SDM, "TSC Multiplier" in "VM-Execution Control Fields": 128 bits, shifted right by 48. */
static uint64_t l2_tsc(uint64_t l1_tsc, uint64_t multiplier)
{
	return (uint64_t)((unsigned __int128)l1_tsc * multiplier >> 48) + OFFSET;
}

static bool read_between(uint64_t multiplier, uint64_t before)
{
	uint64_t found =
		l2.shared->val[EXITS_GOT_RDX] << 32 | (uint32_t)l2.shared->val[EXITS_GOT_RAX];
	uint64_t after = rdtsc();
	uint64_t lowest = l2_tsc(before, multiplier), highest = l2_tsc(after, multiplier);

	if (found < lowest)
		ktap_fail("check=\"L2 TSC goes forward\" lowest=0x%lx found=0x%lx l1=0x%lx", lowest,
			  found, after);
	if (found > highest)
		ktap_fail("check=\"L2's TSC is not ahead\" highest=0x%lx found=0x%lx l1=0x%lx",
			  highest, found, after);
	return lowest <= found && found <= highest;
}

static void fly_tsc(bool scaling)
{
	uint64_t before = rdtsc(), multiplier = scaling ? MULTIPLIER : MULTIPLIER_ONE;

	l2_create_plain(&l2, "exits");
	l2.shared->arg[EXITS_WHICH] = INSN_BIT(RDTSC);
	vmx_control_set(VMX_CPU_TSC_OFFSETTING, true);
	vmcs_write(TSC_OFFSET, OFFSET);
	if (scaling) {
		vmx_control_set(VMX_CPU2_TSC_SCALING, true);
		vmcs_write(TSC_MULTIPLIER, MULTIPLIER);
	}
	/* Once without a snapshot, once right behind it. */
	for (unsigned i = 0; i < 2; i++, before = rdtsc()) {
		l2.shared->arg[EXITS_FREEZE] = i;
		if (!l2_tells(&l2, 1) || !read_between(multiplier, before))
			return;
	}
}

static void fly_offset(void)
{
	fly_tsc(false);
}

static void fly_scaling(void)
{
	fly_tsc(true);
}

#define TSC_REST                                                                                 \
	HOST("snapshot in L2 right before RDTSC"),                                               \
		BUG("tsc-synced-to-startup; KVM keeps L1's offset and L2's apart and userspace " \
		    "sets only L1's TSC"),                                                       \
		FAILURE("L2 reads a TSC that L1's own before and behind does not bound"),        \
		FREEZE(port)

SCENARIO(tsc_offset, NEEDS(L2_BASE, VMX_CPU_TSC_OFFSETTING), FLY(fly_offset),
	 TITLE("L2's TSC stays L1's plus the offset"),
	 PROMISE("SDM, Changes to Instruction Behavior in VMX Non-Root Operation: RDTSC returns "
		 "the TSC plus the TSC offset"),
	 TSC_REST,
	 PROOF("l2 runnable CPU_BASED_VM_EXEC_CONTROL&0x8 TSC_OFFSET=0x123456789abc0000"));
SCENARIO(tsc_scaling, NEEDS(L2_BASE, VMX_CPU_TSC_OFFSETTING, VMX_CPU2_TSC_SCALING),
	 FLY(fly_scaling), TITLE("L2's TSC stays one and a half times L1's plus the offset"),
	 PROMISE("SDM, Changes to Instruction Behavior in VMX Non-Root Operation: RDTSC returns "
		 "the TSC times the multiplier, shifted, plus the offset"),
	 TSC_REST,
	 PROOF("l2 runnable SECONDARY_VM_EXEC_CONTROL&0x2000000 TSC_MULTIPLIER=0x1800000000000"));

/* ---- L1's deadline -------------------------------------------------------------------------- */

#define VECTOR	 0x61
#define DEADLINE 40000000 /* ticks; the snapshot must be taken before */

static bool has_deadline(char *why, size_t size)
{
	return vmx_cpuid_has(1, 0, CPUID_ECX, 24, "TSC-deadline timer", why, size);
}

static void fly_deadline(bool freeze_in_l1)
{
	uint64_t deadline, now;

	l2_create_plain(&l2, "steps");
	l2.shared->arg[0] = freeze_in_l1 ? STEP(WAIT, 1) : STEP(FREEZE, 0);
	l2.shared->arg[1] = STEP(WAIT, 1);
	expect_quiet(hop_current(), DEADLINE);
	apic_timer_arm(VECTOR, DEADLINE);
	deadline = rdmsr(MSR_IA32_TSC_DEADLINE);
	if (freeze_in_l1)
		freeze_point();
	if (!l2_exits(&l2, EXIT_REASON_EXTERNAL_INTERRUPT))
		return;
	now = rdtsc();
	if (now < deadline)
		ktap_fail("check=\"the interrupt came early\" deadline=0x%lx found=0x%lx", deadline,
			  now);
	ktap_check("VM_EXIT_INTR_INFO", intr_info(INTR_EXTERNAL, VECTOR),
		   vmcs_read(VM_EXIT_INTR_INFO));
	ktap_check("IA32_TSC_DEADLINE behind the interrupt", 0, rdmsr(MSR_IA32_TSC_DEADLINE));
	ktap_check("vector in service", 1, apic_isr(VECTOR));
	wrmsr(MSR_X2APIC_EOI, 0);
	ktap_check("vector requested again", 0, apic_irr(VECTOR));
	/* As if L2 had taken one: it goes on, and no second exit comes before. */
	l2.shared->irqs = 1;
	l2_tells(&l2, 1);
}

static void fly_deadline_l1(void)
{
	fly_deadline(true);
}

static void fly_deadline_l2(void)
{
	fly_deadline(false);
}

/* ---- L1's APIC timer, periodic -------------------------------------------------------------- */

#define TICK	  0x35
#define PERIOD	  1000000   /* of KVM's APIC timer, which counts nanoseconds */
#define TICK_WAIT 500000000 /* TSC ticks in which one must come */

/* The next one is requested, and taken. Interrupts are off, and TPR keeps it from ending L2. */
static bool ticks(void)
{
	const uint64_t until = rdtsc() + TICK_WAIT;

	while (!apic_irr(TICK) && rdtsc() < until)
		;
	if (!ktap_check("a tick of the periodic timer", 1, apic_irr(TICK)))
		return false;
	wrmsr(MSR_X2APIC_TPR, 0);
	apic_drain();
	wrmsr(MSR_X2APIC_TPR, 0xf0);
	return true;
}

static void fly_periodic(void)
{
	l2_create_plain(&l2, "port");
	wrmsr(MSR_X2APIC_TPR, 0xf0);
	apic_timer_periodic(TICK, PERIOD);
	expect_quiet(hop_current(), 3 * (uint64_t)TICK_WAIT);
	if (ticks() && l2_tells(&l2, 1) && l2_tells(&l2, 2) && ticks() && ticks())
		ktap_check("vector in service", 0, apic_isr(TICK));
	apic_timer_periodic(0, 0);
	wrmsr(MSR_X2APIC_TPR, 0);
	apic_drain();
}

SCENARIO(timer_periodic, NEEDS(L2_BASE), FLY(fly_periodic),
	 TITLE("L1's APIC timer is periodic while L2 runs and the VM is stopped"),
	 PROMISE("SDM, APIC Timer: in periodic mode it starts again by itself"),
	 HOST("snapshot of L2; with --save-wait it takes so long that thousands of periods pass"),
	 BUG("KVM: x86: Fix VM hard lockup after prolonged inactivity with periodic HV timer"),
	 FAILURE("no tick any more, or L0 locks up as it makes up for those that passed"),
	 FREEZE(port), PROOF("l2 runnable"));

#define DEADLINE_PROMISE                                                                         \
	PROMISE("SDM, TSC-Deadline Mode: one interrupt, once the TSC has come to the deadline; " \
		"it causes a VM exit of L2")
#define DEADLINE_REST                                                                             \
	BUG("kata-containers 13798, firecracker 4666: local APIC and MSRs restored in the wrong " \
	    "order lose an armed deadline"),                                                      \
		FAILURE("no interrupt (L2 waits for ever), an early one, or two"), FREEZE(port)

SCENARIO(tsc_deadline_l2, NEEDS(L2_BASE), FLY(fly_deadline_l2, .possible = has_deadline),
	 TITLE("L1's TSC deadline is armed while L2 runs"), DEADLINE_PROMISE,
	 HOST("snapshot in L2, before the deadline"), DEADLINE_REST,
	 PROOF("l2 runnable !msr:0x6e0=0 !irr:0x61"));
SCENARIO(tsc_deadline_l1, NEEDS(L2_BASE), FLY(fly_deadline_l1, .possible = has_deadline),
	 TITLE("L1's TSC deadline is armed while L1 runs, and L2 runs when it comes"),
	 DEADLINE_PROMISE, HOST("snapshot in L1 right before VMLAUNCH, before the deadline"),
	 DEADLINE_REST, PROOF("vmcs12 !l2 !msr:0x6e0=0 !irr:0x61"));
