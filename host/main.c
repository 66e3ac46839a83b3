// SPDX-License-Identifier: BSD-2-Clause
// `midflight`: which command it is, and what that does.
#include "host/commands/cmd.h"
#include "host/base/nearest.h"
#include "host/cli/commands.h"
#include "host/base/cleanup.h"

#include <argp.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <midflight_version.h>

/* What each command does: its exit status. */
static int (*const run[COMMANDS])(struct options *o) = {
#define COMMAND(id, letter, function, ...) [CMD_##id] = function,
#include "host/cli/commands.def"
#undef COMMAND
};

#define USAGE 256 /* argp's key */

static const struct argp_option top_options[] = {
	{"help", '?', NULL, 0, NULL, 0},
	{"usage", USAGE, NULL, 0, NULL, 0},
	{"version", 'V', NULL, 0, NULL, 0},
	{0},
};

/* What was printed and got lost is no success. */
static int check_output(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fputs("midflight: cannot write to stdout\n", stderr);
	return status ? status : 2;
}

static error_t parse_top(int key, char *arg, struct argp_state *state)
{
	struct buf text = {0};
	struct nearest nearest = {0};

	switch (key) {
	case '?':
		help_commands(&text);
		fputs(text.p, stdout);
		buf_free(&text);
		exit(check_output(0));
	case USAGE:
		argp_state_help(state, stdout, ARGP_HELP_USAGE | ARGP_HELP_EXIT_OK);
		break;
	case 'V':
		puts("midflight " MIDFLIGHT_VERSION);
		exit(check_output(0));
	case ARGP_KEY_ARG:
		for (unsigned i = 0; i < COMMANDS; i++)
			if (commands[i].title)
				nearest_try(&nearest, arg, commands[i].name);
		argp_error(state, "there is no command '%s'%s", arg, nearest_text(&nearest));
		break;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which command? Most often: run");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* `PROGRAM COMMAND` with the options that say where it runs, for a shell. */
static void shown(const struct options *o, const char *program, enum command command,
		  struct buf *text)
{
	buf_shell_quote(text, program);
	buf_printf(text, " %s%s", commands[command].name,
		   o->lab == LAB_YES && !o->l0_words ? " --lab yes" : "");
	buf_shell_option(text, "image", o->image);
	buf_shell_option(text, "guest", o->guest.file);
	buf_shell_option(text, "initrd", o->guest.initrd);
	buf_shell_option(text, "from", o->from);
	buf_shell_option(text, "like", o->like);
	for (unsigned i = 0; i < o->l0_words; i++) {
		buf_printf(text, " ");
		buf_shell_quote(text, o->l0[i]);
	}
}

/* Those that a caller has closed: what is printed must not get into a file in their place. */
static void open_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct options o;
	auto_buf struct buf command = {0}, replay = {0};
	struct argp top = {top_options, parse_top, "COMMAND [OPTION...]", NULL, NULL, NULL, NULL};
	FILE *const terminal = stderr;

	open_standard_files();
	/* argp and getopt repeat the user's words. */
	stderr = printable_stream(terminal);
	argp_err_exit_status = 2;
	options_init(&o);
	if (!cmd_line_parse(&o, NULL, argc, argv)) {
		argp_parse(&top, argc, argv, ARGP_NO_HELP | ARGP_IN_ORDER, NULL, NULL);
		return 2;
	}
	fclose(stderr);
	stderr = terminal;
	shown(&o, argv[0], commands[o.command].repeated, &command);
	if (o.file && o.command != CMD_REPLAY && o.command != CMD_MINIMISE) {
		buf_printf(&command, " ");
		buf_shell_quote(&command, o.file);
	}
	shown(&o, argv[0], CMD_REPLAY, &replay);
	if (!o.shown_command)
		o.shown_command = command.p;
	if (!o.shown_replay)
		o.shown_replay = replay.p;
	return check_output(run[o.command](&o));
}
