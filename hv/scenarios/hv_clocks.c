/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clocks of an enlightened L1: reference TSC page, HV_X64_MSR_TIME_REF_COUNT, and the
 * reenlightenment that tells of another TSC; told of below.
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
