/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The half `evmcs` tells what it finds of itself in l2_shared.val[] (enum evmcs_val), then does
 * what arg[0] (EVMCS_DO_*) says, comes to point 1, and starts again.
 */
#ifndef L2GUEST_EVMCS_H
#define L2GUEST_EVMCS_H

enum evmcs_val {
	EVMCS_VAL_RFLAGS,
	EVMCS_VAL_CR0,
	EVMCS_VAL_SYSENTER_ESP,
	EVMCS_VAL_FS_BASE,
	EVMCS_VAL_PAT,
	EVMCS_VAL_TSC,
	EVMCS_VAL_DATA,	  /* the first 8 bytes of its data */
	EVMCS_VAL_TRAPS,  /* exceptions so far */
	EVMCS_VAL_VECTOR, /* the last of them */
	EVMCS_VAL_FLUSH,  /* what the flush hypercall gave */
};

#define EVMCS_DO_OUT	(1u << 0) /* to EVMCS_PORT */
#define EVMCS_DO_WBINVD (1u << 1)
#define EVMCS_DO_UD	(1u << 2)
#define EVMCS_DO_FLUSH	(1u << 3) /* HvCallFlushVirtualAddressSpace, all of it, all processors */
#define EVMCS_DO_FREEZE (1u << 4) /* before all that */
#define EVMCS_DO_RDMSR	(1u << 5) /* IA32_KERNEL_GS_BASE */

#define EVMCS_PORT 0xe4

#endif
