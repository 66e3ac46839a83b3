// SPDX-License-Identifier: BSD-2-Clause
// `midflight orders`: scenario x restore order. `midflight breakages`: scenario x what was broken
// between save and restore. Both fly each scenario once per column, one snapshot each.
#include "host/flight/break_came.h"
#include "host/commands/cmd.h"
#include "host/flight/known.h"
#include "host/run/setup.h"
#include "host/base/signals.h"
#include "host/base/cleanup.h"
#include "host/cli/plan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTROL	 "control"
#define UNBROKEN "unbroken"

/* Which scenario must notice what, or KVM itself; with --all the columns of the table. */
static const struct {
	const char *what, *by, *order;
	bool must_refuse;
	const char *known, *kernels; /* a KVM bug by which it does not, and where */
} caught[] = {
#define C(what, by, order)		   {what, by, order, false, "", ""},
#define R(what, by, order, known, kernels) {what, by, order, true, known, kernels},
#include "host/commands/caught.def"
#undef C
#undef R
};

enum cell {
	CELL_PASS,    /* survives; not noticed */
	CELL_KNOWN,   /* fails by a known KVM bug */
	CELL_REFUSED, /* KVM refuses a step of the restore */
	CELL_ENDED,   /* KVM takes it, and ends the VM before the guest runs on */
	CELL_WRONG,   /* KVM takes it, and the guest is not what it was */
	CELL_NOTHING, /* nothing to break in this state */
	CELL_SKIP,    /* the CPU cannot run it */
	CELL_ERROR,
	CELLS
};

/* Reasons are told below the table, each once. */
struct notes {
	char **text;
	unsigned count;
};

struct matrix {
	struct options *o;
	struct setup setup;
	struct notes notes;
	unsigned cells[CELLS];
};

static unsigned note(struct notes *n, const char *text)
{
	for (unsigned i = 0; i < n->count; i++)
		if (!strcmp(n->text[i], text))
			return i + 1;
	n->text = xrealloc(n->text, (n->count + 1) * sizeof(*n->text));
	n->text[n->count++] = xstrdup(text);
	return n->count;
}

/* The first thing that went wrong, in a few words. */
static void reason(const struct flight_result *r, struct buf *text)
{
	if (*r->refused)
		buf_printf(text, "%s", r->refused);
	else if (r->log.kept)
		buf_printf(text, "%s: %s", word_name(r->verdict.word), r->log.fail[0].check);
	else if (r->verdict.findings)
		buf_printf(text, "%s: %s", word_name(r->verdict.word), r->verdict.finding[0]);
	else
		buf_printf(text, "%s", word_name(r->verdict.word));
}

/* Thousands of flights: only the logs of what went wrong are of use, and no snapshots. */
static void clean(const char *dir, enum cell cell)
{
	static const char *const files[] = {"snapshot.bin", "now.bin", "serial.log"};
	const unsigned count = cell == CELL_WRONG || cell == CELL_REFUSED || cell == CELL_ENDED ||
					       cell == CELL_ERROR
				       ? 2
				       : ARRAY_SIZE(files);

	for (unsigned i = 0; i < count; i++) {
		auto_free char *path = xasprintf("%s/%s", dir, files[i]);

		unlink(path);
	}
	rmdir(dir); /* if it is empty now */
}

/* One flight into its own directory. */
static enum cell fly(struct matrix *m, struct flight_config *c, const char *column, bool control,
		     struct buf *why)
{
	const struct plan_item item = {c->scenario, control, c->post, METHOD_FILE, NULL};
	auto_by(flight_result_free) struct flight_result r = {0};
	auto_free char *dir = xasprintf("%s/%s.%s", m->setup.log, c->scenario->name, column);
	auto_free char *name = plan_key(&item); /* of the result, as `run` calls it */
	const struct known *known;
	enum cell cell;
	struct err e = {0};

