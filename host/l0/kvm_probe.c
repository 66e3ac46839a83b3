// SPDX-License-Identifier: BSD-2-Clause
// Asks KVM whether it offers nested VMX. The device node alone proves nothing.
#include "host/l0/kvm_probe.h"
#include "host/base/cleanup.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define CPUID_ENTRIES	   256
#define CPUID_1_ECX_VMX	   (1u << 5)
#define CPUID_8000_ECX_SVM (1u << 2)
#define HYPERV_NESTED	   0x4000000a /* TLFS, "Nested Hypervisor Feature Identification" */
#define VMX_MSR_FIRST	   0x480      /* IA32_VMX_BASIC */
#define VMX_MSR_LAST	   0x493      /* IA32_VMX_EXIT_CTLS2 */

/* What the TSC of a new vCPU counts in a millisecond; 0: KVM does not say. */
static unsigned tsc_khz(int kvm)
{
	auto_close int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	auto_close int vcpu = vm < 0 ? -1 : ioctl(vm, KVM_CREATE_VCPU, 0);
	const int khz = vcpu < 0 ? 0 : ioctl(vcpu, KVM_GET_TSC_KHZ, 0);

	return khz > 0 ? (unsigned)khz : 0;
}

struct kvm_cpuid2 *kvm_supported_hv_cpuid(int kvm)
{
	struct kvm_cpuid2 *cpuid =
		xcalloc(1, sizeof(*cpuid) + CPUID_ENTRIES * sizeof(cpuid->entries[0]));

	cpuid->nent = CPUID_ENTRIES;
	if (!ioctl(kvm, KVM_GET_SUPPORTED_HV_CPUID, cpuid))
		return cpuid;
	free(cpuid);
	return NULL;
}

static unsigned evmcs_revisions(int kvm)
{
	auto_free struct kvm_cpuid2 *cpuid = kvm_supported_hv_cpuid(kvm);
	unsigned revisions = 0;

	for (unsigned i = 0; cpuid && i < cpuid->nent; i++)
		if (cpuid->entries[i].function == HYPERV_NESTED)
			revisions = cpuid->entries[i].eax & 0xffff;
	return revisions;
}

void kvm_probe(struct kvm_probe *probe)
{
	auto_free struct kvm_cpuid2 *cpuid = NULL;
	auto_close int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int ret;

	memset(probe, 0, sizeof(*probe));
	if (fd < 0) {
		probe->open_errno = errno;
		return;
	}
	ret = ioctl(fd, KVM_GET_API_VERSION, 0);
	probe->api_version = ret < 0 ? -errno : ret;
	ret = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_NESTED_STATE);
	probe->nested_state = ret < 0 ? 0 : ret;
	cpuid = xcalloc(1, sizeof(*cpuid) + CPUID_ENTRIES * sizeof(cpuid->entries[0]));
	cpuid->nent = CPUID_ENTRIES;
	if (!ioctl(fd, KVM_GET_SUPPORTED_CPUID, cpuid)) {
		probe->cpuid = true;
		for (unsigned i = 0; i < cpuid->nent; i++) {
			const struct kvm_cpuid_entry2 *c = &cpuid->entries[i];

			if (c->function == 1)
				probe->vmx = c->ecx & CPUID_1_ECX_VMX;
			if (c->function == 0x80000001)
				probe->svm = c->ecx & CPUID_8000_ECX_SVM;
		}
	}
	probe->evmcs = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_ENLIGHTENED_VMCS) > 0;
	if (probe->evmcs)
		probe->evmcs_revisions = evmcs_revisions(fd);
	probe->tsc_khz = tsc_khz(fd);
}

const char *kvm_probe_missing(const struct kvm_probe *probe)
{
	const int error = probe->open_errno;

	if (error == ENOENT || error == ENODEV || error == ENXIO)
		return "there is no /dev/kvm";
	if (error == EACCES || error == EPERM)
		return "/dev/kvm may not be opened by this user";
	if (error)
		return "/dev/kvm does not open";
	if (probe->api_version != KVM_API_VERSION)
		return "/dev/kvm does not speak KVM's API version 12";
	if (!probe->cpuid)
		return "KVM does not say what CPUID it supports";
	if (!probe->vmx && probe->svm)
		return "KVM offers SVM, not VMX";
	if (!probe->vmx)
		return "KVM offers no VMX to its guests (CPUID.1:ECX.VMX is 0)";
	if (probe->nested_state <= 0)
		return "KVM cannot save nested state (KVM_CAP_NESTED_STATE is 0)";
	return NULL;
}

const char *kvm_probe_advice(const struct kvm_probe *probe)
{
	if (!kvm_probe_missing(probe))
		return NULL;
	if (probe->open_errno == EACCES || probe->open_errno == EPERM)
		return "join group kvm to use this KVM; without it 'midflight run' uses the lab";
	if (probe->cpuid && !probe->vmx && !probe->svm)
		return "on an Intel CPU load kvm_intel with nested=1; without it 'midflight run' "
		       "uses the lab";
	return "'midflight run' uses the lab (an emulated CPU with VMX)";
}

#ifndef KVM_CAP_MEMORY_FAULT_INFO
#define KVM_CAP_MEMORY_FAULT_INFO 232
#endif

const char *kvm_probe_no_page_exit(void)
{
	auto_close int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int info = kvm < 0 ? 0 : ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_MEMORY_FAULT_INFO);

	if (info > 1) /* fixes/experiments/page-retrieval-c.cocci */
		return NULL;
	if (info > 0)
		return "KVM_CAP_MEMORY_FAULT_INFO is there, but tells only of guest_memfd: for a "
		       "page missing from ordinary memory KVM_RUN waits (userfaultfd) or fails "
		       "with EFAULT and no address";
	return "this KVM has no KVM_CAP_MEMORY_FAULT_INFO nor anything like it";
}

unsigned kvm_vmx_msrs(struct kvm_vmx_msr msr[KVM_VMX_MSRS])
{
	static const struct {
		const char *name;
		uint32_t index;
	} all[] = {
#define M(name, index) {#name, index},
#include "lib/msr.def"
#undef M
	};
	auto_close int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	unsigned n = 0;

	for (unsigned i = 0; kvm >= 0 && i < ARRAY_SIZE(all) && n < KVM_VMX_MSRS; i++) {
		struct {
			struct kvm_msrs head;
			struct kvm_msr_entry entry;
		} get = {.head.nmsrs = 1, .entry.index = all[i].index};

		/* As a feature of KVM an MSR is read from the system, not from a vCPU. */
		if (all[i].index < VMX_MSR_FIRST || all[i].index > VMX_MSR_LAST ||
		    ioctl(kvm, KVM_GET_MSRS, &get) != 1)
			continue;
		msr[n++] = (struct kvm_vmx_msr){all[i].name, all[i].index, get.entry.data};
	}
	return n;
}
