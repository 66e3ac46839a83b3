/* SPDX-License-Identifier: BSD-2-Clause */
/* The checksum of the serial log (docs/protocol.md, "Sums"); L1 makes it and the host checks it. */
#ifndef LIB_SUM_H
#define LIB_SUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * The bytes as digits of one number, modulo a prime: no single byte can change unseen. An awk,
 * which has neither XOR nor 64-bit integers, can do it as well.
 */
#define SUM_BASE  65599
#define SUM_PRIME 4294967291u

/* @sum, of the bytes before (0: none), carried on over @len more. */
static inline uint32_t sum_bytes(uint32_t sum, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum = (uint32_t)(((uint64_t)sum * SUM_BASE + (uint8_t)bytes[i]) % SUM_PRIME);
	return sum;
}

#endif
