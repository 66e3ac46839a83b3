/* SPDX-License-Identifier: BSD-2-Clause */
/* What L2's half rare_state gives its registers, for L1 to read in the VMCS. */
#ifndef L2GUEST_RARE_STATE_H
#define L2GUEST_RARE_STATE_H

#define RARE_GDTR_LIMIT	  0x1f
#define RARE_IDTR_LIMIT	  0x7ff
#define RARE_SYSENTER_CS  0x7654
#define RARE_SYSENTER_ESP 0x123456789000
#define RARE_SYSENTER_EIP 0x2468ace02468
#define RARE_FS_BASE	  0x13579bdf1000
#define RARE_GS_BASE	  0xffff800012345000
#define RARE_PAT	  0x0007060400010506
#define RARE_CR4	  (1 << 7) /* PGE */
#define RARE_DR7	  0x402	   /* global breakpoint 0, at DR0: nothing is there */

#endif
