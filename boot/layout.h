/* SPDX-License-Identifier: BSD-2-Clause */
/* What assembly and C share about L1's boot: selectors and how we were booted. */
#ifndef BOOT_LAYOUT_H
#define BOOT_LAYOUT_H

#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define SEL_TSS	 0x18

#define BOOT_UNKNOWN   0
#define BOOT_MULTIBOOT 1
#define BOOT_PVH       2

#endif
