/* SPDX-License-Identifier: BSD-2-Clause */
/* Code of L2s outside 64-bit mode (flat_code.S), and the addresses that it takes for granted. */
#ifndef HV_FLAT_CODE_H
#define HV_FLAT_CODE_H

/* PAE paging: linear addresses. */
#define PAE_CODE   0x40000000
#define PAE_TABLE  0x40001000
#define PAE_DATA_0 0
#define PAE_DATA   0x80000000 /* by entry 2 */
#define PAE_DATA_3 0xc0000000

/* Real mode: the address, another CS for the same code, offsets in the segment, the vector. */
#define REAL_GPA       0x8000
#define REAL_CS_OFFSET 0x100
#define REAL_CS	       ((REAL_GPA - REAL_CS_OFFSET) / 16)
#define REAL_DATA      0x800
#define REAL_VECTOR    0x21

#ifndef __ASSEMBLER__

#include <stdint.h>

extern const uint8_t pae_code[], pae_code_end[], pae_loaded_code[], pae_loaded_code_end[];
extern const uint8_t long_code[], long_code_end[];
extern const uint8_t real_code[], real_handler[], real_code_end[];

#endif
#endif
