// SPDX-License-Identifier: BSD-2-Clause
// The command line of each command: which options it takes, what they mean, its help.
#include "host/cli/parse.h"
#include "host/cli/commands.h"
#include "host/kvm/kvm_state.h"
#include "host/cli/paths.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* A decimal number in a range, or the end of the program. */
static uint64_t number(struct argp_state *state, const char *what, const char *arg, uint64_t min,
		       uint64_t max)
{
	uint64_t value = 0;

	if (!parse_number(arg, &value) || value < min || value > max)
		argp_error(state, "%s: '%s' is no number from %llu to %llu", what, arg,
			   (unsigned long long)min, (unsigned long long)max);
	return value;
}

/* Seconds, from a number with s, m, h or nothing behind it, or the end of the program. */
static unsigned duration(struct argp_state *state, const char *what, const char *arg)
{
	static const struct {
		char letter;
		unsigned seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}};
	const size_t digits = strspn(arg, "0123456789");
	char *value = xasprintf("%.*s", (int)digits, arg);
	unsigned unit = arg[digits] ? 0 : 1;
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (arg[digits] == units[i].letter && !arg[digits + 1])
			unit = units[i].seconds;
	if (!parse_number(value, &n) || !unit || !n || n > FOR_S_MAX / unit)
		argp_error(state, "%s: '%s' is no time like 90, 10m or 2h, up to %uh", what, arg,
			   FOR_S_MAX / 3600);
	free(value);
	return (unsigned)n * unit;
}

/* @arg if it is one of the @words, which are separated by `|`, or the end of the program. */
static const char *one_of(struct argp_state *state, const char *what, const char *words, char *arg)
{
	if (!word_in(words, '|', arg))
		argp_error(state, "%s: '%s' is none of %s", what, arg, words);
	return arg;
}

/* @arg if it is a word that QEMU, a kernel command line and a shell leave alone. */
static const char *word(struct argp_state *state, const char *what, const char *arg,
			const char *extra)
{
	for (const char *p = arg; *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.",
			    *p) &&
		    !strchr(extra, *p))
			argp_error(state, "%s: '%s' has an odd character", what, arg);
	if (!*arg)
		argp_error(state, "%s: empty", what);
	return arg;
}

/* All scenarios that match @pattern and are not there yet. */
static bool add_matching(struct options *o, const char *pattern)
{
	unsigned count;
	const struct scenario *table = scenarios(&count);
	bool any = false;

	for (unsigned i = 0; i < count; i++) {
		bool there = false;

		if (fnmatch(strcmp(pattern, "all") ? pattern : "*", table[i].name, 0))
			continue;
		any = true;
		for (unsigned n = 0; n < o->scenarios; n++)
			there |= o->scenario[n] == &table[i];
		if (!there)
			o->scenario[o->scenarios++] = &table[i];
	}
	return any;
}

/* Resolves --scenario, which needs the image. */
static void add_scenarios(struct argp_state *state, struct options *o)
{
	const char *list = o->scenario_text;
	char pattern[160];

	while (list && word_next(&list, ',', pattern, sizeof(pattern)))
		if (!add_matching(o, pattern))
			argp_error(state, "there is no scenario '%s' (`midflight list` shows all)",
				   pattern);
	for (unsigned i = 0; o->command == CMD_SWEEP && i < o->file_count; i++)
		if (!add_matching(o, o->files[i]))
			argp_error(state, "there is no scenario '%s' (`midflight list` shows all)",
				   o->files[i]);
	if (o->scenario_text && !o->scenarios)
		argp_error(state, "--scenario: empty");
}

static void load_scenarios(struct argp_state *state, const struct options *o)
{
	struct err e = {0};
	char *path = image_path(executable_dir(), o->image, &e);

	if (!path || scenarios_load(path, &e))
		argp_failure(state, argp_err_exit_status, 0, "%s", e.text);
	free(path);
}

static bool takes_file(enum command command)
{
	return command == CMD_SAVE || command == CMD_RESTORE || command == CMD_SERVE ||
	       command == CMD_REPLAY || command == CMD_MINIMISE;
}

static bool takes_files(enum command command)
{
	return command == CMD_MERGE || command == CMD_REPORT || command == CMD_INSPECT ||
	       command == CMD_LAB || command == CMD_COMPLETE || command == CMD_BISECT ||
	       command == CMD_SWEEP || command == CMD_COVERAGE;
}

static bool needs_image(enum command command)
{
	return command != CMD_SERVE && command != CMD_DOCTOR && command != CMD_KERNELS &&
	       command != CMD_MAN && command != CMD_REPLAY && command != CMD_MINIMISE &&
	       (!takes_files(command) || command == CMD_SWEEP);
}

