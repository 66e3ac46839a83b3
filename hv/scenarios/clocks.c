/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1's clocks: those of an enlightened one, which are reference TSC page,
 * HV_X64_MSR_TIME_REF_COUNT, and the reenlightenment that tells of another TSC; and kvmclock, which
 * a Linux reads. Told of below.
 */
#include "hv/enlightened.h"
#include "hv/page_names.h"
#include "hv/scenario.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/print.h"

#define ENABLE		1ull
#define LEAF_FEATURES	0x40000003
#define REENLIGHTENMENT (1ull << 16 | 0x77) /* enabled; vector */

static struct l2 l2;

/* TLFS, "Partition Reference TSC Mechanism". */
static volatile struct reference_tsc {
	uint32_t sequence, reserved; /* sequence 0: the MSR must be read */
	uint64_t scale;
	int64_t offset;
} * page;

static const struct {
	uint32_t msr;
	uint64_t val;
	const char *check;
} kept[] = {
	{MSR_HV_X64_MSR_REENLIGHTENMENT_CONTROL, REENLIGHTENMENT,
	 "HV_X64_MSR_REENLIGHTENMENT_CONTROL"},
	{MSR_HV_X64_MSR_TSC_EMULATION_CONTROL, 1, "HV_X64_MSR_TSC_EMULATION_CONTROL"},
	{MSR_HV_X64_MSR_TSC_EMULATION_STATUS, 0, "HV_X64_MSR_TSC_EMULATION_STATUS"},
};

static bool possible(char *why, size_t size)
{
	static const struct {
		uint8_t bit;
		const char *what;
	} bits[] = {{1, "reference counter"}, {9, "reference TSC page"}, {13, "reenlightenment"}};
	const uint32_t eax = cpuid(LEAF_FEATURES, 0).eax;

	for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		if (eax >> bits[i].bit & 1)
			continue;
		format(why, size, "no %s: CPUID.%xH:EAX[%u]=0 (0x%x)", bits[i].what, LEAF_FEATURES,
		       bits[i].bit, eax);
		return false;
	}
	return true;
}

static uint64_t by_msr(void)
{
	return rdmsr(MSR_HV_X64_MSR_TIME_REF_COUNT);
}

/* By the page; false: it says that the MSR is to be read. */
static bool by_page(uint64_t *time)
{
	uint32_t sequence;

	do {
		sequence = page->sequence;
		*time = (uint64_t)((unsigned __int128)rdtsc() * page->scale >> 64) + page->offset;
	} while (sequence != page->sequence);
	return sequence != 0;
}

/* All that L1 can read is not before *@last, and the page agrees with the MSR. */
static void check_time(uint64_t *last)
{
	uint64_t before = by_msr(), between, after;
	const bool valid = by_page(&between);

	after = by_msr();
	if (before < *last || after < before)
		ktap_fail("check=\"reference time goes forward\" last=%lu found=%lu after=%lu",
			  *last, before, after);
	if (valid && (between < before || between > after))
		ktap_fail("check=\"reference TSC page agrees with the MSR\" before=%lu found=%lu "
			  "after=%lu",
			  before, between, after);
	*last = after;
}

static void fly(bool in_l2)
{
	uint64_t last = 0;

	page = page_alloc_named("reference TSC page");
	for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		wrmsr(kept[i].msr, kept[i].val);
	wrmsr(MSR_HV_X64_MSR_REFERENCE_TSC, page_gpa((void *)page) | ENABLE);
	l2_create_plain(&l2, in_l2 ? "port" : "tell");
	if (!l2_tells(&l2, 1))
		return;
	check_time(&last);
	if (!in_l2)
		freeze_point();
	check_time(&last);
	if (!l2_tells(&l2, in_l2 ? 2 : 1))
		return;
	check_time(&last);
	ktap_check("HV_X64_MSR_REFERENCE_TSC", page_gpa((void *)page) | ENABLE,
		   rdmsr(MSR_HV_X64_MSR_REFERENCE_TSC));
	for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		ktap_check(kept[i].check, kept[i].val, rdmsr(kept[i].msr));
	wrmsr(MSR_HV_X64_MSR_REFERENCE_TSC, 0);
	wrmsr(MSR_HV_X64_MSR_REENLIGHTENMENT_CONTROL, 0);
	wrmsr(MSR_HV_X64_MSR_TSC_EMULATION_CONTROL, 0);
}

static void fly_l1(void)
{
	fly(false);
}

static void fly_l2(void)
{
	fly(true);
}

