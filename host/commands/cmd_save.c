// SPDX-License-Identifier: BSD-2-Clause
// `midflight save` and `restore`: a flight that is cut in two. Beside the VM the file has the
// serial log up to the snapshot and what was asked for, so that the second half can judge the
// whole.
#include "host/commands/cmd.h"
#include "host/lab/lab.h"
#include "host/report/ktap.h"
#include "host/pages/serve.h"
#include "host/run/setup.h"
#include "host/base/signals.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTION_LOG    "SERIAL_LOG"
#define SECTION_FLIGHT "FLIGHT" /* `key=value` lines */
#define FLIGHT_MAX     1024

/* ---- what both halves must know ----------------------------------------------------------- */

static void put_flight(struct snapshot *s, const struct flight_config *c)
{
	auto_buf struct buf text = {0};

	buf_printf(&text, "scenario=%s\nhops=%u\nseed=%llu\n", c->scenario->name, c->hops,
		   (unsigned long long)c->seed);
	snapshot_add(s, SECTION_FLIGHT, text.p, text.len);
}

/* One of the three lines. */
static bool take_line(struct options *o, char *line)
{
	char *value = strchr(line, '=');
	uint64_t n;

	if (!value)
		return false;
	*value++ = '\0';
	if (!strcmp(line, "scenario")) {
		o->scenario[0] = scenario_find(value, strlen(value));
		o->scenarios = 1;
		return o->scenario[0] != NULL;
	}
	if (!parse_number(value, &n))
		return false;
	if (!strcmp(line, "hops") && n && n <= 1000000)
		o->hops = (unsigned)n;
	else if (!strcmp(line, "seed") && n <= INT64_MAX)
		o->seed = n;
	else
		return false;
	return true;
}

static int take_flight(struct options *o, const struct snapshot *s, struct err *e)
{
	const struct snapshot_section *section = snapshot_find(s, SECTION_FLIGHT);
	char text[FLIGHT_MAX + 1], *line, *rest = text;

	if (!section || !snapshot_find(s, SECTION_LOG))
		return err_set(e, "it has no section %s: not from `midflight save`",
			       section ? SECTION_LOG : SECTION_FLIGHT);
	if (section->len > FLIGHT_MAX || memchr(section->data, 0, section->len))
		return err_set(e, "section " SECTION_FLIGHT " is no text");
	memcpy(text, section->data, section->len);
	text[section->len] = '\0';
	while ((line = strsep(&rest, "\n")) && *line)
		if (!take_line(o, line))
			return err_set(e, "section " SECTION_FLIGHT ": cannot read '%s'", line);
	if (!o->scenarios)
		return err_set(e, "section " SECTION_FLIGHT " names no scenario");
	return 0;
}

/* ---- save --------------------------------------------------------------------------------- */

/* From the flight's snapshot.bin and serial.log to one file that has both. */
static int write_saved(const struct flight_config *c, const char *file, struct err *e)
{
	auto_free char *path = xasprintf("%s/snapshot.bin", c->vm.dir);
	auto_by(snapshot_free) struct snapshot s = {0};
	auto_buf struct buf log = {0};
	int ret;

	if (snapshot_read(&s, path, e) || read_file(c->vm.dir, "serial.log", &log, e))
		return -1;
	put_flight(&s, c);
	snapshot_add(&s, SECTION_LOG, buf_text(&log), log.len);
	ret = snapshot_write(&s, file, e);
	unlink(path);
	return ret;
}

static int save_here(const struct setup *s, struct flight_config *c)
{
	const struct options *o = s->o;
	auto_by(flight_result_free) struct flight_result r = {0};
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
	if (write_saved(c, o->file, &e))
		return give_up(e.text);
	state_words(&r.hop[c->save_hop - 1].state, words, sizeof(words));
	if (!o->quiet)
		printf("# saved: %s, hop %u of %u, %s\n", c->scenario->name, c->save_hop, c->hops,
		       words);
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

static int restore_snapshot(struct setup *s, struct options *o, const struct snapshot *saved)
{
	const struct snapshot_section *log = snapshot_find(saved, SECTION_LOG);
	struct flight_resume from = {0};
	struct flight_config c;
	struct err e = {0};
	auto_free char *dir = xasprintf("%s/%s.restored", s->log, o->scenario[0]->name);
	int status = 2;

	snapshot_encode(saved, &from.snapshot);
	buf_append(&from.log, log->data, log->len);
	kvm_state_summary(saved, &from.state);
	setup_flight(s, &c);
	c.scenario = o->scenario[0];
	c.control = true;
	c.resume = &from;
	c.vm.dir = dir;
	if (make_dirs(dir, &e) || (o->serve_from && serve_id(o->file, &c.vm.serve_id, &e)))
		give_up(e.text);
	else
		status = restore_here(s, &c);
	buf_free(&from.snapshot);
	buf_free(&from.log);
	return status;
}

int cmd_restore(struct options *o)
{
	auto_by(snapshot_free) struct snapshot saved = {0};
	struct options from_file = *o;
	struct err e = {0};
	struct setup s;

	if (snapshot_read(&saved, o->file, &e))
		return give_up(e.text);
	if (take_flight(&from_file, &saved, &e))
		return give_up_on(o->file, &e);
	if (setup(&s, o, &e))
		return give_up(e.text);
	if (s.lab && o->serve_from)
		return give_up(
			"--serve-from: the lab cannot reach that socket; start both commands "
			"in it");
	if (s.lab)
		return setup_become_lab(&s);
	*o = from_file;
	if (!o->shown_log)
		o->shown_log = s.log;
	if (s.missing)
		return setup_skip(&s);
	if (signals_init())
		return give_up("cannot set up signals");
	return restore_snapshot(&s, o, &saved);
}