/* An option that lab.sh understands. */
static void add_l0(struct argp_state *state, struct options *o, const char *option, const char *arg)
{
	if (o->l0_words + 2 > ARRAY_SIZE(o->l0))
		argp_error(state, "%s: too many", option);
	if (!*arg)
		argp_error(state, "%s: empty", option);
	o->l0[o->l0_words++] = option;
	o->l0[o->l0_words++] = arg;
}

/* What L0 is, is the lab's business. */
static void check_l0(struct argp_state *state, struct options *o)
{
	const bool several = has_variants(o);
	const char *option = o->kernels	      ? "--kernel"
			     : o->each_module ? "--each-module"
			     : several	      ? "--each-param"
			     : o->l0_words    ? o->l0[0]
			     : o->coverage    ? "--coverage"
					      : NULL;

	if (!option)
		return;
	if (o->lab == LAB_NO)
		argp_error(state, "%s is for the lab, and not with --lab no", option);
	if (o->kernels && o->command != CMD_RUN && o->command != CMD_PAGES)
		argp_error(state, "--kernel: one, please");
	if (several && (o->json || o->junit))
		argp_error(state,
			   "--%s: of one run at a time; of several each has its own result.json",
			   o->json ? "json" : "junit");
	o->lab = LAB_YES;
}

