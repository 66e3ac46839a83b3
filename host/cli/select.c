// SPDX-License-Identifier: BSD-2-Clause
// Which scenarios a command line means: names, patterns, groups, and all but some.
#include "host/base/cleanup.h"
#include "host/base/nearest.h"
#include "host/cli/select.h"

#include <ctype.h>
#include <fnmatch.h>
#include <string.h>
#include <strings.h>

/* Whether "all" has @s: with driver kvm run and cross mean those of an enlightened L1, too. */
static bool in_all(const struct options *o, const struct scenario *s)
{
	return s->enlightened == o->enlightened ||
	       (s->enlightened && (options_run(o) || o->command == CMD_CROSS) &&
		!strcmp(o->driver, "kvm"));
}

/*
 * Whether @pattern means @s. One that an enlightened L1 flies is meant by its name, by a pattern
 * that has its "evmcs", or by --enlightened, with which NAME means NAME_evmcs.
 */
static bool means(const struct options *o, const char *pattern, const struct scenario *s)
{
	char first[64];

	if (!strcmp(pattern, "all"))
		return in_all(o, s);
	if (!s->enlightened)
		return !o->enlightened && !fnmatch(pattern, s->name, 0);
	if (!fnmatch(pattern, s->name, 0))
		return o->enlightened || !strcmp(pattern, s->name) ||
		       strstr(pattern, SCENARIO_SECOND + 1);
	snprintf(first, sizeof(first), "%.*s",
		 (int)(strlen(s->name) - strlen(SCENARIO_SECOND) * s->second), s->name);
	return o->enlightened && !fnmatch(pattern, first, 0);
}

static int no_scenario(const char *pattern, struct err *e)
{
	unsigned count;
	const struct scenario *table = scenarios(&count);
	struct nearest nearest = {0};

	if (!fnmatch("*.mf", pattern, 0))
		return err_set(e, "what is '%s'? A program: midflight fuzz FILE", pattern);
	for (unsigned i = 0; i < count; i++)
		nearest_try(&nearest, pattern, table[i].name);
	return err_set(e, "there is no scenario '%s'%s (`midflight list` shows all)", pattern,
		       nearest_text(&nearest));
}

static void add(struct options *o, const struct scenario *s)
{
	for (unsigned n = 0; n < o->scenarios; n++)
		if (o->scenario[n] == s)
			return;
	o->scenario[o->scenarios++] = s;
}

/* All scenarios that match @pattern and are not there yet. */
static int add_matching(struct options *o, const char *pattern, struct err *e)
{
	unsigned count;
	const struct scenario *table = scenarios(&count);
	bool any = false;

	for (unsigned i = 0; i < count; i++) {
		if (!means(o, pattern, &table[i]))
			continue;
		any = true;
		add(o, &table[i]);
	}
	return any ? 0 : no_scenario(pattern, e);
}

/* What a run without --scenario flies; of a group all. */
static void add_unasked(struct options *o)
{
	unsigned count;
	const struct scenario *table = scenarios(&count);

	for (unsigned i = 0; i < count; i++)
		if (in_all(o, &table[i]) &&
		    (table[i].quick || o->in_group || !strcmp(o->driver, "kvm")))
			add(o, &table[i]);
}

/* Leaves those of which @fits(@word) is @wanted. */
static void leave(struct options *o,
		  bool (*fits)(const struct options *o, const char *word, const struct scenario *s),
		  const char *word, bool wanted)
{
	unsigned left = 0;

	for (unsigned i = 0; i < o->scenarios; i++)
		if (fits(o, word, o->scenario[i]) == wanted)
			o->scenario[left++] = o->scenario[i];
	o->scenarios = left;
}

/* ---- groups --------------------------------------------------------------------------------- */

/* Whether a word of @text begins with the @len letters of @word. */
static bool has_word(const char *text, const char *word, size_t len)
{
	for (const char *at = text; (at = strcasestr(at, word)); at += len)
		if (at == text || !isalnum((unsigned char)at[-1]))
			return true;
	return false;
}

/* @word is the family, or a word of the name, the title or the needs; an s of the plural is none of
 * it. */
static bool of_group(const struct options *o, const char *word, const struct scenario *s)
{
	const size_t len = strlen(word), less = len > 3 && word[len - 1] == 's';
	auto_free char *stem = xasprintf("%.*s", (int)(len - less), word);

	(void)o;
	if (s->family && !strcmp(s->family, word))
		return true;
	return has_word(s->name, stem, len - less) || has_word(s->title, stem, len - less) ||
	       (s->needs && has_word(s->needs, stem, len - less));
}

static int leave_group(struct options *o, struct err *e)
{
	unsigned count;
	const struct scenario *table = scenarios(&count);
	struct nearest nearest = {0};
	bool any = false;

	for (unsigned i = 0; i < count && *o->in_group; i++) {
		any |= of_group(o, o->in_group, &table[i]);
		if (table[i].family)
			nearest_try(&nearest, o->in_group, table[i].family);
	}
	leave(o, of_group, o->in_group, true);
	if (!any)
		return err_set(e,
			       "there is no group '%s'%s (`midflight list --groups` shows the "
			       "families; any word of a name, title or need will do)",
			       o->in_group, nearest_text(&nearest));
	return o->scenarios ? 0 : err_set(e, "--group %s leaves no scenario", o->in_group);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static int exclude(struct options *o, struct err *e)
{
	const char *list = o->exclude;
	const size_t size = strlen(list) + 1;
	auto_free char *pattern = xcalloc(1, size);
	unsigned count;
	const struct scenario *table = scenarios(&count);

	while (word_next(&list, ',', pattern, size)) {
		bool any = false;

		for (unsigned i = 0; i < count; i++)
			any |= means(o, pattern, &table[i]);
		if (!any)
			return no_scenario(pattern, e);
		leave(o, means, pattern, false);
	}
	return o->scenarios ? 0 : err_set(e, "--exclude leaves no scenario");
}

int select_scenarios(struct options *o, struct err *e)
{
	const char *list = o->scenario_text;
	const size_t size = list ? strlen(list) + 1 : 0;
	auto_free char *pattern = xcalloc(1, size + 1);

	while (list && word_next(&list, ',', pattern, size))
		if (add_matching(o, pattern, e))
			return -1;
	for (unsigned i = 0; i < o->file_count; i++)
		if (add_matching(o, o->files[i], e))
			return -1;
	if (o->scenario_text && !o->scenarios)
		return err_set(e, "--scenario: empty");
	if (options_run(o) && !o->scenarios)
		add_unasked(o);
	if ((o->in_group && leave_group(o, e)) || (o->exclude && exclude(o, e)))
		return -1;
	if (o->file_count || o->in_group || o->exclude)
		o->scenario_text = NULL; /* which does not say all of it */
	return 0;
}
