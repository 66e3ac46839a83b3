// SPDX-License-Identifier: BSD-2-Clause
// One program with and without a snapshot: what differs, and how little of it is enough.
#include "host/fuzz/fuzz.h"
#include "host/base/signals.h"
#include "host/fuzz/steps.h"
#include "host/fuzz/trace.h"

#include <string.h>

#define TRIES_MAX 150
#define ORACLE	  "oracle " /* of kinds */

/* @why and @kind of a trace that is another one from word @i on. */
static void tell_trace(struct fuzz_compared *c, int i)
{
	const struct program_trace *a = &c->control.trace, *b = &c->frozen.trace;
	const bool a_longer = (unsigned)i < a->words;
	char name[64];

	trace_name(a_longer ? a : b, (unsigned)i, name, sizeof(name));
	snprintf(c->why, sizeof(c->why), "%s: expected %#llx, found %#llx", name,
		 (unsigned long long)(a_longer ? a->word[i] : 0),
		 (unsigned long long)((unsigned)i < b->words ? b->word[i] : 0));
	trace_kind(name, c->kind, sizeof(c->kind));
}

static bool differ_anyhow(struct fuzz_compared *c)
{
	const struct fuzz_flown *f = &c->frozen;
	int i;

	switch (f->outcome) {
	case FUZZ_ENDED:
		snprintf(c->why, sizeof(c->why), "the VM ended: %s", f->text);
		snprintf(c->kind, sizeof(c->kind), "the VM ended");
		return true;
	case FUZZ_STUCK:
		snprintf(c->why, sizeof(c->why), "the program does not come to its end");
		snprintf(c->kind, sizeof(c->kind), "no end");
		return true;
	case FUZZ_REFUSED:
		snprintf(c->why, sizeof(c->why), "refused: %s", f->text);
		snprintf(c->kind, sizeof(c->kind), "refused: %.70s", f->text);
		return true;
	default:
		break;
	}
	i = trace_differs(&c->control.trace, &f->trace);
	if (i >= 0) {
		tell_trace(c, i);
		return true;
	}
	if (!f->oracle.findings)
		return false;
	snprintf(c->why, sizeof(c->why), "oracle %s: %s: %s", f->oracle.finding[0].oracle,
		 f->oracle.finding[0].field, f->oracle.finding[0].text);
	snprintf(c->kind, sizeof(c->kind), ORACLE "%.20s: %.50s", f->oracle.finding[0].oracle,
		 f->oracle.finding[0].field);
	return true;
}

/* What the host did at the mark is part of the kind: other bugs leave the same words. */
static bool differ(struct fuzz_compared *c)
{
	const bool differs = differ_anyhow(c);
	char kind[sizeof(c->kind)];

	if (!differs)
		return false;
	memcpy(kind, c->kind, sizeof(kind));
	snprintf(c->kind, sizeof(c->kind), "%s: %.*s",
		 program_acts[PROGRAM_MARK_ACT(c->frozen.mark) % PROGRAM_ACTS].word,
		 (int)sizeof(kind) - 16, kind);
	return true;
}

/* Flies @p into @f. False: we could not, and @c says why. */
static bool flew(struct fuzz_vm *v, const struct program_lists *p, int mark, bool fresh,
		 struct fuzz_flown *f, struct fuzz_compared *c)
{
	if (fresh)
		fuzz_vm_renew(v, NULL);
	fuzz_fly(v, p, mark, f);
	if (f->outcome == FUZZ_FAILED)
		snprintf(c->why, sizeof(c->why), "%s", f->text);
	return f->outcome != FUZZ_FAILED;
}

enum fuzz_word fuzz_controls(struct fuzz_vm *v, const struct program_lists *p, bool fresh,
			     struct fuzz_compared *c)
{
	*c->why = *c->kind = '\0';
	if (!flew(v, p, -1, fresh, &c->control, c))
		return FUZZ_ERROR;
	if (c->control.outcome != FUZZ_DONE)
		return FUZZ_DROPPED;
	if (!c->control.marks && !v->sleeps_on) /* one that no host looks after has none */
		return FUZZ_NO_MARK;
	if (!flew(v, p, -1, fresh, &c->again, c))
		return FUZZ_ERROR;
	return c->again.outcome == FUZZ_DONE &&
			       trace_differs(&c->control.trace, &c->again.trace) < 0
		       ? FUZZ_ALIKE
		       : FUZZ_INEXACT;
}

enum fuzz_word fuzz_frozen(struct fuzz_vm *v, const struct program_lists *p, int mark, bool fresh,
			   struct fuzz_compared *c)
{
	if (mark < 0 || mark >= (int)c->control.marks)
		return FUZZ_NO_MARK;
	if (!flew(v, p, mark, fresh, &c->frozen, c))
		return FUZZ_ERROR;
	return differ(c) ? FUZZ_FOUND : c->frozen.frozen ? FUZZ_ALIKE : FUZZ_NO_MARK;
}

