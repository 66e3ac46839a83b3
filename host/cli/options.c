// SPDX-License-Identifier: BSD-2-Clause
// The table of options: from words to values, and back to the words of a command line.
#include "host/cli/options.h"
#include "host/kvm/kvm_vm.h"
#include "host/kvm/kvm_state.h"
#include "host/base/cleanup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JOBS_MAX      10000
#define AUTO_JOBS_MAX 4 /* each takes memory, and some seconds of CPU to begin with */

/* ---- values that a function reads ----------------------------------------------------------- */

/* Seconds, from a number with s, m, h or nothing behind it. */
static int read_duration(struct options *o, const char *arg, struct err *e)
{
	static const struct {
		char letter;
		unsigned seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}};
	const size_t digits = strspn(arg, "0123456789");
	auto_free char *value = xasprintf("%.*s", (int)digits, arg);
	unsigned unit = arg[digits] ? 0 : 1;
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (arg[digits] == units[i].letter && !arg[digits + 1])
			unit = units[i].seconds;
	if (!parse_number(value, &n) || !unit || !n || n > FOR_S_MAX / unit)
		return err_set(e, "'%s' is no time like 90, 10m or 2h, up to %uh", arg,
			       FOR_S_MAX / 3600);
	o->for_s = (unsigned)n * unit;
	return 0;
}

static int read_nudge(struct options *o, const char *arg, struct err *e)
{
	char *end;

	o->nudge_s = strtod(arg, &end);
	if (!*end && end != arg && o->nudge_s >= 0.05 && o->nudge_s <= 86400)
		return 0;
	return err_set(e, "'%s' is no number from 0.05 to 86400", arg);
}

/* Where no lab flies, auto asks for nothing. */
static int read_jobs(struct options *o, const char *arg, struct err *e)
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t n = 0;

	o->jobs_auto = !strcmp(arg, "auto");
	if (o->jobs_auto)
		n = cpus < 1 ? 1 : cpus < AUTO_JOBS_MAX ? (uint64_t)cpus : AUTO_JOBS_MAX;
	else if (!parse_number(arg, &n) || n < 1 || n > JOBS_MAX)
		return err_set(e, "'%s' is neither auto nor a number from 1 to %u", arg, JOBS_MAX);
	o->jobs = (unsigned)n;
	return 0;
}

/* Milliseconds above 0 into @ms. */
static int read_ms(double *ms, const char *arg, struct err *e)
{
	char *end;

	*ms = strtod(arg, &end);
	if (!*end && end != arg && *ms >= 1e-6 && *ms <= 86400e3)
		return 0;
	return err_set(e, "'%s' is no number of milliseconds above 0", arg);
}

static int read_every(struct options *o, const char *arg, struct err *e)
{
	return read_ms(&o->guest.every_ms, arg, e);
}

static int read_at(struct options *o, const char *arg, struct err *e)
{
	return read_ms(&o->guest.at_ms, arg, e);
}

static int read_order(struct options *o, const char *arg, struct err *e)
{
	struct order order;

	o->order = arg;
	return order_load(&order, arg, e);
}

static int read_save_order(struct options *o, const char *arg, struct err *e)
{
	struct order order;

	o->save_order = arg;
	return order_of_saving(&order, arg, e);
}

static int read_no_cap(struct options *o, const char *arg, struct err *e)
{
	const char *list = arg;
	char name[40];

	while (word_next(&list, ',', name, sizeof(name)))
		if (!kvm_vm_knows_cap(name))
			return err_set(e, "there is no capability '%s' (host/kvm/kvm_caps.def)",
				       name);
	o->no_cap = arg;
	return 0;
}

static int read_pages(struct options *o, const char *arg, struct err *e)
{
	o->pages_given = true;
	return options_pages(o, arg, e);
}

static int read_lab(struct options *o, const char *arg, struct err *e)
{
	if (!word_in("auto|yes|no", '|', arg))
		return err_set(e, "'%s' is none of auto|yes|no", arg);
	o->lab = !strcmp(arg, "yes") ? LAB_YES : !strcmp(arg, "no") ? LAB_NO : LAB_AUTO;
	return 0;
}

