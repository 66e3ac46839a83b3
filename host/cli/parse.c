// SPDX-License-Identifier: BSD-2-Clause
// The command line of each command: which options it takes, what they mean, its help.
#include "host/base/cleanup.h"
#include "host/base/nearest.h"
#include "host/cli/commands.h"
#include "host/cli/paths.h"
#include "host/cli/select.h"
#include "host/guest/unittests.h"
#include "host/snapshot/break.h"

#include <argp.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* *@path becomes absolute: QEMU gets another directory. */
static void find_file(struct argp_state *state, const char *option, const char **path)
{
	char *found = *path ? realpath(*path, NULL) : NULL;

	if (*path && !found)
		argp_failure(state, argp_err_exit_status, errno, "%s %s", option, *path);
	*path = found;
}

/* A foreign guest, or those of a list, are the scenarios then. */
static void load_guests(struct argp_state *state, struct options *o)
{
	static struct scenario list[UNITTESTS_MAX];
	struct err e = {0};
	int count = 1;

	if (o->command == CMD_UNITTESTS && !o->file)
		argp_error(state, "which DIR?");
	if (o->command == CMD_UNITTESTS) {
		o->guest.named = o->scenario_text;
		count = unittests_make(list, o->file, o->group ?: UNITTESTS_GROUP, &o->guest, &e);
	} else {
		auto_free char *name = NULL;

		find_file(state, "--guest", &o->guest.file);
		find_file(state, "--initrd", &o->guest.initrd);
		name = xstrdup(basename(o->guest.file));
		name[strcspn(name, ".")] = '\0';
		if (guest_make(&list[0], o->scenario_text ?: name, &o->guest, &e))
			count = -1;
		else
			o->scenario_text = list[0].name;
	}
	if (count < 0)
		argp_failure(state, argp_err_exit_status, 0, "%s", e.text);
	scenarios_set(list, (unsigned)count);
}

static void load_scenarios(struct argp_state *state, struct options *o)
{
	struct err e = {0};
	auto_free char *path = NULL;

	if (o->guest.file || o->command == CMD_UNITTESTS)
		return load_guests(state, o);
	path = image_path(executable_dir(), o->image, &e);
	if (!path || scenarios_load(path, &e))
		argp_failure(state, argp_err_exit_status, 0, "%s", e.text);
}

/* What L0 is, is the lab's business. */
static void check_l0(struct argp_state *state, struct options *o)
{
	const bool several = has_variants(o);
	const char *option = o->kernels	      ? "--kernel"
			     : o->each_module ? "--each-module"
			     : o->each_params ? "--each-param"
			     : several	      ? "--patch"
			     : o->l0_words    ? o->l0[0]
			     : o->coverage    ? "--coverage"
					      : NULL;

	if (o->expect_cure && !o->patches)
		argp_error(state, "--expect-cure: of which --patch?");
	if (o->baseline && (o->patches || !several))
		argp_error(state, "--baseline: %s",
			   o->patches ? "with --patch it is the kernel without"
				      : "of which --kernel, --each-module or --each-param?");
	if (!option)
		return;
	if (o->lab == LAB_NO)
		argp_error(state, "%s is for the lab, and not with --lab no", option);
	if (o->kernels && !options_run(o) && o->command != CMD_PAGES && o->command != CMD_CROSS)
		argp_error(state, "--kernel: one, please");
	if (several && (o->json || o->junit))
		argp_error(state,
			   "--%s: of one run at a time; of several each has its own result.json",
			   o->json ? "json" : "junit");
	o->lab = LAB_YES;
}

/* Foreign guests have options of their own, and no protocol by which those of L1 could be kept. */
static void check_guest(struct argp_state *state, const struct options *o)
{
	const struct guest_words *w = &o->guest;
	const char *of_guests = w->append	  ? "append"
				: w->initrd	  ? "initrd"
				: w->vcpus	  ? "smp"
				: w->memory_mib	  ? "memory"
				: w->profile	  ? "profile"
				: w->pass	  ? "pass"
				: w->fail	  ? "fail"
				: w->ignore	  ? "ignore"
				: w->every_ms > 0 ? "every"
				: w->every_exits  ? "every-exits"
				: w->at_ms > 0	  ? "at"
				: w->freezes	  ? "freezes"
				: w->only_l2	  ? "only-l2"
						  : NULL;
	struct err e = {0};

	if (!w->file && o->command != CMD_UNITTESTS) {
		if (of_guests)
			argp_error(state, "--%s: of which --guest?", of_guests);
		return;
	}
	if ((w->every_ms > 0) + (w->every_exits != 0) + (w->at_ms > 0) > 1)
		argp_error(state, "--every, --every-exits, --at: one of them, please");
	if (o->kick || o->enlightened || strcmp(o->freeze_text, "now") || o->nudge_given)
		argp_error(state, "--%s is for L1's scenarios, not for foreign guests",
			   o->kick	    ? "kick"
			   : o->enlightened ? "enlightened"
			   : o->nudge_given ? "nudge"
					    : "freeze");
	if (o->breakage && break_check(o->breakage, &e))
		argp_error(state, "--break %s is L1's own; a foreign guest knows of none",
			   o->breakage);
}

