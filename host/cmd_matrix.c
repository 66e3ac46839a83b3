// SPDX-License-Identifier: BSD-2-Clause
// `midflight orders`: scenario x restore order. `midflight breakages`: scenario x what was broken
// between save and restore. Both fly each scenario once per column, one snapshot each.
#include "host/break.h"
#include "host/cmd.h"
#include "host/lab.h"
#include "host/signals.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOTES_MAX  256
#define ORDERS_MAX 16

/* Which scenario must notice what; with --all the columns of the table. */
static const struct {
	const char *what, *by, *order;
} caught[] = {
#define C(what, by, order) {what, by, order},
#include "host/caught.def"
#undef C
};

enum cell {
	CELL_PASS,    /* survives; not noticed */
	CELL_KNOWN,   /* fails by a known KVM bug */
	CELL_REFUSED, /* KVM refuses a step of the restore */
	CELL_WRONG,   /* KVM takes it, and the guest is not what it was */
	CELL_NOTHING, /* nothing to break in this state */
	CELL_SKIP,    /* the CPU cannot run it */
	CELL_ERROR,
	CELLS
};

/* Reasons are told below the table, each once. */
struct notes {
	char *text[NOTES_MAX];
	unsigned count;
};

struct matrix {
	struct options *o;
	struct setup setup;
	struct notes notes;
	unsigned cells[CELLS];
	unsigned not_caught;
};

static unsigned note(struct notes *n, const char *text)
{
	for (unsigned i = 0; i < n->count; i++)
		if (!strcmp(n->text[i], text))
			return i + 1;
	if (n->count == NOTES_MAX)
		return NOTES_MAX;
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
	static const char *const files[] = {"snapshot.bin", "serial.log"};
	const unsigned count = cell == CELL_WRONG || cell == CELL_REFUSED || cell == CELL_ERROR
				       ? 1
				       : ARRAY_SIZE(files);

	for (unsigned i = 0; i < count; i++) {
		char *path = xasprintf("%s/%s", dir, files[i]);

		unlink(path);
		free(path);
	}
	rmdir(dir); /* if it is empty now */
}

/* One flight into its own directory. */
static enum cell fly(struct matrix *m, struct flight_config *c, const char *column, bool control,
		     struct buf *why)
{
	struct flight_result r = {0};
	const struct known *known;
	enum cell cell;
	char *dir = xasprintf("%s/%s.%s", m->setup.log, c->scenario->name, column), *name;
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
	name = c->scenario->posts ? xasprintf("%s.%s", c->scenario->name, post_name(c->post))
				  : xstrdup(c->scenario->name);
	known = known_match(name, c->method, &r.log, &r.verdict, NULL, "", true, NULL);
	free(name);
	if (r.verdict.word == WORD_PASS) {
		cell = CELL_PASS;
	} else if (r.verdict.word == WORD_SKIP) {
		cell = c->broken && !r.log.skipped ? CELL_NOTHING : CELL_SKIP;
	} else if (*r.refused) {
		cell = CELL_REFUSED;
	} else if (known && !c->broken) {
		cell = CELL_KNOWN;
		buf_printf(why, "known KVM bug %s", known->id);
	} else {
		cell = r.verdict.word == WORD_ERROR && !r.log.kept ? CELL_ERROR : CELL_WRONG;
	}
	if (cell == CELL_REFUSED || cell == CELL_WRONG || cell == CELL_ERROR)
		reason(&r, why);
	m->cells[cell]++;
	clean(dir, cell);
	flight_result_free(&r);
	free(dir);
	return cell;
}

/* Words for a cell; @pass: what a flight without a finding means here. */
static void print_cell(struct matrix *m, enum cell cell, const char *pass, const struct buf *why)
{
	static const char *const words[CELLS] = {
		[CELL_KNOWN] = "known bug", [CELL_REFUSED] = "refused", [CELL_WRONG] = "wrong",
		[CELL_NOTHING] = "-",	    [CELL_SKIP] = "skip",	[CELL_ERROR] = "error"};

	printf(" %s", cell == CELL_PASS ? pass : words[cell]);
	if (why->len)
		printf(" [%u]", note(&m->notes, why->p));
	printf(" |");
}

/* The control of a row. True if the row makes sense. */
static bool row_possible(struct matrix *m, struct flight_config *c)
{
	struct buf why = {0};
	unsigned before = m->cells[CELL_PASS];
	enum cell cell;

	printf("| %s |", c->scenario->name);
	fflush(stdout);
	cell = fly(m, c, "control", true, &why);
	m->cells[CELL_PASS] = before;
	if (cell == CELL_PASS)
		return true;
	if (cell == CELL_SKIP)
		printf(" skip |\n");
	else
		printf(" the control fails: %s |\n", why.len ? why.p : "?");
	buf_free(&why);
	return false;
}

