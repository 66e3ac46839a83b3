/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks KVM whether it offers nested VMX. */
#ifndef HOST_L0_KVM_PROBE_H
#define HOST_L0_KVM_PROBE_H

#include <stdbool.h>
#include <stdint.h>

struct kvm_probe {
	int open_errno;	  /* of /dev/kvm, 0: it opened */
	int api_version;  /* KVM_GET_API_VERSION, or a negative errno */
	int nested_state; /* KVM_CAP_NESTED_STATE: bytes, 0: none */
	bool cpuid;	  /* KVM_GET_SUPPORTED_CPUID answered */
	bool vmx, svm;	  /* what it says */
	bool evmcs;	  /* KVM_CAP_HYPERV_ENLIGHTENED_VMCS */
	/* Revisions of it by KVM_GET_SUPPORTED_HV_CPUID: lowest, highest << 8; 0: none. */
	unsigned evmcs_revisions;
	unsigned tsc_khz; /* of a new vCPU (KVM_GET_TSC_KHZ), 0: it does not say */
};

/* Asks /dev/kvm. */
void kvm_probe(struct kvm_probe *probe);

/* What KVM_GET_SUPPORTED_HV_CPUID of /dev/kvm, open as @kvm, says; the caller frees it. NULL:
 * errno. */
struct kvm_cpuid2 *kvm_supported_hv_cpuid(int kvm);

/* NULL if nested VMX is there, else why not, in words. */
const char *kvm_probe_missing(const struct kvm_probe *probe);

/* What the user can do about it; NULL if nested VMX is there. */
const char *kvm_probe_advice(const struct kvm_probe *probe);

/*
 * Why this KVM cannot leave KVM_RUN for a page that is missing from ordinary guest memory, in
 * words that say what comes nearest; NULL: it can, which no released kernel does.
 */
const char *kvm_probe_no_page_exit(void);

/* A VMX capability MSR that KVM offers to its guests. */
struct kvm_vmx_msr {
	const char *name; /* as in the SDM */
	uint32_t index;
	uint64_t value;
};
#define KVM_VMX_MSRS 20 /* 0x480 to 0x493, at most */

/* Asks /dev/kvm for them. How many there are: none without nested VMX. */
unsigned kvm_vmx_msrs(struct kvm_vmx_msr msr[KVM_VMX_MSRS]);

#endif
