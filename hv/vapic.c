/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads and writes of L2's virtual-APIC page and posted-interrupt descriptor. */
#include "hv/vapic.h"

static uint32_t word(const struct vapic_page *vapic, uint32_t offset, unsigned i)
{
	return vapic->reg[(offset + i * 16) / 4];
}

void pi_post(struct pi_desc *pi, uint8_t vector)
{
	__atomic_fetch_or(&pi->pir[vector / 32], 1u << vector % 32, __ATOMIC_SEQ_CST);
}

bool pi_notify(struct pi_desc *pi)
{
	return !(__atomic_fetch_or(&pi->control, PI_ON, __ATOMIC_SEQ_CST) & PI_ON);
}

unsigned vapic_find(const struct vapic_page *vapic, const struct pi_desc *pi, uint8_t vector)
{
	uint32_t bit = 1u << vector % 32;
	unsigned i = vector / 32;

	return (pi->pir[i] & bit ? IN_PIR : 0) | (word(vapic, VAPIC_VIRR, i) & bit ? IN_VIRR : 0) |
	       (word(vapic, VAPIC_VISR, i) & bit ? IN_VISR : 0);
}

uint8_t vapic_highest(const struct vapic_page *vapic, uint32_t offset)
{
	for (int i = 7; i >= 0; i--) {
		uint32_t w = word(vapic, offset, i);

		if (w)
			return i * 32 + 31 - __builtin_clz(w);
	}
	return 0;
}