enum fuzz_word fuzz_compare(struct fuzz_vm *v, const struct program_lists *p, int mark, bool fresh,
			    struct fuzz_compared *c)
{
	const enum fuzz_word word = fuzz_controls(v, p, fresh, c);

	return word == FUZZ_ALIKE ? fuzz_frozen(v, p, mark, fresh, c) : word;
}

/*
 * Whether @p fails in the way of @kind at *@mark, or at one of the two before. One control is
 * enough here: what is left in the end is flown with two.
 */
static bool still(struct fuzz_vm *v, const struct program_lists *p, int *mark, const char *kind,
		  struct fuzz_compared *c)
{
	if (!flew(v, p, -1, false, &c->control, c) || c->control.outcome != FUZZ_DONE)
		return false;
	for (int m = *mark; m >= 0 && m >= *mark - 2; m--) { /* a step may have two */
		if (fuzz_frozen(v, p, m, false, c) != FUZZ_FOUND || strcmp(c->kind, kind) != 0)
			continue;
		*mark = m;
		return true;
	}
	return false;
}

/* What a program is made smaller by: it must go on failing as it did. */
struct smaller {
	struct fuzz_vm *v;
	struct program_lists *p;
	int *mark;
	char kind[sizeof(((struct fuzz_compared *)0)->kind)];
	struct fuzz_compared *c;
	unsigned tries; /* that are left */
};

/* Takes @try for the program if it still fails. */
static bool take(struct smaller *s, const struct program_lists *try)
{
	if (!s->tries || signals_pending())
		return false;
	s->tries--;
	if (!still(s->v, try, s->mark, s->kind, s->c))
		return false;
	*s->p = *try;
	return true;
}

static void drop_steps(struct smaller *s)
{
	bool less = true;

	while (less) {
		less = false;
		for (int l1 = 1; l1 >= 0; l1--)
			for (int i = (int)program_count(l1 ? s->p->l1 : s->p->l2) - 1; i >= 0;
			     i--) {
				struct program_lists try = *s->p;

				program_drop(l1 ? try.l1 : try.l2, (unsigned)i);
				less |= take(s, &try);
			}
	}
	if (s->p->flags) {
		struct program_lists plain = *s->p;

		plain.flags = 0;
		take(s, &plain);
	}
}

/* Bits go from @step of the program, as long as it still fails: all of them, then halves. */
static void drop_bits(struct smaller *s, bool l1, unsigned i, char kind, unsigned nth)
{
	for (unsigned width = 64; width; width /= 2)
		for (unsigned at = 0; at < 64; at += width) {
			const uint64_t mask = width == 64 ? ~0ull : ((1ull << width) - 1) << at;
			struct program_lists try = *s->p;
			struct program_step *step = &(l1 ? try.l1 : try.l2)[i];
			const uint64_t value = step_operand(step, kind, nth);

			if (!(value & mask))
				continue;
			step_set_operand(step, kind, nth, value & ~mask);
			take(s, &try);
		}
}

/* Operands that are numbers, but for when to freeze. */
static void drop_operands(struct smaller *s)
{
	for (int l1 = 1; l1 >= 0; l1--)
		for (unsigned i = 0; i < program_count(l1 ? s->p->l1 : s->p->l2); i++) {
			const uint8_t op = (l1 ? s->p->l1 : s->p->l2)[i].op;
			const char *kinds = step_infos[op].operands;

			for (unsigned n = 0; kinds[n] && !strchr(kinds, 'a'); n++)
				if (strchr("npx", kinds[n]))
					drop_bits(s, l1, i, kinds[n], n);
		}
}

/* If what the host did at the marks does not matter it goes, and is no part of the kind any more.
 */
static void drop_acts(struct smaller *s)
{
	struct program_lists alone = *s->p;
	char kind[sizeof(s->kind)];

	for (int l1 = 1; l1 >= 0; l1--)
		for (struct program_step *step = l1 ? alone.l1 : alone.l2; step->op; step++)
			if (strchr(step_infos[step->op].operands, 'a'))
				step->a = 0;
	memcpy(kind, s->kind, sizeof(kind));
	snprintf(s->kind, sizeof(s->kind), "%s%.*s", program_acts[0].word,
		 (int)sizeof(s->kind) - 16, strchr(kind, ':') ?: "");
	if (!take(s, &alone))
		memcpy(s->kind, kind, sizeof(kind));
}

void fuzz_minimise(struct fuzz_vm *v, struct program_lists *p, int *mark, struct fuzz_compared *c)
{
	const bool oracles = v->oracles;
	struct smaller s = {v, p, mark, "", c, TRIES_MAX};

	memcpy(s.kind, c->kind, sizeof(s.kind));
	v->oracles = strstr(s.kind, ": " ORACLE) != NULL; /* else they only take time */
	drop_acts(&s);
	drop_steps(&s);
	s.tries = TRIES_MAX / 2;
	drop_operands(&s);
	v->oracles = oracles;
}
