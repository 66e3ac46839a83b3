// SPDX-License-Identifier: BSD-2-Clause
// Defaults of the options, and the way back from options to a command line.
#include "host/cli/options.h"

#include <fnmatch.h>
#include <string.h>

void options_init(struct options *o)
{
	memset(o, 0, sizeof(*o));
	o->driver = "qemu";
	o->accel = "kvm";
	o->order = "qemu";
	o->pages = "eager";
	o->freeze_text = "now";
	o->machine = "pc";
	o->qemu = "qemu-system-x86_64";
	o->hops = DEFAULT_HOPS;
	o->timeout_s = DEFAULT_TIMEOUT_S;
	o->nudge_s = DEFAULT_NUDGE_S;
	o->seed = 1;
	o->method[0] = METHOD_FILE;
	o->methods = 1;
}

int options_methods(struct options *o, const char *text, struct err *e)
{
	bool want[METHODS] = {false};
	const char *list = text;
	char pattern[80];

	while (word_next(&list, ',', pattern, sizeof(pattern))) {
		bool any = false;

		for (enum method m = 0; m < METHODS; m++)
			if (!strcmp(pattern, "all") || !fnmatch(pattern, method_name(m), 0))
				want[m] = any = true;
		if (!any) {
			err_set(e, "there is no method '%s' (`midflight list --methods` shows all)",
				pattern);
			return -1;
		}
	}
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

static void option(struct buf *words, const char *name, const char *value)
{
	buf_printf(words, " %s ", name);
	buf_shell_quote(words, value);
}

void options_words(const struct options *o, const struct scenario *only, struct buf *words)
{
	struct options standard;
	struct buf names = {0};

	options_init(&standard);
	for (unsigned i = 0; i < o->scenarios && !only; i++)
		buf_printf(&names, "%s%s", i ? "," : "", o->scenario[i]->name);
	/* Those two have all three from their file. */
	if (o->command != CMD_RESTORE && o->command != CMD_MINIMISE) {
		option(words, "--scenario",
		       only		  ? only->name
		       : o->scenario_text ? o->scenario_text
					  : buf_text(&names));
		if (o->hops_given || o->hops != standard.hops)
			buf_printf(words, " --loops %u", o->hops);
		buf_printf(words, " --seed %llu", (unsigned long long)o->seed);
	}
	buf_free(&names);
	if (o->step_ns)
		buf_printf(words, " --step %lld", (long long)o->step_ns);
	if (o->points)
		buf_printf(words, " --points %u", o->points);
	if (o->for_s)
		buf_printf(words, " --for %u", o->for_s);
	if (o->orders)
		buf_printf(words, " --orders");
	if (o->count_on)
		buf_printf(words, " --count-on");
	if (o->serve_from)
		option(words, "--serve-from", o->serve_from);
	if (o->hops_before)
		buf_printf(words, " --hops-before %u", o->hops_before);
	if (o->method_text)
		option(words, "--method", o->method_text);
	if (o->only)
		option(words, "--only", o->only);
	if (o->shard.n)
		buf_printf(words, " --shard %u/%u", o->shard.k, o->shard.n);
	if ((o->command == CMD_RUN || o->command == CMD_PAGES) &&
	    strcmp(o->driver, standard.driver))
		option(words, "--driver", o->driver);
	if (strcmp(o->order, standard.order))
		option(words, "--order", o->order);
	if (strcmp(o->freeze_text, standard.freeze_text))
		option(words, "--freeze", o->freeze_text);
	if (strcmp(o->pages, standard.pages))
		option(words, "--pages", o->pages);
	if (strcmp(o->accel, standard.accel))
		option(words, "--accel", o->accel);
	if (strcmp(o->machine, standard.machine))
		option(words, "--machine", o->machine);
	if (o->irqchip)
		option(words, "--irqchip", o->irqchip);
	if (o->cpu)
		option(words, "--cpu", o->cpu);
	if (o->without)
		option(words, "--without", o->without);
	if (strcmp(o->qemu, standard.qemu))
		option(words, "--qemu", o->qemu);
	if (o->breakage)
		option(words, "--break", o->breakage);
	if (o->timeout_s != standard.timeout_s)
		buf_printf(words, " --timeout %u", o->timeout_s);
	if (o->nudge_s < standard.nudge_s || o->nudge_s > standard.nudge_s)
		buf_printf(words, " --nudge %g", o->nudge_s);
	if (o->kick)
		buf_printf(words, " --kick");
	if (o->no_oracles)
		buf_printf(words, " --no-oracles");
	if (o->all)
		buf_printf(words, " --all");
	if (o->strict)
		buf_printf(words, " --strict");
	if (o->keep)
		buf_printf(words, " --keep");
	if (o->verbose)
		buf_printf(words, " --verbose");
	if (o->quiet)
		buf_printf(words, " --quiet");
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

bool has_variants(const struct options *o)
{
	return o->kernels || o->each_module || o->each_params;
}

void options_repro(const struct options *o, const struct scenario *scenario, enum method method,
		   struct buf *text)
{
	struct options one = *o;

	if (o->method_text)
		one.method_text = method_name(method);
	one.shard = (struct shard){0};
	one.quiet = false;
	buf_printf(text, "%s", o->shown_command);
	options_words(&one, scenario, text);
}
