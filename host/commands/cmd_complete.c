// SPDX-License-Identifier: BSD-2-Clause
// `midflight complete`: what the last word of a command line may become, for shells.
#include "boot/cmdline.h"
#include "host/snapshot/break.h"
#include "host/commands/cmd.h"
#include "host/cli/commands.h"
#include "host/kvm/kvm_state.h"
#include "host/cli/paths.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>

/* The word to complete: the text that stays as it is, and the beginning of what is looked for. */
struct wanted {
	struct buf *to;
	const char *word, *begins;
};

static void offer(const struct wanted *w, const char *before, const char *name, size_t len)
{
	auto_free char *candidate = xasprintf("%s%.*s", before, (int)len, name);

	if (!strncmp(candidate, w->begins, strlen(w->begins)))
		buf_printf(w->to, "%.*s%s\n", (int)(w->begins - w->word), w->word, candidate);
}

static void offer_name(const struct wanted *w, const char *name)
{
	offer(w, "", name, strlen(name));
}

/* The parts of @words between characters of @separators. */
static void offer_each(const struct wanted *w, const char *words, const char *separators)
{
	for (const char *p = words; *(p += strspn(p, separators)); p += strcspn(p, separators))
		offer(w, "", p, strcspn(p, separators));
}

static void offer_scenarios(const struct wanted *w)
{
	unsigned count;
	const struct scenario *table = scenarios(&count);

	for (unsigned i = 0; i < count; i++)
		offer_name(w, table[i].name);
}

static void offer_families(const struct wanted *w)
{
	unsigned count;
	const struct scenario *table = scenarios(&count);

	for (unsigned i = 0; i < count; i++) {
		unsigned n = 0;

		while (n < i && strcmp(table[n].family, table[i].family))
			n++;
		if (n == i) /* its first */
			offer_name(w, table[i].family);
	}
}

static void offer_methods(const struct wanted *w)
{
	for (enum method m = 0; m < METHODS; m++)
		offer_name(w, method_name(m));
}

/* Those that L1 itself makes, and those of a snapshot. */
static void offer_breakages(const struct wanted *w)
{
	static const char *const own[] = {
#define B(id, name) [BREAK_##id] = name,
		BREAKAGES(B)
#undef B
	};
	unsigned count;
	const struct break_kind *kinds = break_kinds(&count);

	for (unsigned i = BREAK_NONE + 1; i < ARRAY_SIZE(own); i++)
		offer_name(w, own[i]);
	for (unsigned i = 0; i < count; i++)
		offer_name(w, kinds[i].name);
}

static void offer_orders(const struct wanted *w)
{
	offer_each(w, order_names(), "|");
}

static void offer_value(struct wanted *w, const struct option_row *row)
{
	static const struct {
		const char *option;
		void (*offer)(const struct wanted *w);
	} own[] = {{"scenario", offer_scenarios}, {"exclude", offer_scenarios},
		   {"group", offer_families},	  {"method", offer_methods},
		   {"order", offer_orders},	  {"break", offer_breakages}};
	const char *comma = strrchr(w->begins, ',');

	if (comma && strchr(row->arg, ','))
		w->begins = comma + 1;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (!strcmp(row->name, own[i].option)) {
			own[i].offer(w);
			return;
		}
	if (strchr(row->arg, '|'))
		offer_each(w, row->arg, "|");
}

static void offer_options(const struct wanted *w, enum command c)
{
	for (unsigned i = 0; i < option_row_count; i++)
		if (option_rows[i].commands & 1u << c && option_rows[i].help)
			offer_name(w, option_rows[i].word);
	offer_name(w, "--help");
}

static void offer_commands(const struct wanted *w)
{
	for (enum command c = 0; c < COMMANDS; c++)
		if (commands[c].title)
			offer_name(w, commands[c].name);
	if (*w->begins == '-')
		offer_each(w, "--help --version", " ");
}

static void offer_concepts(const struct wanted *w)
{
	for (unsigned i = 0; i < concept_count; i++)
		offer_name(w, concepts[i].name);
}

/* The option of @c that @word is, up to its `=`; NULL: none that takes a value. */
static const struct option_row *option_of(enum command c, const char *word)
{
	const struct option_row *row = NULL;

	if (!strncmp(word, "--", 2))
		row = option_find(1u << c, word + 2, strcspn(word + 2, "="));
	for (unsigned i = 0; !row && word[0] == '-' && word[1] && !word[2] && i < option_row_count;
	     i++)
		if (option_rows[i].commands & 1u << c && option_rows[i].letter == word[1])
			row = &option_rows[i];
	return row && row->arg ? row : NULL;
}

void complete_words(char *const *words, unsigned count, struct buf *candidates)
{
	const struct option_row *o = NULL; /* whose value the next word is */
	const char *last = count ? words[count - 1] : "", *equals = strchr(last, '=');
	struct wanted w = {candidates, last, last};
	enum command c = 0;

	if (count <= 1) {
		offer_commands(&w);
		return;
	}
	while (c < COMMANDS && strcmp(commands[c].name, words[0]))
		c++;
	if (c == COMMANDS)
		return;
	for (unsigned i = 1; i + 1 < count; i++) {
		if (!strcmp(words[i], "="))
			continue;
		if (!o && !strcmp(words[i], "--"))
			return;
		o = o || strchr(words[i], '=') ? NULL : option_of(c, words[i]);
	}
	if (!strcmp(last, "=")) /* nothing of the value yet */
		w.word = w.begins = "";
	if (!o && equals && equals > last) {
		o = option_of(c, last);
		w.begins = equals + 1;
		if (!o)
			return;
	}
	if (o)
		offer_value(&w, o);
	else if (*last == '-' || (!*last && !commands[c].args))
		offer_options(&w, c);
	else if (c == CMD_HELP)
		offer_concepts(&w);
	else if (*last != '=' && (c == CMD_RUN || c == CMD_SWEEP))
		offer_scenarios(&w);
}

int cmd_complete(struct options *o)
{
	auto_buf struct buf candidates = {0};
	struct err e = {0};
	auto_free char *image = image_path(executable_dir(), NULL, &e);

	if (image)
		scenarios_load(image, &e); /* without it no scenario is offered */
	complete_words(o->files, o->file_count, &candidates);
	fputs(buf_text(&candidates), stdout);
	return 0;
}
