// SPDX-License-Identifier: BSD-2-Clause
// Hyper-V's CPUID leaves and KVM_CAP_HYPERV_ENLIGHTENED_VMCS; TLFS, "Feature Discovery".
#include "host/kvm/kvm_hyperv.h"
#include "host/base/cleanup.h"
#include "host/l0/kvm_probe.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define LEAVES		 0x40000000u /* of a hypervisor */
#define LEAVES_END	 0x40000100u
#define LEAF_INTERFACE	 0x40000001u
#define LEAF_NESTED	 0x4000000au
#define HYPERV_INTERFACE 0x31237648 /* "Hv#1" */
#define REVISION	 0xffu	    /* lowest, of LEAF_NESTED's EAX */

static void add(struct kvm_cpuid2 *cpuid, const struct kvm_cpuid2 *hyperv)
{
	for (unsigned i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *c = &cpuid->entries[i];

		if (c->function < LEAVES || c->function >= LEAVES_END)
			continue;
		if (c->function == LEAVES && c->eax >= LEAVES) /* the last leaf */
			c->eax += LEAVES_END - LEAVES;
		c->function += LEAVES_END - LEAVES;
	}
	memcpy(cpuid->entries + cpuid->nent, hyperv->entries,
	       hyperv->nent * sizeof(hyperv->entries[0]));
	cpuid->nent += hyperv->nent;
}

int kvm_hyperv_cpuid(int kvm, struct kvm_cpuid2 *cpuid, unsigned max, struct err *e)
{
	auto_free struct kvm_cpuid2 *hyperv = NULL;

	if (ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_SYS_HYPERV_CPUID) <= 0)
		return 0;
	hyperv = kvm_supported_hv_cpuid(kvm);
	if (!hyperv)
		return err_errno(e, "KVM_GET_SUPPORTED_HV_CPUID");
	if (cpuid->nent + hyperv->nent > max)
		return err_set(e, "KVM supports more than %u leaves of CPUID", max);
	add(cpuid, hyperv);
	return 0;
}

int kvm_hyperv_enable_evmcs(int vcpu, struct err *e)
{
	uint16_t revisions = 0;
	struct kvm_enable_cap cap = {.cap = KVM_CAP_HYPERV_ENLIGHTENED_VMCS,
				     .args = {(uint64_t)(uintptr_t)&revisions}};

	if (!ioctl(vcpu, KVM_ENABLE_CAP, &cap) || errno == EINVAL || errno == ENOTTY)
		return 0;
	return err_errno(e, "KVM_ENABLE_CAP(KVM_CAP_HYPERV_ENLIGHTENED_VMCS)");
}

bool kvm_hyperv_says_evmcs(const struct kvm_cpuid_entry2 *entry, unsigned count)
{
	bool hyperv = false, nested = false;

	for (unsigned i = 0; i < count; i++) {
		hyperv |= entry[i].function == LEAF_INTERFACE && entry[i].eax == HYPERV_INTERFACE;
		nested |= entry[i].function == LEAF_NESTED && (entry[i].eax & REVISION);
	}
	return hyperv && nested;
}