/* An option that lab.sh understands. */
static int add_l0(struct options *o, const char *option, const char *arg, struct err *e)
{
	if (o->l0_words + 2 > ARRAY_SIZE(o->l0) || !*arg)
		return err_set(e, "%s", *arg ? "too many" : "empty");
	o->l0[o->l0_words++] = option;
	o->l0[o->l0_words++] = arg;
	return 0;
}

static int read_kernel(struct options *o, const char *arg, struct err *e)
{
	if (!strchr(arg, ','))
		return add_l0(o, "--kernel", arg, e);
	o->kernels = arg;
	return 0;
}

static int read_each_param(struct options *o, const char *arg, struct err *e)
{
	if (o->each_params == ARRAY_SIZE(o->each_param))
		return err_set(e, "too many");
	if (!strchr(arg, '=') || arg[0] == '=')
		return err_set(e, "'%s' is no NAME=VALUE,...", arg);
	o->each_param[o->each_params++] = arg;
	return 0;
}

static int read_patch(struct options *o, const char *arg, struct err *e)
{
	if (!*arg || o->patches == ARRAY_SIZE(o->patch))
		return err_set(e, "%s", *arg ? "too many" : "empty");
	o->patch[o->patches++] = arg;
	return 0;
}

/* ---- the table ------------------------------------------------------------------------------ */

/* Which commands take an option: by the letters of commands.def. */
enum {
#define COMMAND(id, letter, ...) letter = 1u << CMD_##id,
#include "host/cli/commands.def"
#undef COMMAND
	R = RR | Y, /* both fly results one by one */
};

/* A kind does not compile with a member that is missing, or of another type than it sets. */
#define MEMBER(member, ...)                                                                 \
	.at = offsetof(struct options, member), .size = sizeof((struct options){0}.member), \
	.type = _Generic((struct options){0}.member, __VA_ARGS__)
#define FLAG(member) .kind = KIND_FLAG, MEMBER(member, bool : OF_BOOL)
#define NUMBER(member, least, most)                         \
	.kind = KIND_NUMBER, .min = (least), .max = (most), \
	MEMBER(member, unsigned                             \
	       : OF_UNSIGNED, uint64_t                      \
	       : OF_WIDE, int64_t                           \
	       : OF_WIDE)
#define TEXT(member) .kind = KIND_TEXT, MEMBER(member, const char * : OF_TEXT)
#define WORD(member, more) \
	.kind = KIND_WORD, .extra = (more), MEMBER(member, const char * : OF_TEXT)
#define ONE_OF(member) .kind = KIND_ONE_OF, MEMBER(member, const char * : OF_TEXT)
#define L0	       .kind = KIND_L0, MEMBER(l0_words, unsigned : OF_UNSIGNED)
#define CALL(member, function) \
	.kind = KIND_CALL, .call = (function),                                                  \
	MEMBER(member, unsigned : OF_UNSIGNED, double : OF_DOUBLE, const char * : OF_TEXT,      \
	       struct shard : OF_SHARD)
#define GIVEN(member) .given = offsetof(struct options, member),

const struct option_row option_rows[] = {
#define OPTION(NAME, LETTER, COMMANDS, GROUP, ARG, WORDS, KIND, HELP) \
	{.name = NAME,                                                \
	 .word = "--" NAME,                                           \
	 .letter = LETTER,                                            \
	 .commands = COMMANDS,                                        \
	 .group = GROUP,                                              \
	 .arg = ARG,                                                  \
	 .repeated = WORDS,                                           \
	 .help = HELP,                                                \
	 KIND},
#include "host/cli/options.def"
#undef OPTION
};

const unsigned option_row_count = ARRAY_SIZE(option_rows);

const struct option_row *option_find(unsigned of, const char *name, size_t len)
{
	for (unsigned i = 0; i < option_row_count; i++)
		if (option_rows[i].commands & of && strlen(option_rows[i].name) == len &&
		    !memcmp(option_rows[i].name, name, len))
			return &option_rows[i];
	return NULL;
}

/* ---- from words ----------------------------------------------------------------------------- */

/* A decimal number in the row's range. */
static int read_number(const struct option_row *row, const char *arg, void *at, struct err *e)
{
	uint64_t value = 0;

	if (!parse_number(arg, &value) || value < row->min || value > row->max)
		return err_set(e, "'%s' is no number from %llu to %llu", arg,
			       (unsigned long long)row->min, (unsigned long long)row->max);
	if (row->type == OF_UNSIGNED)
		*(unsigned *)at = (unsigned)value;
	else
		*(uint64_t *)at = value;
	return 0;
}

