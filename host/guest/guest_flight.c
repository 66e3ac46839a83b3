// SPDX-License-Identifier: BSD-2-Clause
// The flight of a foreign guest: boots of it, what they leave, what is said of them.
#include "host/guest/guest_boot.h"
#include "host/base/cleanup.h"
#include "host/l0/l0_log.h"

#include <string.h>

#define TAIL_LINES 12
#define BOOTS_MAX  10 /* of a guest that ends before it was frozen as often as was asked for */

static void say_tail(struct guest_boot *b)
{
	const struct transcript *t = &b->log;
	struct buf *text = &b->result->details;

	buf_printf(text, "last lines of the serial log:\n");
	for (size_t i = t->lines > TAIL_LINES ? t->lines - TAIL_LINES : 0; i < t->lines; i++)
		buf_printf(text, "%s\n", t->line[i].text);
	b->vm_config.deadline_ns = 10 * 1000 * NS_PER_MS;
	b->config->driver->describe(b->vm, text);
}

/* What else is to be said in the line of its result. */
static void say(const struct guest_boot *b)
{
	struct flight_result *r = b->result;
	const char *none = b->config->driver->messages(b->vm);
	auto_buf struct buf text = {0};

	guest_states_text(r, &text);
	if (text.len)
		buf_printf(&text, "; ");
	buf_printf(&text, "%zu line%s", b->log.lines, b->log.lines == 1 ? "" : "s");
	if (b->end.code >= 0)
		buf_printf(&text, ", exit 0x%llx", (unsigned long long)b->end.code);
	if (b->config->driver->values && *none)
		buf_printf(&text, ", %s", none);
	snprintf(r->said, sizeof(r->said), "%s", buf_text(&text));
}

/* The control shows what is compared with. */
static void keep_control(struct guest_boot *b, int ret)
{
	struct guest_control *c = &b->guest->control;

	transcript_free(&c->log);
	*c = (struct guest_control){.flown = ret == VM_ENDED, .ran_ns = b->ran_ns};
	if (!c->flown)
		return;
	c->end = b->end;
	c->log = b->log;
	b->log = (struct transcript){0};
}

/* Boot @plan and its verdict. True: all is well, and it may be booted again. */
static bool fly_once(const struct flight_config *config, struct flight_result *r,
		     struct guest_plan *plan)
{
	auto_buf struct buf l0_text = {0}, file = {0};
	struct guest_boot b;
	struct err e = {0};
	bool again; /* it was frozen at all */
	const int ret = guest_boot(&b, config, r, plan);

	for (size_t i = 0; i < b.log.lines; i++)
		r->trace = hash_bytes(r->trace, b.log.line[i].text, strlen(b.log.line[i].text));
	if (ret == VM_TIMEOUT)
		say_tail(&b);
	if (b.vm)
		say(&b);
	guest_boot_stop(&b); /* its memory may be needed for another one */
	guest_judge(&b, ret, plan);
	flight_take_l0(config, r, NULL, &l0_text);
	if (config->driver->values && b.saved.value.sections &&
	    (config->keep_snapshot || r->verdict.word > WORD_SKIP))
		snapshot_encode(&b.saved.value, &file);
	if (config->control)
		keep_control(&b, ret);
	plan->no_l2 |= b.looks && !b.found;
	again = b.passed > plan->first;
	plan->first = b.passed;
	guest_boot_end(&b);
	flight_take_l0_end(config, r, NULL, &l0_text);
	if (file.len && write_file(config->vm.dir, "snapshot.bin", file.p, file.len, 0666, &e))
		verdict_raise(&r->verdict, WORD_ERROR, "%s", e.text);
	return r->verdict.word == WORD_PASS && ret == VM_ENDED && again;
}

void guest_flight(const struct flight_config *config, struct flight_result *r)
{
	const struct guest *g = config->scenario->guest;
	const int64_t start = now_ns();
	struct guest_plan plan = {0};
	const char *line;

	if (l0_log_death(&line) != L0_QUIET) {
		r->interrupted = true;
		return verdict_raise(&r->verdict, WORD_ERROR, "not flown: " L0_DEATH "%s", line);
	}
	if (!config->control && !g->control.flown)
		return verdict_raise(&r->verdict, WORD_SKIP,
				     "it does not come to its end without snapshots either");
	if (config->l0_log)
		l0_log_rearm(); /* the run has said if it fails */
	r->hop = xcalloc(config->hops, sizeof(*r->hop));
	r->hops = config->hops;
	r->phase = "guest";
	while (fly_once(config, r, &plan) && !config->control && guest_drawn(&g->words) &&
	       plan.first < config->hops && ++plan.number < BOOTS_MAX)
		;
	r->duration_ns = now_ns() - start;
}
