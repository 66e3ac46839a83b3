/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the VP assist page and the enlightened VMCS have what is no VMCS field; for L1 and the
 * host. */
#ifndef LIB_HYPERV_H
#define LIB_HYPERV_H

/* TLFS, "Virtual Processor Assist Page". */
enum vp_assist_at {
	VP_ASSIST_NESTED_FEATURES = 32,
	VP_ASSIST_ENLIGHTEN_VMENTRY = 40,
	VP_ASSIST_CURRENT_NESTED_VMCS = 48
};

/* TLFS, "Enlightened VMCS"; all are 32 bits wide but the last two, with 64. */
enum evmcs_own {
	EVMCS_REVISION_ID = 0,
	EVMCS_CLEAN_FIELDS = 824,
	EVMCS_ENLIGHTENMENTS = 836,
	EVMCS_VP_ID = 840,
	EVMCS_VM_ID = 848,
	EVMCS_PARTITION_ASSIST_PAGE = 856,
	EVMCS_SIZE = 1024
};

#endif
