// SPDX-License-Identifier: BSD-2-Clause
// `midflight fuzz`: flies programs from files, or a campaign of drawn ones.
#include "host/base/cleanup.h"
#include "host/base/signals.h"
#include "host/fuzz/campaign.h"
#include "host/report/schemas.h"

#include <stdlib.h>

#define DEADLINE_NS (100 * NS_PER_MS) /* a program is much shorter */

/* ---- programs from files -------------------------------------------------------------------- */

static int fly_file(struct campaign *c, const char *path, unsigned *number)
{
	static const char *const words[] = {"", "FAIL ", "ERROR not exact, ", "ERROR no end, ",
					    "", "ERROR "};
	auto_buf struct buf text = {0};
	struct program_lists p;
	struct err e = {0};
	int status = 0;

	if (read_file(".", path, &text, &e) || program_read(&p, buf_text(&text), &e))
		return give_up_on(path, &e);
	for (int mark = 0; !signals_pending(); mark++) {
		const enum fuzz_word word = fuzz_compare(&c->vm, &p, mark, true, &c->compared);
		const bool ours = c->vm.broken || c->vm.control; /* no bug of KVM's */
		auto_free char *known = word == FUZZ_FOUND && !ours
						? known_in(buf_text(&text), mark, c->compared.why)
						: NULL;

		if (word == FUZZ_NO_MARK)
			return mark ? status : give_up_on(path, &(struct err){"no mark in it"});
		c->counts[word]++;
		printf("%sok %u - %s.mark-%d%s%s%s\n", word == FUZZ_ALIKE ? "" : "not ", ++*number,
		       path, mark, word == FUZZ_ALIKE ? "" : " # ",
		       known ? "TODO known KVM bug: " : words[word], known ?: c->compared.why);
		if (known)
			continue;
		if (word == FUZZ_FOUND && finding_write(c, *number, &p, mark, &e))
			return give_up(e.text);
		if (word != FUZZ_ALIKE)
			status = word == FUZZ_FOUND && status != 2 ? 1 : 2;
		if (word == FUZZ_DROPPED || word == FUZZ_INEXACT || word == FUZZ_ERROR)
			return status;
	}
	return status;
}

/* ---- the command ---------------------------------------------------------------------------- */

static int fuzz_here(struct options *o, const struct setup *setup)
{
	auto_free struct campaign *c = xcalloc(1, sizeof(*c));
	struct flight_config config;
	struct err e = {0};
	unsigned number = 0;
	int status = 0;

	c->o = o;
	c->setup = setup;
	c->random = o->seed;
	setup_flight(setup, &config);
	c->vm.driver = &kvm_driver;
	c->vm.config = config.vm;
	c->vm.config.dir = setup->log;
	c->vm.config.vcpus = 1;
	c->vm.config.deadline_ns = DEADLINE_NS;
	c->vm.oracles = !o->no_oracles;
	c->vm.control = o->control;
	c->vm.broken = config.broken;
	printf("KTAP version 1\n");
	if (fuzz_vm_start(&c->vm, o->enlightened))
		status = give_up(c->vm.err.text);
	c->started_ns = now_ns();
	for (unsigned i = 0; status < 2 && i < o->file_count; i++) {
		const int one = fly_file(c, o->files[i], &number);

		status = one > status ? one : status;
	}
	if (!status && !o->file_count)
		status = campaign_fly(c, &e);
	if (campaign_write(c, &e) || *e.text)
		status = give_up(e.text);
	fuzz_vm_end(&c->vm);
	free(c->kept);
	free(c->finding);
	return signals_pending() ? 128 + signals_pending() : status;
}

int cmd_fuzz(struct options *o)
{
	static const struct left left = {FUZZ_FILE, "what was flown", FUZZ_SCHEMA, FUZZ_VERSION};

	return fly_into_log(o, &left, fuzz_here);
}
