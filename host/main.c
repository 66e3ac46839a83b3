// SPDX-License-Identifier: BSD-2-Clause
// `midflight`: which command it is.
#include "host/cmd.h"
#include "host/cmd_line.h"
#include "host/run.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

static const struct argp_option top_options[] = {
	{"version", 'V', NULL, 0, "Print version", 0},
	{0},
};

static error_t parse_top(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'V':
		puts("midflight " MIDFLIGHT_VERSION);
		exit(0);
	case ARGP_KEY_ARG:
		argp_error(state, "there is no command '%s'", arg);
		break;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which command? Most often: run");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp top_argp = {
	top_options,
	parse_top,
	"COMMAND [OPTION...]",
	"Tests that KVM keeps an L2 guest alive when the VM around it is saved and restored.\v"
	"Commands:\n"
	"  run      take snapshots of a running L2, restore them, say pass or fail\n"
	"  pages    which page does KVM ask for in which ioctl of a restore\n"
	"  save     write a snapshot of a running L2 to a file\n"
	"  restore  restore it, in another process or after a reboot, say pass or fail\n"
	"  serve    hand out the pages of such a file to a restore in another process\n"
	"  list     the scenarios and methods\n"
	"  orders   which scenario survives which order of the restore's ioctls\n"
	"  breakages is a state that was broken on purpose noticed\n"
	"  merge    put the results of a run's shards together\n"
	"  bench    snapshots and restores per second, beside the least that KVM allows\n"
	"  probe    does this machine's KVM have nested VMX, and what to do if not\n"
	"'midflight COMMAND --help' lists a command's options.\n\n"
	"Examples:\n"
	"  midflight run\n"
	"  midflight run --scenario halted --loops 100\n"
	"  midflight pages\n"
	"  midflight probe",
	NULL,
	NULL,
	NULL};

static int run_command(struct options *o)
{
	switch (o->command) {
	case CMD_BENCH:
		return cmd_bench(o);
	case CMD_SAVE:
		return cmd_save(o);
	case CMD_RESTORE:
		return cmd_restore(o);
	case CMD_SERVE:
		return cmd_serve(o);
	case CMD_LIST:
		return cmd_list(o);
	case CMD_ORDERS:
	case CMD_BREAKAGES:
		return cmd_matrix(o);
	case CMD_MERGE:
		return cmd_merge(o);
	case CMD_RUN:
	case CMD_PAGES:
		break;
	}
	return run(o);
}

int main(int argc, char **argv)
{
	struct options o;
	struct buf command = {0};
	int status;

	argp_err_exit_status = 2;
	options_init(&o);
	if (cmd_line_parse(&o, argc, argv)) {
		if (!o.shown_command) {
			buf_shell_quote(&command, argv[0]);
			buf_printf(&command, " %s%s%s",
				   o.command == CMD_PAGES ? "run" : o.command_name,
				   o.lab == LAB_YES ? " --lab yes" : "",
				   o.image ? " --image " : "");
			if (o.image)
				buf_shell_quote(&command, o.image);
			if (o.file) {
				buf_printf(&command, " ");
				buf_shell_quote(&command, o.file);
			}
			o.shown_command = command.p;
		}
		status = run_command(&o);
		buf_free(&command);
		return status;
	}
	if (argc == 2 && !strcmp(argv[1], "probe"))
		return kvm_probe_print();
	argp_parse(&top_argp, argc, argv, 0, NULL, NULL);
	return 2;
}
