// SPDX-License-Identifier: BSD-2-Clause
// `midflight save` and `restore`: a flight that is cut in two (host/flight/half.h).
#include "host/commands/cmd.h"
#include "host/flight/half.h"
#include "host/kvm/kvm_offers.h"
#include "host/lab/lab.h"
#include "host/report/ktap.h"
#include "host/pages/serve.h"
#include "host/run/setup.h"
#include "host/base/signals.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- save --------------------------------------------------------------------------------- */

static int save_here(const struct setup *s, struct flight_config *c)
{
	const struct options *o = s->o;
	auto_by(flight_result_free) struct flight_result r = {0};
	auto_free char *path = xasprintf("%s/snapshot.bin", c->vm.dir);
	auto_by(snapshot_free) struct snapshot saved = {0};
	struct err e = {0};
	char words[128];

	flight_run(c, &r);
	if (r.interrupted)
		return 128 + signals_pending();
	if (r.verdict.word != WORD_PASS || !r.saved) {
		printf("# not saved: %s\n", word_name(r.verdict.word));
		for (unsigned i = 0; i < r.verdict.findings; i++)
			print_lines(stdout, "#   ", r.verdict.finding[i]);
		if (!r.verdict.findings)
			printf("#   the flight ended before hop %u\n", c->save_hop);
		return r.verdict.word == WORD_SKIP ? 4 : r.verdict.word <= WORD_ERROR ? 2 : 1;
	}
	if (snapshot_read(&saved, path, &e) || snapshot_write(&saved, o->file, &e))
		return give_up(e.text);
	unlink(path);
	state_words(&r.hop[c->save_hop - 1].state, words, sizeof(words));
	if (!o->quiet)
		printf("# saved: %s, hop %u of %u, %s\n", c->scenario->name, c->save_hop, c->hops,
		       words);
	return 0;
}

/* What KVM offers to a VM, in the same kind of file. */
static int save_offers(const struct options *o)
{
	auto_by(snapshot_free) struct snapshot offers = {0};
	struct err e = {0};

	if (kvm_offers_save(&offers, &e) || snapshot_write(&offers, o->file, &e))
		return give_up(e.text);
	if (!o->quiet)
		printf("# saved: what this KVM offers to a VM\n");
	return 0;
}

/* The lab leaves the file in the log directory. */
static int save_in_lab(const struct setup *s)
{
	auto_free char *path = xasprintf("%s/%s", s->log, LAB_SNAPSHOT);
	auto_by(snapshot_free) struct snapshot saved = {0};
	struct err e = {0};
	int status;

	setup_say_lab(s);
	unlink(path);
	status = lab_run(s->o, NULL, s->image, s->log, NULL, &e);
	if (status < 0)
		status = give_up(e.text);
	if (!status && (snapshot_read(&saved, path, &e) || snapshot_write(&saved, s->o->file, &e)))
		status = give_up(e.text);
	unlink(path);
	return status;
}

int cmd_save(struct options *o)
{
	struct flight_config c;
	struct err e = {0};
	struct setup s;
	auto_free char *dir = NULL;

	if (setup(&s, o, &e))
		return give_up(e.text);
	if (s.lab)
		return save_in_lab(&s);
	if (s.missing)
		return setup_skip(&s);
	if (signals_init())
		return give_up("cannot set up signals");
	if (o->offers)
		return save_offers(o);
	setup_flight(&s, &c);
	c.scenario = o->scenario[0];
	c.control = true;
	c.save_hop = o->hops_before + 1;
	dir = xasprintf("%s/save", s.log);
	c.vm.dir = dir;
	return make_dirs(dir, &e) ? give_up(e.text) : save_here(&s, &c);
}

/* ---- restore ------------------------------------------------------------------------------ */

static int restore_here(const struct setup *s, struct flight_config *c)
{
	struct report report;
	auto_by(flight_result_free) struct flight_result r = {0};
	auto_free char *name = xasprintf("%s.restored", c->scenario->name);
	struct report_entry entry = {.name = name, .key = name, .config = c, .result = &r};
	struct err e = {0};

	report_begin(&report, s->o, stdout, s->o->shown_log, 1, 1);
	flight_run(c, &r);
	report_pages(stdout, NULL, &r, true, s->o->pages_config.late);
	entry.known = known_match(c->scenario->name, c, &r, true, NULL);
	if (!r.interrupted)
		report_result(&report, &entry);
	report.interrupted = r.interrupted;
	if (report_end(&report, s->log, &e))
		return give_up(e.text);
	return signals_pending() ? 128 + signals_pending() : report_status(&report);
}

static int restore_half(struct setup *s, struct flight_config *c)
{
	const struct options *o = s->o;
	auto_free char *dir = xasprintf("%s/%s.restored", s->log, c->scenario->name);
	struct err e = {0};

	c->control = true; /* behind the next hop nothing is saved */
	c->vm.dir = dir;
	if (make_dirs(dir, &e) || (o->serve_from && serve_id(o->file, &c->vm.serve_id, &e)))
		return give_up(e.text);
	return restore_here(s, c);
}

int cmd_restore(struct options *o)
{
	auto_by(snapshot_free) struct snapshot saved = {0};
	auto_by(half_free) struct flight_resume from = {0};
	struct flight_config c;
	struct err e = {0};
	struct setup s;

	if (snapshot_read(&saved, o->file, &e) || setup(&s, o, &e))
		return give_up(e.text);
	setup_flight(&s, &c);
	if (half_resume(&saved, &c, &from, &e))
		return give_up_on(o->file, &e);
	if (s.lab && o->serve_from)
		return give_up(
			"--serve-from: the lab cannot reach that socket; start both commands "
			"in it");
	if (s.lab)
		return setup_become_lab(&s);
	o->scenario[0] = c.scenario;
	o->scenarios = 1;
	o->hops = c.hops;
	o->seed = c.seed;
	if (!o->shown_log)
		o->shown_log = s.log;
	if (s.missing)
		return setup_skip(&s);
	if (signals_init())
		return give_up("cannot set up signals");
	return restore_half(&s, &c);
}
