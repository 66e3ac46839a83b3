/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 64-bit IDIV and DIV against quotients computed elsewhere. A distributed emulator binary once lost
 * the low half of the dividend.
 */
#include "hv/scenario.h"
#include "lib/ktap.h"

static void run(void)
{
	static const struct {
		uint64_t high, low, divisor, quotient, remainder;
	} cases[] = {
		{0, 1000000007, 10007, 99930, 497},
		{0, 0x123456789abcdef0, 0xfedcba, 0x1249249d39, 0x77a786},
		{0, 5, 7, 0, 5},
		{0, 0x7fffffffffffffff, 2, 0x3fffffffffffffff, 1},
		{1, 0, 3, 0x5555555555555555, 1},
		{~0ull, (uint64_t)-1000000007, 10007, (uint64_t)-99930, (uint64_t)-497},
		{~0ull, (uint64_t)-7, (uint64_t)-2, 3, ~0ull},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t q = cases[i].low, r = cases[i].high;

		asm volatile("idivq %2" : "+a"(q), "+d"(r) : "r"(cases[i].divisor) : "cc");
		ktap_check("IDIV quotient", cases[i].quotient, q);
		ktap_check("IDIV remainder", cases[i].remainder, r);
		if (cases[i].high == ~0ull)
			continue;
		q = cases[i].low;
		r = cases[i].high;
		asm volatile("divq %2" : "+a"(q), "+d"(r) : "r"(cases[i].divisor) : "cc");
		ktap_check("DIV quotient", cases[i].quotient, q);
		ktap_check("DIV remainder", cases[i].remainder, r);
	}
}

SCENARIO(cpu_idiv, NEEDS(), RUN(run));
