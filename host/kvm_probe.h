/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks KVM whether it offers nested VMX. */
#ifndef HOST_KVM_PROBE_H
#define HOST_KVM_PROBE_H

#include <stdbool.h>

struct kvm_probe {
	int open_errno;	  /* of /dev/kvm, 0: it opened */
	int api_version;  /* KVM_GET_API_VERSION, or a negative errno */
	int nested_state; /* KVM_CAP_NESTED_STATE: bytes, 0: none */
	bool cpuid;	  /* KVM_GET_SUPPORTED_CPUID answered */
	bool vmx, svm;	  /* what it says */
};

/* Asks /dev/kvm. */
void kvm_probe(struct kvm_probe *probe);

/* NULL if nested VMX is there, else why not, in words. */
const char *kvm_probe_missing(const struct kvm_probe *probe);

/* What the user can do about it; NULL if nested VMX is there. */
const char *kvm_probe_advice(const struct kvm_probe *probe);

/*
 * Why this KVM cannot leave KVM_RUN for a page that is missing from ordinary guest memory, in
 * words. There is no kernel yet that can; the text says what comes nearest.
 */
const char *kvm_probe_no_page_exit(void);

/* `midflight probe`: one line per fact. 0 if nested VMX is there, else 4. */
int kvm_probe_print(void);

#endif
