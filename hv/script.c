/* SPDX-License-Identifier: BSD-2-Clause */
/* Hands L2 its steps and reads its trace; hv/script.h. */
#include "hv/script.h"
#include "lib/cpu.h"
#include "lib/ktap.h"
#include "lib/page.h"
#include "lib/string.h"

#define INSN_CLI 0xfa
#define INSN_RET 0xc3

static unsigned seen; /* bytes of the trace */

struct l2 *script_l2(const struct script_step *steps)
{
	static struct l2 l2;
	unsigned count = 0;

	l2_create(&l2, "script");
	seen = 0;
	for (; steps[count].op != OP_END; count++)
		if (steps[count].op == OP_SELF_IPI)
			l2.posted[steps[count].arg]++;
	if (count >= SCRIPT_STEPS)
		ktap_error_and_end("what=\"too many steps\" found=%u", count);
	memcpy(l2.shared->arg, steps, count * sizeof(*steps));
	return &l2;
}

bool script_traced(struct l2 *l2, const uint8_t *bytes)
{
	const uint8_t *trace = (const uint8_t *)l2->shared->val;
	bool ok = true;

	for (; *bytes && ok; bytes++)
		ok &= ktap_check("L2's trace", *bytes, trace[seen++]);
	return ok && ktap_check("the end of L2's trace", 0, trace[seen]);
}

bool script_ends(struct l2 *l2, const uint8_t *bytes)
{
	return l2_tells(l2, SCRIPT_ENDED) && script_traced(l2, bytes) &&
	       l2_check_interrupts(l2, true);
}

uint64_t script_code(struct l2 *l2, const char *first, unsigned before, uint8_t second)
{
	uint8_t *page = (uint8_t *)l2_data_page(l2, SCRIPT_PAGE_2);

	memcpy((uint8_t *)l2_data_page(l2, SCRIPT_PAGE_1) + PAGE_SIZE - before, first, before);
	page[0] = second;
	page[1] = INSN_CLI;
	page[2] = INSN_RET;
	return page_gpa(page);
}
