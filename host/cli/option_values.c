// SPDX-License-Identifier: BSD-2-Clause
// What the values of options with a language of their own mean, and the words of a shell.
#include "host/cli/options.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

int options_methods(struct options *o, const char *text, struct err *e)
{
	bool want[METHODS] = {false};
	const size_t size = strlen(text) + 1;
	const char *list = text;
	char *pattern = xcalloc(1, size);
	bool any = true;

	while (any && word_next(&list, ',', pattern, size)) {
		any = false;

		for (enum method m = 0; m < METHODS; m++)
			if (!strcmp(pattern, "all") || !fnmatch(pattern, method_name(m), 0))
				want[m] = any = true;
		if (!any)
			err_set(e, "there is no method '%s' (`midflight list --methods` shows all)",
				pattern);
	}
	free(pattern);
	if (!any)
		return -1;
	o->methods = 0;
	for (enum method m = 0; m < METHODS; m++)
		if (want[m])
			o->method[o->methods++] = m;
	o->method_text = text;
	if (!o->methods)
		err_set(e, "empty");
	return o->methods ? 0 : -1;
}

int options_shard(struct options *o, const char *text, struct err *e)
{
	struct shard s = {0};
	char rest;

	/* %u takes a sign and blanks, too. */
	if (strspn(text, "0123456789/") != strlen(text) || strlen(text) > 9 ||
	    sscanf(text, "%u/%u%c", &s.k, &s.n, &rest) != 2 || !s.k || s.k > s.n ||
	    s.n > SHARDS_MAX) {
		err_set(e, "'%s' is no K/N with K from 1 to N and N up to %d", text, SHARDS_MAX);
		return -1;
	}
	o->shard = s;
	return 0;
}

int options_freeze(struct options *o, const char *text, struct err *e)
{
	uint64_t value = 0;
	struct freeze *f = &o->freeze;

	*f = (struct freeze){FREEZE_NOW, 0};
	o->freeze_text = text;
	if (!strcmp(text, "now"))
		return 0;
	if (!strcmp(text, "port")) {
		f->at = FREEZE_PORT;
		return 0;
	}
	if (!strncmp(text, "time=", 5) && parse_number(text + 5, &value) && value <= 60000000) {
		*f = (struct freeze){FREEZE_TIME, (int64_t)value * NS_PER_US};
		return 0;
	}
	if (!strncmp(text, "exits=", 6) && parse_number(text + 6, &value) && value &&
	    value <= 1000000) {
		*f = (struct freeze){FREEZE_EXITS, (int64_t)value};
		return 0;
	}
	if (!strncmp(text, "after=", 6) && parse_number(text + 6, &value) &&
	    value <= 60000 * (uint64_t)NS_PER_MS) {
		*f = (struct freeze){FREEZE_AFTER, (int64_t)value};
		return 0;
	}
	if (!strncmp(text, "steps=", 6) && parse_number(text + 6, &value) && value &&
	    value <= 1000000) {
		*f = (struct freeze){FREEZE_STEPS, (int64_t)value};
		return 0;
	}
	err_set(e,
		"'%s' is none of now, port, time=MICROSECONDS (up to 60000000), exits=N (1 to "
		"1000000), after=NANOSECONDS (up to 60000000000), steps=N (1 to 1000000)",
		text);
	return -1;
}

int options_pages(struct options *o, const char *text, struct err *e)
{
	struct pages_config *c = &o->pages_config;
	const char *value = strchr(text, '=');
	size_t len = value ? (size_t)(value - text) : strlen(text);
	static const struct {
		const char *name;
		bool value;
	} modes[] = {[PAGES_EAGER] = {"eager", false}, [PAGES_REMOTE] = {"remote", false},
		     [PAGES_LATE] = {"late", true},    [PAGES_DELAY] = {"delay", true},
		     [PAGES_EXIT] = {"exit", false},   [PAGES_LOST] = {"lost", true}};
	uint64_t us;

	*c = (struct pages_config){.seed = o->seed, .grace_ns = PAGES_GRACE_NS};
	while (c->mode < ARRAY_SIZE(modes) &&
	       (strlen(modes[c->mode].name) != len || memcmp(modes[c->mode].name, text, len)))
		c->mode++;
	if (c->mode == ARRAY_SIZE(modes) || modes[c->mode].value != (value && value[1])) {
		err_set(e,
			"'%s' is none of eager, remote, late=PHASE, delay=MICROSECONDS, exit, "
			"lost=PAGE",
			text);
		return -1;
	}
	if (c->mode == PAGES_DELAY) {
		if (!parse_number(value + 1, &us) || us > 10000000) {
			err_set(e, "'%s' is no number of microseconds up to 10000000", value + 1);
			return -1;
		}
		c->delay_ns = (int64_t)us * NS_PER_US;
	}
	c->late = c->lost = value ? value + 1 : NULL;
	o->pages = text;
	return 0;
}

char *options_next_word(char **at)
{
	char *from = *at + strspn(*at, " "), *to = from, *word = from;
	bool quoted = false;

	if (!*from)
		return NULL;
	for (; *from && (quoted || *from != ' '); from++) {
		if (*from == '\'')
			quoted = !quoted;
		else if (*from == '\\' && !quoted && from[1])
			*to++ = *++from;
		else
			*to++ = *from;
	}
	*at = *from ? from + 1 : from;
	*to = '\0';
	return word;
}