/* What only makes sense, or does not, together. */
/* An option that driver kvm alone has, or NULL. */
static const char *raw_option(const struct options *o)
{
	return o->kick		 ? "kick"
	       : o->no_oracles	 ? "no-oracles"
	       : o->to_tsc_khz	 ? "to-tsc-khz"
	       : o->from	 ? "from"
	       : o->like	 ? "like"
	       : o->save_order	 ? "save-order"
	       : o->save_wait_ms ? "save-wait"
	       : o->no_cap	 ? "no-cap"
	       : o->save_roam	 ? "save-roam"
				 : NULL;
}

static void check_options(struct argp_state *state, const struct options *o)
{
	if (commands[o->command].files == FILES_ONE && !o->file)
		argp_error(state, "which FILE?");
	if (o->command == CMD_SERVE && !o->socket)
		argp_error(state, "which --socket?");
	if ((o->command == CMD_SAVE || o->command == CMD_BENCH) && o->scenarios > 1)
		argp_error(state, "one scenario, please");
	if (o->command != CMD_BISECT && o->jobs > 1 && !o->jobs_auto && o->lab == LAB_NO)
		argp_error(state, "--jobs is for labs, and not with --lab no");
	if (o->command == CMD_SAVE && o->hops_before >= o->hops)
		argp_error(state, "--hops-before %u: there are %u hops (--loops)", o->hops_before,
			   o->hops);
	if (o->command == CMD_SWEEP && o->hops_given && o->hops > FREEZE_AFTER_HOPS)
		argp_error(state, "--loops: a sweep has up to %d", FREEZE_AFTER_HOPS);
	if (o->command == CMD_LAB && (!o->file_count || strcmp(o->files[0], "shell")))
		argp_error(state, "what of the lab? There is: shell");
	if (commands[o->command].files == FILES_SOME && !o->file_count)
		argp_error(state, "which %s?", commands[o->command].args);
	if (o->command == CMD_INSPECT && o->diff && o->file_count != 2)
		argp_error(state, "--diff takes two files");
	if (o->mail && o->file_count != 1)
		argp_error(state, "--mail takes one result");
	if (o->irqchip && strcmp(o->accel, "kvm"))
		argp_error(state, "--irqchip needs --accel kvm");
	if ((o->irqchip || o->without) && strcmp(o->driver, "qemu"))
		argp_error(state, "--%s needs --driver qemu", o->irqchip ? "irqchip" : "without");
	if (!strcmp(o->driver, "qemu") && strcmp(o->order, "qemu"))
		argp_error(state, "--order needs --driver kvm");
	if (!strcmp(o->driver, "qemu") && raw_option(o))
		argp_error(state, "--%s needs --driver kvm", raw_option(o));
	if (options_run(o) && !strcmp(o->driver, "kvm") && (strcmp(o->machine, "pc") || o->cpu))
		argp_error(state, "--%s needs --driver qemu", o->cpu ? "cpu" : "machine");
	if (o->serve_from && o->pages_config.mode == PAGES_EAGER && o->pages_given)
		argp_error(state, "--serve-from: with --pages eager nothing is asked for");
}

/* argp's key of a row: its letter, or what is no character. */
static int key_of(const struct option_row *row)
{
	return row->letter ? row->letter : 256 + (int)(row - option_rows);
}