/* A word that QEMU, a kernel command line and a shell leave alone. */
static int check_word(const char *arg, const char *extra, struct err *e)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	for (const char *p = arg; *p; p++)
		if (!strchr(plain, *p) && !strchr(extra, *p))
			return err_set(e, "'%s' has an odd character", arg);
	return *arg ? 0 : err_set(e, "empty");
}

int option_read(struct options *o, const struct option_row *row, const char *arg, struct err *e)
{
	void *at = (char *)o + row->at;

	if (row->kind == KIND_ONE_OF && !word_in(row->arg, '|', arg))
		return err_set(e, "'%s' is none of %s", arg, row->arg);
	switch (row->kind) {
	case KIND_FLAG:
		*(bool *)at = true;
		return 0;
	case KIND_NUMBER:
		return read_number(row, arg, at, e);
	case KIND_L0:
		return add_l0(o, row->word, arg, e);
	case KIND_CALL:
		return row->call(o, arg, e);
	case KIND_WORD:
		if (check_word(arg, row->extra, e))
			return -1;
		break;
	case KIND_ONE_OF:
	case KIND_TEXT:
		break;
	}
	*(const char **)at = arg;
	return 0;
}

/* ---- and back ------------------------------------------------------------------------------- */

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

/* Whether @o says something else of @row than @standard. */
static bool differs(const struct options *o, const struct options *standard,
		    const struct option_row *row)
{
	const void *a = (const char *)o + row->at, *b = (const char *)standard + row->at;
	const char *const *text = a, *const *other = b;

	if (row->given && *((const bool *)o + row->given))
		return true;
	if (row->type != OF_TEXT || !*text || !*other)
		return memcmp(a, b, row->size) != 0;
	return strcmp(*text, *other) != 0;
}

static void put_value(const struct option_row *row, const void *at, struct buf *words)
{
	const struct shard *shard = at;

	switch (row->type) {
	case OF_BOOL:
		return;
	case OF_UNSIGNED:
		buf_printf(words, " %u", *(const unsigned *)at);
		return;
	case OF_WIDE:
		buf_printf(words, " %llu", (unsigned long long)*(const uint64_t *)at);
		return;
	case OF_DOUBLE:
		buf_printf(words, " %g", *(const double *)at);
		return;
	case OF_SHARD:
		buf_printf(words, " %u/%u", shard->k, shard->n);
		return;
	case OF_TEXT:
		buf_printf(words, " ");
		buf_shell_quote(words, *(const char *const *)at);
		return;
	}
}

void options_words(const struct options *o, const struct scenario *only, enum option_repeated least,
		   struct buf *words)
{
	struct options standard, named = *o;
	auto_buf struct buf names = {0};

	options_init(&standard);
	for (unsigned i = 0; i < o->scenarios; i++)
		buf_printf(&names, "%s%s", i ? "," : "", o->scenario[i]->name);
	if (only || !o->scenario_text)
		named.scenario_text = only ? only->name : buf_text(&names);
	for (const struct option_row *row = option_rows; row < option_rows + option_row_count;
	     row++) {
		if (row->repeated < least || !(row->commands & 1u << o->command) ||
		    (row->repeated != ALWAYS && !differs(&named, &standard, row)))
			continue;
		buf_printf(words, " %s", row->word);
		put_value(row, (const char *)&named + row->at, words);
	}
}

bool options_run(const struct options *o)
{
	return o->command == CMD_RUN || o->command == CMD_UNITTESTS;
}

bool has_variants(const struct options *o)
{
	return o->kernels || o->each_module || o->each_params || o->patches;
}

void options_repro(const struct options *o, const struct scenario *scenario, enum method method,
		   const char *order, struct buf *text)
{
	struct options one = *o;

	if (o->method_text)
		one.method_text = method_name(method);
	if (order)
		one.order = order;
	one.shard = (struct shard){0};
	one.quiet = false;
	buf_printf(text, "%s", o->shown_command);
	options_words(&one, scenario, REPEATED, text);
}
