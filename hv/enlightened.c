/* SPDX-License-Identifier: BSD-2-Clause */
/* Turns L1 into an enlightened hypervisor and back; hv/evmcs.c has its VMCS. */
#include "hv/enlightened.h"
#include "hv/evmcs.h"
#include "hv/page_names.h"
#include "hv/vmx.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/print.h"
#include "lib/string.h"

#define HYPERV_INTERFACE 0x31237648 /* "Hv#1" */
#define ENABLE		 1ull
#define GUEST_OS_ID                                                                  \
	0x8100000000000001ull /* open source, not Windows; TLFS, "Guest OS Identity" \
			       */
#define LEAF_INTERFACE 0x40000001
#define LEAF_FEATURES  0x40000003
#define LEAF_ADVICE    0x40000004
#define LEAF_NESTED    0x4000000a

_Static_assert(offsetof(struct vp_assist, nested_features) == VP_ASSIST_NESTED_FEATURES, "");
_Static_assert(offsetof(struct vp_assist, enlighten_vmentry) == VP_ASSIST_ENLIGHTEN_VMENTRY, "");
_Static_assert(offsetof(struct vp_assist, current_nested_vmcs) == VP_ASSIST_CURRENT_NESTED_VMCS,
	       "");

static uint8_t hypercall_page[PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t assist[VP_ASSIST_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static bool on;
static uint64_t hypercall_code; /* the page's first bytes */
static unsigned used;		/* which assist page */

static const struct {
	uint32_t leaf, bit; /* of EAX */
	const char *what;
} features[] = {
	{LEAF_FEATURES, 4, "VP assist page"},
	{LEAF_FEATURES, 5, "hypercall page"},
	{LEAF_FEATURES, 6, "VP index"},
	{LEAF_ADVICE, 14, "enlightened VMCS recommended"},
};

bool enlightened_possible(char *why, size_t size)
{
	uint32_t interface = 0, nested;

	if (cpuid(1, 0).ecx >> 31)
		interface = cpuid(LEAF_INTERFACE, 0).eax;
	if (interface != HYPERV_INTERFACE) {
		format(why, size, "no Hyper-V below: CPUID.%xH:EAX=0x%x, not Hv#1", LEAF_INTERFACE,
		       interface);
		return false;
	}
	for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		uint32_t eax = cpuid(features[i].leaf, 0).eax;

		if (eax >> features[i].bit & 1)
			continue;
		format(why, size, "no %s: CPUID.%xH:EAX[%u]=0 (0x%x)", features[i].what,
		       features[i].leaf, features[i].bit, eax);
		return false;
	}
	nested = cpuid(LEAF_NESTED, 0).eax;
	if ((nested & 0xff) > EVMCS_REVISION || (nested >> 8 & 0xff) < EVMCS_REVISION) {
		format(why, size, "no enlightened VMCS of revision %u: CPUID.%xH:EAX=0x%x",
		       EVMCS_REVISION, LEAF_NESTED, nested);
		return false;
	}
	return true;
}

void enlightened_on(void)
{
	uint64_t vp = rdmsr(MSR_HV_X64_MSR_VP_INDEX);

	memset(assist, 0, sizeof(assist));
	used = 0;
	wrmsr(MSR_HV_X64_MSR_GUEST_OS_ID, GUEST_OS_ID);
	wrmsr(MSR_HV_X64_MSR_HYPERCALL, page_gpa(hypercall_page) | ENABLE);
	wrmsr(MSR_HV_X64_MSR_VP_ASSIST_PAGE, page_gpa(assist[0]) | ENABLE);
	memcpy(&hypercall_code, hypercall_page, sizeof(hypercall_code));
	page_announce("hypercall page", hypercall_page, 1);
	page_announce("VP assist page", assist[0], 1);
	page_announce("second VP assist page", assist[1], 1);
	ktap_check("VP index", 0, vp);
	on = true;
}

void enlightened_check(void)
{
	uint64_t code;

	memcpy(&code, hypercall_page, sizeof(code));
	ktap_check("HV_X64_MSR_GUEST_OS_ID", GUEST_OS_ID, rdmsr(MSR_HV_X64_MSR_GUEST_OS_ID));
	ktap_check("HV_X64_MSR_HYPERCALL", page_gpa(hypercall_page) | ENABLE,
		   rdmsr(MSR_HV_X64_MSR_HYPERCALL));
	ktap_check("hypercall page", hypercall_code, code);
	ktap_check("HV_X64_MSR_VP_INDEX", 0, rdmsr(MSR_HV_X64_MSR_VP_INDEX));
	ktap_check("HV_X64_MSR_VP_ASSIST_PAGE", page_gpa(assist[used]) | ENABLE,
		   rdmsr(MSR_HV_X64_MSR_VP_ASSIST_PAGE));
}

void enlightened_off(void)
{
	on = false;
	wrmsr(MSR_HV_X64_MSR_VP_ASSIST_PAGE, 0);
	wrmsr(MSR_HV_X64_MSR_HYPERCALL, 0);
	wrmsr(MSR_HV_X64_MSR_GUEST_OS_ID, 0);
}

void enlightened_set(bool vmcs)
{
	on = vmcs;
}

bool enlightened(void)
{
	return on;
}

struct vp_assist *vp_assist(void)
{
	return (struct vp_assist *)assist[used];
}

void vp_assist_move(unsigned page)
{
	memcpy(assist[page], assist[used], PAGE_SIZE);
	memset(assist[used], 0, PAGE_SIZE);
	used = page;
	wrmsr(MSR_HV_X64_MSR_VP_ASSIST_PAGE, page_gpa(assist[page]) | ENABLE);
}

void vmcs_load_ordinary(uint64_t gpa)
{
	if (!vmptrld(gpa))
		ktap_error_and_end("what=\"VMPTRLD failed\" vmcs=0x%lx", gpa);
	vmcs_use(NULL);
}

void vmcs_load(uint64_t gpa)
{
	if (!on) {
		vmcs_load_ordinary(gpa);
		return;
	}
	vp_assist()->current_nested_vmcs = gpa;
	vp_assist()->enlighten_vmentry = 1;
	vmcs_use((void *)gpa);
}
