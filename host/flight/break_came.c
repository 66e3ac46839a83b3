// SPDX-License-Identifier: BSD-2-Clause
// Judges what came of a breakage, and says it.
#include "host/flight/break_came.h"
#include "host/flight/known.h"

enum break_came break_came(const struct flight_config *c, const struct flight_result *r)
{
	/* L1's own takes no snapshot. */
	const bool broken = c->broken ? !c->control : c->breakage != NULL;

	if (!broken)
		return BREAK_NONE;
	if (r->verdict.word == WORD_SKIP)
		return c->broken && !r->log.skipped ? BREAK_NOTHING : BREAK_NOT_MET;
	if (r->interrupted || (c->broken && !r->proved))
		return BREAK_NOT_MET;
	if (*r->refused)
		return BREAK_REFUSED;
	if (r->ended_mute)
		return BREAK_ENDED;
	return r->verdict.word == WORD_PASS ? BREAK_UNNOTICED : BREAK_NOTICED;
}

void break_came_text(const char *result, const struct flight_config *c,
		     const struct flight_result *r, struct buf *text)
{
	static const char *const words[] = {
		[BREAK_NOT_MET] = "the flight ended before",
		[BREAK_NOTHING] = "there is nothing of the kind",
		[BREAK_REFUSED] = "KVM refused the restore before it could matter",
		[BREAK_ENDED] = "KVM ended the VM before the guest ran on",
		[BREAK_UNNOTICED] = "nobody noticed",
		[BREAK_NOTICED] = "noticed",
	};
	const enum break_came came = break_came(c, r);
	const struct known *known = known_of(result, c);

	if (came == BREAK_NONE)
		return;
	buf_printf(text, ", broken on purpose (%s): %s", c->broken ? c->broken : c->breakage,
		   words[came]);
	if (known && (came == BREAK_REFUSED || came == BREAK_ENDED || came == BREAK_NOTICED))
		buf_printf(text, ", or it is %s, by which this fails unbroken", known->id);
}
