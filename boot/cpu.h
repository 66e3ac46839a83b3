/* SPDX-License-Identifier: BSD-2-Clause */
/* What each CPU of L1 needs before it can be used. */
#ifndef BOOT_CPU_H
#define BOOT_CPU_H

/* Caches, SSE, XSAVE and AVX of the CPU that calls. */
void fpu_init(void);

/* The two PICs send nothing any more. */
void pic_mask(void);

#endif
