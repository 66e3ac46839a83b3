/* SPDX-License-Identifier: BSD-2-Clause */
/* The integer half of L2's computation; linked into L2, into L1 (as its model) and into unit tests.
 */
#include "l2guest/compute.h"
#include "lib/random.h"

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

void compute_steps_model(struct compute_state *s)
{
	uint64_t *g = s->gpr;

	for (unsigned step = 0; step < COMPUTE_STEPS; step++) {
		for (unsigned i = 0; i < 8; i++)
			g[i] = rol64(g[i] + g[(i + 1) % 8], 5 + 2 * i) ^ g[(i + 3) % 8];
		if (step % COMPUTE_VEC_EVERY)
			continue;
		for (unsigned i = 0; i < 16; i++)
			for (unsigned lane = 0; lane < s->lanes; lane++)
				s->vec[i][lane] = (s->vec[i][lane] + s->vec[(i + 1) % 16][lane]) ^
						  s->vec[(i + 5) % 16][lane];
		s->x87[step / COMPUTE_VEC_EVERY % 8] += s->x87[(step / COMPUTE_VEC_EVERY + 1) % 8];
	}
}