static void head(const char *first)
{
	printf("| %s |", first);
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

static unsigned load_orders(struct order order[ORDERS_MAX])
{
	unsigned count = 0;
	struct err e;

	for (const char *p = order_names(); *p && count < ORDERS_MAX;) {
		size_t len = strcspn(p, "|");
		char *name = xasprintf("%.*s", (int)len, p);

		count += !order_load(&order[count], name, &e);
		free(name);
		p += len + (p[len] == '|');
	}
	return count;
}

static int orders(struct matrix *m)
{
	struct order order[ORDERS_MAX];
	unsigned count = load_orders(order);

	head("scenario");
	for (unsigned i = 0; i < count; i++)
		printf(" %s |", order[i].name);
	rule(count);
	for (unsigned s = 0; s < m->o->scenarios && !signals_pending(); s++) {
		struct flight_config c;

		setup_flight(&m->setup, &c);
		c.scenario = m->o->scenario[s];
		c.post = POST_RESTORED;
		if (!row_possible(m, &c))
			continue;
		for (unsigned i = 0; i < count && !signals_pending(); i++) {
			struct buf why = {0};

			c.vm.order = &order[i];
			print_cell(m, fly(m, &c, order[i].name, false, &why), "survives", &why);
			fflush(stdout);
			buf_free(&why);
		}
		printf("\n");
	}
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
		if (!row_possible(m, &c))
			continue;
		for (unsigned i = 0; i < ARRAY_SIZE(caught) && !signals_pending(); i++) {
			struct buf why = {0};

			c.broken = caught[i].what;
			print_cell(m, fly(m, &c, caught[i].what, false, &why), "", &why);
			fflush(stdout);
			buf_free(&why);
		}
		printf("\n");
	}
	print_notes(m);
	return 0;
}

/* Each breakage in the scenario that must notice it, as KTAP. */
static int breakages(struct matrix *m)
{
	printf("KTAP version 1\n1..%zu\n", ARRAY_SIZE(caught));
	for (unsigned i = 0; i < ARRAY_SIZE(caught) && !signals_pending(); i++) {
		struct flight_config c;
		struct order order;
		struct buf why = {0};
		enum cell cell;
		struct err e;

		setup_flight(&m->setup, &c);
		c.scenario = scenario_find(caught[i].by, strlen(caught[i].by));
		c.broken = caught[i].what;
		if (*caught[i].order && !order_load(&order, caught[i].order, &e))
			c.vm.order = &order;
		if (!c.scenario) {
			printf("not ok %u - %s # there is no scenario %s\n", i + 1, caught[i].what,
			       caught[i].by);
			m->not_caught++;
			continue;
		}
		cell = fly(m, &c, caught[i].what, false, &why);
		if (cell == CELL_SKIP)
			printf("ok %u - %s # SKIP %s cannot run here\n", i + 1, caught[i].what,
			       c.scenario->name);
		else if (cell == CELL_WRONG || cell == CELL_REFUSED)
			printf("ok %u - %s # caught by %s: %s\n", i + 1, caught[i].what,
			       c.scenario->name, why.p);
		else
			printf("not ok %u - %s # not caught by %s: %s\n", i + 1, caught[i].what,
			       c.scenario->name,
			       why.len		      ? why.p
			       : cell == CELL_NOTHING ? "nothing to break"
						      : "passed");
		m->not_caught += cell != CELL_SKIP && cell != CELL_WRONG && cell != CELL_REFUSED;
		fflush(stdout);
		buf_free(&why);
	}
	printf("# midflight: %zu breakages, %u not caught\n", ARRAY_SIZE(caught), m->not_caught);
	return m->not_caught ? 1 : 0;
}

int cmd_matrix(struct options *o)
{
	struct matrix m = {.o = o};
	struct err e = {0};
	int status;

	if (setup(&m.setup, o, &e))
		return fail(e.text);
	if (m.setup.lab) {
		setup_say_lab(&m.setup);
		lab_exec(o, m.setup.image, m.setup.log, &e);
		return fail(e.text);
	}
	if (m.setup.missing) {
		printf("# SKIP %s (%s)\n", m.setup.missing, kvm_probe_advice(&m.setup.probe));
		return 4;
	}
	if (signals_init())
		return fail("cannot set up signals");
	status = o->command == CMD_ORDERS ? orders(&m) : o->all ? breakages_all(&m) : breakages(&m);
	for (unsigned i = 0; i < m.notes.count; i++)
		free(m.notes.text[i]);
	return signals_pending() ? 128 + signals_pending() : status;
}