	for (char *p = dir + strlen(m->setup.log) + 1; *p; p++)
		if (*p == '=' || *p == '/')
			*p = '-';
	c->vm.dir = dir;
	c->control = control;
	c->hops = 1;
	if (make_dirs(dir, &e))
		verdict_raise(&r.verdict, WORD_ERROR, "%s", e.text);
	else
		flight_run(c, &r);
	known = known_match(name, c, &r, true, NULL);
	if (r.verdict.word == WORD_PASS) {
		cell = CELL_PASS;
	} else if (r.verdict.word == WORD_SKIP) {
		cell = break_came(c, &r) == BREAK_NOTHING ? CELL_NOTHING : CELL_SKIP;
	} else if (*r.refused) {
		cell = CELL_REFUSED;
	} else if (known) {
		cell = CELL_KNOWN;
		buf_printf(why, "known KVM bug %s", known->id);
	} else {
		cell = r.verdict.word == WORD_ERROR && !r.log.kept ? CELL_ERROR : CELL_WRONG;
	}
	if (cell == CELL_WRONG && break_came(c, &r) == BREAK_ENDED && !r.oracle.findings)
		cell = CELL_ENDED;
	/* What went wrong before there was something to restore is nobody's merit. */
	if (r.interrupted ||
	    (!control && !r.proved && (cell == CELL_WRONG || cell == CELL_REFUSED)))
		cell = CELL_ERROR;
	if (cell == CELL_REFUSED || cell == CELL_ENDED || cell == CELL_WRONG || cell == CELL_ERROR)
		reason(&r, why);
	m->cells[cell]++;
	clean(dir, cell);
	return cell;
}

/* Words for a cell; @pass: what a flight without a finding means here. */
static void print_cell(struct matrix *m, enum cell cell, const char *pass, const struct buf *why)
{
	static const char *const words[CELLS] = {
		[CELL_KNOWN] = "known bug", [CELL_REFUSED] = "refused", [CELL_ENDED] = "ended",
		[CELL_WRONG] = "wrong",	    [CELL_NOTHING] = "-",	[CELL_SKIP] = "skip",
		[CELL_ERROR] = "error"};

	printf(" %s", cell == CELL_PASS ? pass : words[cell]);
	if (why->len)
		printf(" [%u]", note(&m->notes, why->p));
	printf(" |");
}

/*
 * What a row stands on, the control or the flight with nothing broken (@column). True if the row
 * makes sense.
 */
static bool row_possible(struct matrix *m, struct flight_config *c, const char *column)
{
	const bool control = !strcmp(column, CONTROL);
	auto_buf struct buf why = {0};
	unsigned before[CELLS];
	enum cell cell;

	memcpy(before, m->cells, sizeof(before));
	cell = fly(m, c, column, control, &why);
	if (cell != CELL_ERROR) /* it is no cell of the table */
		memcpy(m->cells, before, sizeof(before));
	if (cell == CELL_PASS)
		return true;
	if (cell == CELL_SKIP)
		printf(" skip |\n");
	else
		printf(" %s: %s |\n", control ? "the control fails" : "fails with nothing broken",
		       why.len ? why.p : "?");
	return false;
}

static void head(const char *first)
{
	printf("| %s |", first);
	fflush(stdout);
}

static void rule(unsigned columns)
{
	printf("\n|");
	for (unsigned i = 0; i <= columns; i++)
		printf(" --- |");
	printf("\n");
}

static void print_notes(const struct matrix *m)
{
	printf("\n");
	for (unsigned i = 0; i < m->notes.count; i++) {
		printf("[%u] ", i + 1);
		print_lines(stdout, "", m->notes.text[i]);
	}
}

/* All built-in orders, allocated; @count: how many. */
static struct order *load_orders(unsigned *count)
{
	const char *names = order_names();
	struct order *order = NULL;
	struct err e = {0};
	char name[64];

	for (*count = 0; word_next(&names, '|', name, sizeof(name)); ++*count) {
		order = xrealloc(order, (*count + 1) * sizeof(*order));
		if (order_load(&order[*count], name, &e))
			abort(); /* a name that order_names() has told */
	}
	return order;
}

