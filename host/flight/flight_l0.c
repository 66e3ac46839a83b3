// SPDX-License-Identifier: BSD-2-Clause
// What L0 says while a flight lasts is part of its verdict.
#include "host/flight/flight.h"
#include "host/l0/l0_log.h"
#include "host/l0/l0_pages.h"

#include <string.h>

void flight_take_l0(const struct flight_config *c, struct flight_result *r,
		    const struct page_names *names, struct buf *text)
{
	struct oracle_report unasked = {0};

	l0_pages_read(c->oracles ? &r->oracle : &unasked, names);
	if (c->l0_log)
		l0_log_read(&r->oracle, text);
	if (r->oracle.findings && r->verdict.word < WORD_FAIL)
		r->verdict.word = WORD_FAIL; /* what they found is told on its own */
}

/* With a complaint its whole context is worth keeping: registers, stack, what came before. */
static void keep_l0_log(const struct flight_config *c, struct flight_result *r,
			const struct buf *text)
{
	const struct oracle_report *oracle = &r->oracle;
	bool complained = false;
	struct err e = {0};

	for (unsigned i = 0; i < oracle->findings; i++)
		complained |= !strcmp(oracle->finding[i].oracle, L0_LOG);
	if (complained && write_file(c->vm.dir, "l0.log", buf_text(text), text->len, 0666, &e))
		verdict_raise(&r->verdict, WORD_ERROR, "%s", e.text);
}

void flight_take_l0_end(const struct flight_config *c, struct flight_result *r,
			const struct page_names *names, struct buf *text)
{
	const char *line;
	const enum l0_sign death = l0_log_death(&line);

	flight_take_l0(c, r, names, text);
	/* Whatever the guest says: on a kernel that is broken it proves nothing. */
	if (death != L0_QUIET)
		verdict_raise(&r->verdict, death == L0_HANG ? WORD_HANG : WORD_CRASH, L0_DEATH "%s",
			      line);
	keep_l0_log(c, r, text);
}