#define ABOUT                                                                                     \
	PROMISE("TLFS, Partition Reference Time Enlightenment: the counter never goes back, and " \
		"the page gives the same"),                                                       \
		BUG("Cloud Hypervisor issue 7930: clocks of a Windows VM behind a restore"),      \
		FAILURE("the time goes back, page and MSR disagree, or a synthetic MSR is lost"), \
		FREEZE(port)

SCENARIO(hv_clocks_l1, NEEDS(EVMCS, L2_BASE), FLY(fly_l1, .possible = possible),
	 TITLE("an enlightened L1 reads its clocks"), HOST("snapshot in L1"), ABOUT,
	 PROOF("vmxon evmcs !l2"));
SCENARIO(hv_clocks_l2, NEEDS(EVMCS, L2_BASE), FLY(fly_l2, .possible = possible),
	 TITLE("L2 runs, and the enlightened L1 reads its clocks behind it"),
	 HOST("snapshot in L2"), ABOUT, PROOF("l2 runnable evmcs"));

/* ---- kvmclock ------------------------------------------------------------------------------- */

#define LEAF_KVM     0x40000000 /* or 0x100 above, where a Hyper-V lies in front */
#define KVM_KVM	     0x4b4d564b /* "KVMK" */
#define CLOCKSOURCE2 (1u << 3)	/* MSR_KVM_SYSTEM_TIME_NEW */

/* Linux, Documentation/virt/kvm/x86/msr.rst: struct pvclock_vcpu_time_info. */
static volatile struct kvmclock {
	uint32_t version, reserved; /* odd while KVM writes it */
	uint64_t tsc, time;	    /* in ns, at that TSC */
	uint32_t mul;
	int8_t shift;
	uint8_t flags, reserved2[2];
} * kvmclock;

static bool kvmclock_possible(char *why, size_t size)
{
	uint32_t leaf = LEAF_KVM;

	if (cpuid(leaf, 0).ebx != KVM_KVM)
		leaf += 0x100;
	if (cpuid(leaf, 0).ebx == KVM_KVM && (cpuid(leaf + 1, 0).eax & CLOCKSOURCE2))
		return true;
	format(why, size, "no kvmclock: CPUID.%xH is not KVM's or has EAX[3]=0", leaf + 1);
	return false;
}

static uint64_t kvmclock_ns(void)
{
	uint64_t ns, delta;
	uint32_t version;

	do {
		version = kvmclock->version;
		delta = rdtsc() - kvmclock->tsc;
		delta = kvmclock->shift < 0 ? delta >> -kvmclock->shift : delta << kvmclock->shift;
		ns = kvmclock->time + (uint64_t)((unsigned __int128)delta * kvmclock->mul >> 32);
	} while ((version & 1) || version != kvmclock->version);
	return ns;
}

static void kvmclock_check(uint64_t *last)
{
	const uint64_t now = kvmclock_ns();

	if (now < *last)
		ktap_fail("check=\"kvmclock goes forward\" last=%lu found=%lu", *last, now);
	*last = now;
}

static void fly_kvmclock(void)
{
	uint64_t last = 0;

	kvmclock = page_alloc_named("kvmclock");
	wrmsr(MSR_KVM_SYSTEM_TIME_NEW, page_gpa((void *)kvmclock) | ENABLE);
	l2_create_plain(&l2, "port");
	if (!l2_tells(&l2, 1))
		return;
	kvmclock_check(&last);
	if (!l2_tells(&l2, 2))
		return;
	kvmclock_check(&last);
	ktap_check("MSR_KVM_SYSTEM_TIME_NEW", page_gpa((void *)kvmclock) | ENABLE,
		   rdmsr(MSR_KVM_SYSTEM_TIME_NEW));
	wrmsr(MSR_KVM_SYSTEM_TIME_NEW, 0);
}

SCENARIO(kvmclock, NEEDS(L2_BASE), FLY(fly_kvmclock, .possible = kvmclock_possible),
	 TITLE("L2 runs, and L1 reads kvmclock behind it"),
	 PROMISE("Linux, KVM-specific MSRs: a clock that goes forward; KVM_SET_CLOCK: it goes on "
		 "from "
		 "what was saved"),
	 HOST("snapshot in L2"),
	 BUG("Cloud Hypervisor set the clock behind the first KVM_RUN: it went back"),
	 FAILURE("the time goes back, or KVM writes it no more"), FREEZE(port),
	 PROOF("l2 runnable"));