static int orders(struct matrix *m)
{
	unsigned count;
	struct order *order = load_orders(&count);

	head("scenario");
	for (unsigned i = 0; i < count; i++)
		printf(" %s |", order[i].name);
	rule(count);
	for (unsigned s = 0; s < m->o->scenarios && !signals_pending(); s++) {
		struct flight_config c;

		setup_flight(&m->setup, &c);
		c.scenario = m->o->scenario[s];
		c.post = POST_RESTORED;
		head(c.scenario->name);
		if (!row_possible(m, &c, CONTROL))
			continue;
		for (unsigned i = 0; i < count && !signals_pending(); i++) {
			auto_buf struct buf why = {0};

			c.vm.order = &order[i];
			print_cell(m, fly(m, &c, order[i].name, false, &why), "survives", &why);
			fflush(stdout);
		}
		printf("\n");
	}
	free(order);
	print_notes(m);
	printf("# %u survive, %u wrong, %u refused, %u by known KVM bugs, %u errors\n",
	       m->cells[CELL_PASS], m->cells[CELL_WRONG], m->cells[CELL_REFUSED],
	       m->cells[CELL_KNOWN], m->cells[CELL_ERROR]);
	return m->cells[CELL_ERROR] ? 2 : 0;
}

/* All breakages in all scenarios. */
static int breakages_all(struct matrix *m)
{
	head("scenario");
	for (unsigned i = 0; i < ARRAY_SIZE(caught); i++)
		printf(" %s |", caught[i].what);
	rule(ARRAY_SIZE(caught));
	for (unsigned s = 0; s < m->o->scenarios && !signals_pending(); s++) {
		struct flight_config c;

		setup_flight(&m->setup, &c);
		c.scenario = m->o->scenario[s];
		head(c.scenario->name);
		if (!row_possible(m, &c, CONTROL) || !row_possible(m, &c, UNBROKEN))
			continue;
		for (unsigned i = 0; i < ARRAY_SIZE(caught) && !signals_pending(); i++) {
			auto_buf struct buf why = {0};

			c.broken = caught[i].what;
			print_cell(m, fly(m, &c, caught[i].what, false, &why), "", &why);
			fflush(stdout);
		}
		printf("\n");
	}
	print_notes(m);
	return 0;
}

/* Whether the scenario of row @i passes when nothing is broken; the same flight is flown once. */
static enum cell unbroken(struct matrix *m, struct flight_config *c, unsigned i, struct buf *why)
{
	static enum cell known[ARRAY_SIZE(caught)];
	const char *broken = c->broken;

	known[i] = CELLS;
	for (unsigned n = 0; n < i && known[i] != CELL_PASS; n++)
		if (!strcmp(caught[n].by, caught[i].by) &&
		    !strcmp(caught[n].order, caught[i].order))
			known[i] = known[n];
	if (known[i] != CELL_PASS) {
		c->broken = NULL;
		known[i] = fly(m, c, UNBROKEN, false, why);
		c->broken = broken;
	}
	return known[i];
}

/* Whether row @i is wanted: its scenario was chosen, or there is none of that name. */
static bool chosen(const struct matrix *m, unsigned i)
{
	const struct scenario *s = scenario_find(caught[i].by, strlen(caught[i].by));

	for (unsigned n = 0; s && n < m->o->scenarios; n++)
		if (m->o->scenario[n] == s)
			return true;
	return !s;
}

/* One row of caught.def: the scenario must pass with nothing broken, and then notice. */
static enum cell breakage(struct matrix *m, unsigned i, struct buf *why)
{
	struct flight_config c;
	struct order order;
	enum cell cell;
	struct err e = {0};

	setup_flight(&m->setup, &c);
	c.scenario = scenario_find(caught[i].by, strlen(caught[i].by));
	c.broken = caught[i].what;
	if (!c.scenario) {
		buf_printf(why, "there is no such scenario");
		return CELL_ERROR;
	}
	if (*caught[i].order) {
		if (order_load(&order, caught[i].order, &e)) {
			buf_printf(why, "%s", e.text);
			return CELL_ERROR;
		}
		c.vm.order = &order;
	}
	cell = unbroken(m, &c, i, why);
	if (cell == CELL_PASS)
		return fly(m, &c, caught[i].what, false, why);
	if (cell == CELL_KNOWN) {
		buf_printf(why, " with nothing broken: --patch fixes flies it without");
		return CELL_SKIP;
	}
	if (cell == CELL_SKIP) {
		buf_printf(why, "cannot run here");
		return cell;
	}
	buf_printf(why, " (with nothing broken)");
	return CELL_ERROR;
}