/* What only makes sense, or does not, together. */
static void check_options(struct argp_state *state, const struct options *o)
{
	if (takes_file(o->command) && !o->file)
		argp_error(state, "which FILE?");
	if (o->command == CMD_SERVE && !o->socket)
		argp_error(state, "which --socket?");
	if ((o->command == CMD_SAVE || o->command == CMD_BENCH) && o->scenarios > 1)
		argp_error(state, "one scenario, please");
	if (o->command != CMD_BISECT && o->jobs > 1 && o->lab == LAB_NO)
		argp_error(state, "--jobs is for labs, and not with --lab no");
	if (o->command == CMD_SAVE && o->hops_before >= o->hops)
		argp_error(state, "--hops-before %u: there are %u hops (--loops)", o->hops_before,
			   o->hops);
	if (o->command == CMD_SWEEP && o->hops_given && o->hops > FREEZE_AFTER_HOPS)
		argp_error(state, "--loops: a sweep has up to %d", FREEZE_AFTER_HOPS);
	if (o->command == CMD_LAB && (!o->file_count || strcmp(o->files[0], "shell")))
		argp_error(state, "what of the lab? There is: shell");
	if (takes_files(o->command) && !o->file_count && o->command != CMD_COMPLETE &&
	    o->command != CMD_BISECT && o->command != CMD_SWEEP && o->command != CMD_COVERAGE)
		argp_error(state, "which %s?", commands[o->command].args);
	if (o->command == CMD_INSPECT && o->diff && o->file_count != 2)
		argp_error(state, "--diff takes two files");
	if (o->irqchip && strcmp(o->accel, "kvm"))
		argp_error(state, "--irqchip needs --accel kvm");
	if ((o->irqchip || o->without) && strcmp(o->driver, "qemu"))
		argp_error(state, "--%s needs --driver qemu", o->irqchip ? "irqchip" : "without");
	if (!strcmp(o->driver, "qemu") && strcmp(o->order, "qemu"))
		argp_error(state, "--order needs --driver kvm");
	if (!strcmp(o->driver, "qemu") && (o->kick || o->no_oracles))
		argp_error(state, "--%s needs --driver kvm", o->kick ? "kick" : "no-oracles");
	if (o->command == CMD_RUN && !strcmp(o->driver, "kvm") &&
	    (strcmp(o->machine, "pc") || o->cpu))
		argp_error(state, "--%s needs --driver qemu", o->cpu ? "cpu" : "machine");
	if (o->serve_from && o->pages_config.mode == PAGES_EAGER && o->pages_given)
		argp_error(state, "--serve-from: with --pages eager nothing is asked for");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	struct order order;
	struct err e = {0};
	char *end;

	switch (key) {
	case 's':
		o->scenario_text = arg;
		break;
	case 'n':
		o->hops = (unsigned)number(state, "--loops", arg, 1, 1000000);
		o->hops_given = true;
		break;
	case 't':
		o->timeout_s = (unsigned)number(state, "--timeout", arg, 1, 86400);
		break;
	case OPT_SEED:
		o->seed = number(state, "--seed", arg, 0, INT64_MAX);
		break;
	case OPT_NUDGE:
		o->nudge_s = strtod(arg, &end);
		o->nudge_given = true;
		if (*end || end == arg || !(o->nudge_s >= 0.05 && o->nudge_s <= 86400))
			argp_error(state, "--nudge: '%s' is no number from 0.05 to 86400", arg);
		break;
	case OPT_METHOD:
		if (options_methods(o, arg, &e))
			argp_error(state, "--method: %s", e.text);
		break;
	case OPT_METHODS:
		o->list_methods = true;
		break;
	case OPT_SHARD:
		if (options_shard(o, arg, &e))
			argp_error(state, "--shard: %s", e.text);
		break;
	case OPT_IRQCHIP:
		o->irqchip = one_of(state, "--irqchip", "on|split", arg);
		break;
	case OPT_WITHOUT:
		o->without = word(state, "--without", arg, ",");
		break;
	case OPT_OUT:
		o->out = arg;
		break;
	case OPT_JSON:
		o->json = arg;
		break;
	case OPT_JUNIT:
		o->junit = arg;
		break;
	case OPT_KERNEL:
		if (strchr(arg, ',')) {
			o->kernels = arg;
			break;
		}
		add_l0(state, o, "--kernel", arg);
		break;
	case OPT_MODULES:
		add_l0(state, o, "--modules", arg);
		break;
	case OPT_LINUX:
		add_l0(state, o, "--linux", arg);
		break;
	case OPT_KVM:
		add_l0(state, o, "--kvm", arg);
		break;
	case OPT_KVM_INTEL:
		add_l0(state, o, "--kvm-intel", arg);
		break;
	case OPT_EACH_MODULE:
		o->each_module = arg;
		break;
	case OPT_EACH_PARAM:
		if (o->each_params == ARRAY_SIZE(o->each_param))
			argp_error(state, "--each-param: too many");
		if (!strchr(arg, '=') || arg[0] == '=')
			argp_error(state, "--each-param: '%s' is no NAME=VALUE,...", arg);
		o->each_param[o->each_params++] = arg;
		break;
	case OPT_KVM_PARAM:
		add_l0(state, o, "--kvm-param", arg);
		break;
	case OPT_STEP:
		o->step_ns = (int64_t)number(state, "--step", arg, 1, 60000000000);
		break;
	case OPT_POINTS:
		o->points = (unsigned)number(state, "--points", arg, 1, POINTS_MAX);
		break;
	case OPT_FOR:
		o->for_s = duration(state, "--for", arg);
		break;
	case OPT_ORDERS:
		o->orders = true;
		break;
	case OPT_COUNT_ON:
		o->count_on = true;
		break;
	case OPT_EXACT:
		o->exact = true;
		break;
	case OPT_BUILD:
		o->build = arg;
		break;
	case OPT_DEFCONFIG:
		o->defconfig = word(state, "--defconfig", arg, "");
		break;
	case 'j':
		o->jobs = (unsigned)number(state, "--jobs", arg, 1, 10000);
		break;
	case OPT_DIFF:
		o->diff = true;
		break;
	case OPT_ORDER:
		if (order_load(&order, arg, &e))
			argp_error(state, "--order: %s", e.text);
		o->order = arg;
		break;
	case OPT_FREEZE:
		if (options_freeze(o, arg, &e))
			argp_error(state, "--freeze: %s", e.text);
		break;
	case OPT_PAGES:
		if (options_pages(o, arg, &e))
			argp_error(state, "--pages: %s", e.text);
		o->pages_given = true;
		break;
	case OPT_KICK:
		o->kick = true;
		break;
	case OPT_STRICT:
		o->strict = true;
		break;
	case OPT_DRIVER:
		o->driver = one_of(state, "--driver", "qemu|kvm", arg);
		break;
	case OPT_ACCEL:
		o->accel = one_of(state, "--accel", "kvm|tcg", arg);
		break;
	case OPT_MACHINE:
		o->machine = one_of(state, "--machine", "pc|q35|microvm", arg);
		break;
	case OPT_CPU:
		o->cpu = word(state, "--cpu", arg, ",=+");
		break;
	case OPT_QEMU:
		o->qemu = arg;
		break;
	case OPT_IMAGE:
		o->image = arg;
		break;
	case OPT_LAB:
		one_of(state, "--lab", "auto|yes|no", arg);
		o->lab = !strcmp(arg, "yes") ? LAB_YES : !strcmp(arg, "no") ? LAB_NO : LAB_AUTO;
		break;
	case 'l':
		o->log = arg;
		break;
	case 'k':
		o->keep = true;
		break;
	case 'v':
		o->verbose = true;
		break;
	case 'q':
		o->quiet = true;
		break;
	case OPT_BREAK:
		o->breakage = word(state, "--break", arg, "=");
		break;
	case OPT_ALL:
		o->all = true;
		break;
	case OPT_COVERAGE:
		o->coverage = true;
		break;
	case OPT_DEBUG_INFO:
		o->debug_info = arg;
		break;
	case OPT_NO_ORACLES:
		o->no_oracles = true;
		break;
	case OPT_SHOWN_COMMAND:
		o->shown_command = arg;
		break;
	case OPT_SHOWN_LOG:
		o->shown_log = arg;
		break;
	case OPT_SHOWN_REPLAY:
		o->shown_replay = arg;
		break;
	case OPT_SHOWN_STARTED:
		/* Not looked at: the lab must execute the same instructions, whatever the time. */
		o->shown_started = arg;
		break;
	case OPT_ONLY:
		o->only = arg;
		break;
	case OPT_HOPS_BEFORE:
		o->hops_before = (unsigned)number(state, "--hops-before", arg, 0, 999999);
		break;
	case OPT_SERVE_FROM:
		o->serve_from = arg;
		break;
	case OPT_SOCKET:
		o->socket = arg;
		break;
	case ARGP_KEY_ARG:
		if (takes_files(o->command))
			return ARGP_ERR_UNKNOWN; /* asks for ARGP_KEY_ARGS */
		if (!takes_file(o->command) || o->file)
			argp_error(state, "what is '%s'?%s", arg,
				   scenario_find(arg, strlen(arg)) ? " A scenario: --scenario"
								   : "");
		o->file = arg;
		break;
	case ARGP_KEY_ARGS:
		o->files = state->argv + state->next;
		o->file_count = (unsigned)(state->argc - state->next);
		break;
	case ARGP_KEY_END:
		if (needs_image(o->command)) {
			load_scenarios(state, o);
			add_scenarios(state, o);
		}
		check_options(state, o);
		check_l0(state, o);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static bool find_command(const char *name, enum command *command)
{
	for (unsigned i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name)) {
			*command = i;
			return true;
		}
	return false;
}

static void add_all(struct options *o)
{
	unsigned count;
	const struct scenario *table = scenarios(&count);

	for (unsigned i = 0; i < count; i++)
		if (table[i].quick || !strcmp(o->driver, "kvm"))
			o->scenario[o->scenarios++] = &table[i];
}

/* What the commands take for granted. */
static void set_defaults(struct options *o)
{
	static char remote[] = "remote";
	struct err e = {0};

	if (o->command != CMD_RUN)
		o->driver = "kvm";
	if (o->command == CMD_PAGES)
		options_pages(o, remote, &e);
	if (o->command == CMD_PAGES)
		o->hops = 1;
	if (o->command == CMD_SOAK)
		o->for_s = SOAK_FOR_S;
	if (o->command == CMD_BENCH)
		o->hops = BENCH_CYCLES;
	/* Most of what is broken ends in silence: wait for it no longer than needed. */
	if (o->command == CMD_ORDERS || o->command == CMD_BREAKAGES) {
		o->timeout_s = MATRIX_TIMEOUT_S;
		o->nudge_s = MATRIX_NUDGE_S;
	}
}

static void add_default_scenarios(struct options *o)
{
	if (o->scenarios)
		return;
	if (o->command == CMD_RUN)
		add_all(o);
	if (o->command == CMD_LIST || o->command == CMD_ORDERS || o->command == CMD_BREAKAGES)
		add_matching(o, "all");
	if (o->command == CMD_PAGES || o->command == CMD_BENCH || o->command == CMD_SAVE)
		add_matching(o, "running");
	if (o->command == CMD_PAGES)
		add_matching(o, "halted");
	if (o->command == CMD_SOAK) {
		add_matching(o, "all");
		o->scenario_text = "all";
	}
}

bool cmd_line_parse(struct options *o, int argc, char **argv)
{
	return cmd_line_parse_as(o, NULL, argc, argv);
}

bool cmd_line_parse_as(struct options *o, const char *as, int argc, char **argv)
{
	static char remote[] = "remote";
	struct argp_option *list = xcalloc(option_row_count + 1, sizeof(*list));
	struct argp argp = {list, parse_option, NULL, NULL, NULL, NULL, NULL};
	char *doc;
	unsigned n = 0;
	struct err e = {0};
	static char name[300]; /* argp keeps it */

	if (argc < 2 || !find_command(argv[1], &o->command))
		return false;
	if (o->command == CMD_BISECT)
		argp_err_exit_status = BISECT_STOP;
	set_defaults(o);
	for (unsigned i = 0; i < option_row_count; i++)
		if (option_rows[i].commands & 1u << o->command)
			list[n++] = option_rows[i].option;
	argp.args_doc = commands[o->command].args;
	argp.doc = doc = xasprintf("%s\n", commands[o->command].text);
	snprintf(name, sizeof(name), "midflight %s", as ? as : commands[o->command].name);
	argv[1] = name;
	argp_parse(&argp, argc - 1, argv + 1, 0, NULL, o);
	free(list);
	free(doc);
	add_default_scenarios(o);
	if (o->serve_from && !o->pages_given)
		options_pages(o, remote, &e);
	return true;
}
