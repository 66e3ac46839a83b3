// SPDX-License-Identifier: BSD-2-Clause
// What the values of options with a language of their own mean, and the words of a shell.
#include "host/base/nearest.h"
#include "host/cli/options.h"
#include "host/base/cleanup.h"

#include <fnmatch.h>
#include <string.h>

static int no_method(const char *pattern, struct err *e)
{
	struct nearest nearest = {0};

	for (enum method m = 0; m < METHODS; m++)
		nearest_try(&nearest, pattern, method_name(m));
	return err_set(e, "there is no method '%s'%s (`midflight list --methods` shows all)",
		       pattern, nearest_text(&nearest));
}

int options_methods(struct options *o, const char *text, struct err *e)
{
	bool want[METHODS] = {false};
	const size_t size = strlen(text) + 1;
	const char *list = text;
	auto_free char *pattern = xcalloc(1, size);

	while (word_next(&list, ',', pattern, size)) {
		bool any = false;

		for (enum method m = 0; m < METHODS; m++)
			if (!strcmp(pattern, "all") || !fnmatch(pattern, method_name(m), 0))
				want[m] = any = true;
		if (!any)
			return no_method(pattern, e);
	}
	o->methods = 0;
	for (enum method m = 0; m < METHODS; m++)
		if (want[m])
			o->method[o->methods++] = m;
	o->method_text = text;
	return o->methods ? 0 : err_set(e, "empty");
}

int options_shard(struct options *o, const char *text, struct err *e)
{
	struct shard s = {0};
	char rest;

	/* %u takes a sign and blanks, too. */
	if (strspn(text, "0123456789/") != strlen(text) || strlen(text) > 9 ||
	    sscanf(text, "%u/%u%c", &s.k, &s.n, &rest) != 2 || !s.k || s.k > s.n ||
	    s.n > SHARDS_MAX)
		return err_set(e, "'%s' is no K/N with K from 1 to N and N up to %d", text,
			       SHARDS_MAX);
	o->shard = s;
	return 0;
}

int options_freeze(struct options *o, const char *text, struct err *e)
{
	static const struct {
		const char *name;
		enum freeze_at at;
		uint64_t least, most, unit; /* of the number behind it; 0: there is none */
	} whens[] = {
		{"now", FREEZE_NOW, 0, 0, 0},
		{"port", FREEZE_PORT, 0, 0, 0},
		{"time=", FREEZE_TIME, 0, 60000000, NS_PER_US},
		{"exits=", FREEZE_EXITS, 1, 1000000, 1},
		{"after=", FREEZE_AFTER, 0, 60000 * NS_PER_MS, 1},
		{"steps=", FREEZE_STEPS, 1, 1000000, 1},
	};

	o->freeze = (struct freeze){FREEZE_NOW, 0};
	o->freeze_text = text;
	for (size_t i = 0; i < ARRAY_SIZE(whens); i++) {
		const size_t len = strlen(whens[i].name);
		uint64_t value = 0;

		if (strncmp(text, whens[i].name, len) ||
		    (whens[i].unit ? !parse_number(text + len, &value) : text[len]) ||
		    value < whens[i].least || value > whens[i].most)
			continue;
		o->freeze = (struct freeze){whens[i].at, (int64_t)(value * whens[i].unit)};
		return 0;
	}
	return err_set(
		e,
		"'%s' is none of now, port, time=MICROSECONDS (up to 60000000), exits=N (1 to "
		"1000000), after=NANOSECONDS (up to 60000000000), steps=N (1 to 1000000)",
		text);
}

int options_pages(struct options *o, const char *text, struct err *e)
{
	struct pages_config *c = &o->pages_config;
	const char *value = strchr(text, '=');
	size_t len = value ? (size_t)(value - text) : strlen(text);
	static const struct {
		const char *name;
		enum pages_mode mode;
		bool value, once;
	} modes[] = {{"eager", PAGES_EAGER, false, false}, {"remote", PAGES_REMOTE, false, false},
		     {"late", PAGES_LATE, true, false},	   {"delay", PAGES_DELAY, true, false},
		     {"exit", PAGES_EXIT, false, false},   {"lost", PAGES_LOST, true, false},
		     {"lost-once", PAGES_LOST, true, true}};
	unsigned i = 0;
	uint64_t us;

	*c = (struct pages_config){.seed = o->seed, .grace_ns = PAGES_GRACE_NS};
	while (i < ARRAY_SIZE(modes) &&
	       (strlen(modes[i].name) != len || memcmp(modes[i].name, text, len)))
		i++;
	if (i == ARRAY_SIZE(modes) || modes[i].value != (value && value[1]))
		return err_set(
			e,
			"'%s' is none of eager, remote, late=PHASE, delay=MICROSECONDS, exit, "
			"lost=PAGE, lost-once=PAGE",
			text);
	c->mode = modes[i].mode;
	c->once = modes[i].once;
	if (c->mode == PAGES_DELAY) {
		if (!parse_number(value + 1, &us) || us > 10000000)
			return err_set(e, "'%s' is no number of microseconds up to 10000000",
				       value + 1);
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