enum outcome { SKIPPED, CAUGHT, NOT_CAUGHT, REFUSED, TAKEN, TAKEN_KNOWN, OUTCOMES };

/* What came of row @i. */
static enum outcome outcome_of(unsigned i, enum cell cell)
{
	const bool must = caught[i].must_refuse;

	switch (cell) {
	case CELL_SKIP:
		return SKIPPED;
	case CELL_REFUSED:
		return REFUSED;
	case CELL_ENDED:
		return must ? REFUSED : CAUGHT;
	case CELL_WRONG:
	case CELL_PASS:
		if (!must)
			return cell == CELL_WRONG ? CAUGHT : NOT_CAUGHT;
		return *caught[i].known && known_in_kernel(caught[i].kernels, known_kernel())
			       ? TAKEN_KNOWN
			       : TAKEN;
	default:
		return NOT_CAUGHT;
	}
}

static void print_row(unsigned i, unsigned row, enum outcome outcome, const char *why)
{
	static const char *const ok[OUTCOMES] = {"ok", "ok", "not ok", "ok", "not ok", "not ok"};
	const char *by = caught[i].by;

	printf("%s %u - %s # ", ok[outcome], row, caught[i].what);
	if (outcome == SKIPPED)
		printf("SKIP %s: ", by);
	else if (outcome == REFUSED && caught[i].must_refuse)
		printf("refused by KVM, as it must in %s: ", by);
	else if (outcome == REFUSED)
		printf("refused by KVM before %s could notice: ", by);
	else if (outcome == TAKEN)
		printf("TAKEN by KVM, which must refuse it in %s: ", by);
	else if (outcome == TAKEN_KNOWN)
		printf("TODO known KVM bug: %s, taken by KVM in %s: ", caught[i].known, by);
	else
		printf("%scaught by %s: ", outcome == CAUGHT ? "" : "not ", by);
	printf("%s\n", why);
}

/* Each breakage in the scenario that must notice it, or in which KVM must refuse it, as KTAP. */
static int breakages(struct matrix *m)
{
	unsigned rows = 0, row = 0, count[OUTCOMES] = {0};

	for (unsigned i = 0; i < ARRAY_SIZE(caught); i++)
		rows += chosen(m, i);
	printf("KTAP version 1\n1..%u\n", rows);
	for (unsigned i = 0; i < ARRAY_SIZE(caught) && !signals_pending(); i++) {
		auto_buf struct buf why = {0};
		enum outcome outcome;
		enum cell cell;

		if (!chosen(m, i))
			continue;
		cell = breakage(m, i, &why);
		outcome = outcome_of(i, cell);
		count[outcome]++;
		print_row(i, ++row, outcome,
			  why.len		 ? why.p
			  : cell == CELL_NOTHING ? "nothing to break"
						 : "passed");
		fflush(stdout);
	}
	printf("# midflight: %u breakages, %u caught, %u refused by KVM, %u not caught, %u taken "
	       "that KVM must refuse, %u of them by known KVM bugs\n",
	       rows, count[CAUGHT], count[REFUSED], count[NOT_CAUGHT],
	       count[TAKEN] + count[TAKEN_KNOWN], count[TAKEN_KNOWN]);
	if (count[NOT_CAUGHT] || count[TAKEN])
		return 1;
	return count[CAUGHT] || count[REFUSED] || count[TAKEN_KNOWN] ? 0 : 4;
}

int cmd_matrix(struct options *o)
{
	struct matrix m = {.o = o};
	struct err e = {0};
	int status;

	if (setup(&m.setup, o, &e))
		return give_up(e.text);
	if (m.setup.lab)
		return setup_become_lab(&m.setup);
	if (m.setup.missing) {
		printf("# SKIP %s (%s)\n", m.setup.missing, kvm_probe_advice(&m.setup.probe));
		return 4;
	}
	if (signals_init())
		return give_up("cannot set up signals");
	status = o->command == CMD_ORDERS ? orders(&m) : o->all ? breakages_all(&m) : breakages(&m);
	for (unsigned i = 0; i < m.notes.count; i++)
		free(m.notes.text[i]);
	free(m.notes.text);
	return signals_pending() ? 128 + signals_pending() : status;
}
