/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What L2 computes in `running`, and the model of it in plain integers with which L1 (which uses no
 * SSE) recomputes the digest. Everything is exact: the x87 values are integers below 2^63.
 */
#ifndef L2GUEST_COMPUTE_H
#define L2GUEST_COMPUTE_H

/* Steps of one round; every COMPUTE_VEC_EVERY-th one also steps the vector and x87 registers. */
#define COMPUTE_STEPS	  64
#define COMPUTE_VEC_EVERY 8

/* Offsets for compute_regs.S. */
#define COMPUTE_GPR   0
#define COMPUTE_VEC   64
#define COMPUTE_X87   576
#define COMPUTE_LANES 640

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

/* Register contents: r8-r15, xmm/ymm0-15 as 64-bit lanes, st(0)-st(7) as integers. */
struct compute_state {
	uint64_t gpr[8];
	uint64_t vec[16][4];
	int64_t x87[8];
	uint64_t lanes; /* of 64 bits: 4 with AVX2, else 2 */
	uint64_t digest;
};
_Static_assert(offsetof(struct compute_state, vec) == COMPUTE_VEC, "compute_regs.S");
_Static_assert(offsetof(struct compute_state, x87) == COMPUTE_X87, "compute_regs.S");
_Static_assert(offsetof(struct compute_state, lanes) == COMPUTE_LANES, "compute_regs.S");

#define COMPUTE_X87_MASK ((1ll << 40) - 1) /* one round grows a value by less than 2^10 */

static inline uint64_t rol64(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

void compute_init(struct compute_state *s, uint64_t seed, uint64_t lanes);

/* The walk over @pages pages of 512 words that ends a round: reads, changes, digests. */
void compute_walk(struct compute_state *s, uint64_t (*data)[512], uint64_t pages);

/* Fills the pages of the walk. */
void compute_fill(uint64_t (*data)[512], uint64_t pages, uint64_t seed);

/* L1's model of compute_steps() in compute_regs.S. */
void compute_steps_model(struct compute_state *s);

/* L2's way: loads all registers from @s, steps them COMPUTE_STEPS times, stores them back. */
void compute_steps(struct compute_state *s);

/* Loads all registers from @s, `sti; hlt; cli`, stores them to @out. Interrupts off around it. */
void compute_hlt(const struct compute_state *s, struct compute_state *out);

#endif
#endif
