/* SPDX-License-Identifier: BSD-2-Clause */
/* The integer half of L2's computation; linked into L2, into L1 (as its model) and into unit tests.
 */
#include "l2guest/compute.h"
#include "lib/random.h"
#include "lib/string.h"

void compute_init(struct compute_state *s, uint64_t seed, uint64_t lanes)
{
	for (unsigned i = 0; i < 8; i++) {
		s->gpr[i] = random_next(&seed);
		s->x87[i] = (int64_t)random_next(&seed) & COMPUTE_X87_MASK;
	}
	for (unsigned i = 0; i < 16; i++)
		for (unsigned lane = 0; lane < 4; lane++)
			s->vec[i][lane] = lane < lanes ? random_next(&seed) : 0;
	s->lanes = lanes;
	s->digest = seed;
}

void compute_fill(uint64_t (*data)[512], uint64_t pages, uint64_t seed)
{
	for (unsigned p = 0; p < pages; p++)
		for (unsigned i = 0; i < 512; i++)
			data[p][i] = random_next(&seed);
}

void compute_walk(struct compute_state *s, uint64_t (*data)[512], uint64_t pages)
{
	for (unsigned p = 0; p < pages; p++) {
		uint64_t *word = &data[p][s->gpr[p % 8] >> 5 & 511];

		*word += s->gpr[(p + 1) % 8] ^ s->vec[p % 16][0];
		s->digest = rol64(s->digest, 7) ^ *word;
	}
	for (unsigned i = 0; i < 8; i++) {
		s->digest = rol64(s->digest, 11) + (uint64_t)s->x87[i];
		s->x87[i] &= COMPUTE_X87_MASK;
	}
}

/* Unrolled: with indices that are constants the compiler needs few instructions more than L2
 * itself. */
static inline void step_gpr(uint64_t *g)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < 8; i++)
		g[i] = rol64(g[i] + g[(i + 1) % 8], 5 + 2 * i) ^ g[(i + 3) % 8];
}

static inline void step_lane(uint64_t (*vec)[4])
{
#pragma GCC unroll 16
	for (unsigned i = 0; i < 16; i++)
		vec[i][0] = (vec[i][0] + vec[(i + 1) % 16][0]) ^ vec[(i + 5) % 16][0];
}

void compute_steps_model(struct compute_state *s)
{
	uint64_t g[8];

	memcpy(g, s->gpr, sizeof(g));
	for (unsigned step = 0; step < COMPUTE_STEPS; step++) {
		const unsigned turn = step / COMPUTE_VEC_EVERY % 8;

		step_gpr(g);
		if (step % COMPUTE_VEC_EVERY)
			continue;
		for (unsigned lane = 0; lane < s->lanes; lane++)
			step_lane((uint64_t(*)[4]) & s->vec[0][lane]);
		s->x87[turn] += s->x87[(turn + 1) % 8];
	}
	memcpy(s->gpr, g, sizeof(g));
}