static error_t take_option(const struct option_row *row, const char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	struct err e = {0};

	if (option_read(o, row, arg, &e))
		argp_error(state, "%s: %s", row->word, e.text);
	if (row->given)
		*((bool *)o + row->given) = true;
	return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	const struct command_info *command = &commands[o->command];
	struct err e = {0};

	for (unsigned i = 0; i < option_row_count; i++)
		if (option_rows[i].commands & 1u << o->command && key_of(&option_rows[i]) == key)
			return take_option(&option_rows[i], arg, state);
	switch (key) {
	case ARGP_KEY_ARG:
		if (command->files >= FILES_SOME)
			return ARGP_ERR_UNKNOWN; /* asks for ARGP_KEY_ARGS */
		if (command->files == FILES_NONE || o->file)
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
		check_guest(state, o);
		if (command->image) {
			load_scenarios(state, o);
			if (select_scenarios(o, &e))
				argp_error(state, "%s", e.text);
		}
		/* What was given before --seed, too. */
		o->pages_config.seed = o->seed;
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

/* What the command takes for granted. The table is ours: none of it can be wrong. */
static void set_defaults(struct options *o)
{
	for (unsigned i = 0; i < COMMAND_DEFAULTS && commands[o->command].defaults[i].option; i++) {
		const char *name = commands[o->command].defaults[i].option;
		struct err e = {0};

		if (option_read(o, option_find(~0u, name, strlen(name)),
				commands[o->command].defaults[i].value, &e))
			abort();
	}
}

/* ---- options that there are not ------------------------------------------------------------- */

/* The option of @c that @word, behind two dashes and up to its =, is or begins; NULL: none. */
static const struct option_row *begun(enum command c, const char *word, size_t len)
{
	const struct option_row *row = option_find(1u << c, word, len);

	for (unsigned i = 0; !row && i < option_row_count; i++)
		if (option_rows[i].commands & 1u << c && !strncmp(option_rows[i].name, word, len))
			row = &option_rows[i];
	return row;
}

/* That of the letters @word, behind one dash, whose value is the next word; NULL: none. */
static const struct option_row *of_letters(enum command c, const char *word)
{
	for (; *word; word++)
		for (unsigned i = 0; i < option_row_count; i++)
			if (option_rows[i].commands & 1u << c && option_rows[i].letter == *word &&
			    option_rows[i].arg)
				return word[1] ? NULL : &option_rows[i];
	return NULL;
}

/* getopt says no more than that it knows no such option: ends the program if one is near to it. */
static void check_spelling(enum command c, const char *as, int count, char *const *words)
{
	static const char *const argps[] = {"help", "usage"};

	for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
		const char *word = words[i] + 2;
		const bool is_long = !strncmp(words[i], "--", 2);
		const size_t len = is_long ? strcspn(word, "=") : 0;
		const struct option_row *row = is_long		  ? begun(c, word, len)
					       : *words[i] == '-' ? of_letters(c, words[i] + 1)
								  : NULL;
		auto_free char *name = xasprintf("%.*s", (int)len, is_long ? word : "");
		struct nearest nearest = {0};

		i += row && row->arg && !(is_long && word[len]); /* its value */
		if (!is_long || row)
			continue;
		for (unsigned n = 0; n < option_row_count; n++)
			if (option_rows[n].commands & 1u << c && option_rows[n].help)
				nearest_try(&nearest, name, option_rows[n].name);
		for (size_t n = 0; n < ARRAY_SIZE(argps); n++)
			nearest_try(&nearest, name, argps[n]);
		if (!nearest.name || !strncmp(nearest.name, name, len))
			continue;
		fprintf(stderr, "%s: unrecognized option '--%s'; did you mean '--%s'?\n", as, name,
			nearest.name);
		exit(argp_err_exit_status);
	}
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* The groups of options.def. */
static const char *const headings[] = {
	NULL, "What to fly:", "On what:", "What is left and shown:", "What is broken on purpose:"};

static bool has_group(enum command c, int group)
{
	for (unsigned i = 0; i < option_row_count; i++)
		if (option_rows[i].commands & 1u << c && option_rows[i].help &&
		    option_rows[i].group == group)
			return true;
	return false;
}

bool cmd_line_parse(struct options *o, const char *as, int argc, char **argv)
{
	auto_free struct argp_option *list =
		xcalloc(option_row_count + ARRAY_SIZE(headings) + 1, sizeof(*list));
	auto_free char *doc = NULL;
	struct argp argp = {.options = list, .parser = parse_option};
	unsigned n = 0;
	struct err e = {0};
	static char name[300]; /* argp keeps it */

	if (argc < 2 || !find_command(argv[1], &o->command))
		return false;
	if (o->command == CMD_BISECT)
		argp_err_exit_status = BISECT_STOP;
	set_defaults(o);
	for (int i = 1; i < (int)ARRAY_SIZE(headings); i++)
		if (has_group(o->command, i))
			list[n++] = (struct argp_option){.doc = headings[i], .group = i};
	for (unsigned i = 0; i < option_row_count; i++)
		if (option_rows[i].commands & 1u << o->command)
			list[n++] = (struct argp_option){
				option_rows[i].name, key_of(&option_rows[i]),
				option_rows[i].arg,  option_rows[i].help ? 0 : OPTION_HIDDEN,
				option_rows[i].help, option_rows[i].group};
	argp.args_doc = commands[o->command].args;
	argp.doc = doc = xasprintf("%s\n", commands[o->command].text);
	snprintf(name, sizeof(name), "midflight %s", as ? as : commands[o->command].name);
	argv[1] = name;
	check_spelling(o->command, name, argc - 2, argv + 2);
	argp_parse(&argp, argc - 1, argv + 1, 0, NULL, o);
	if (o->serve_from && !o->pages_given)
		options_pages(o, "remote", &e);
	return true;
}
