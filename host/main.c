// SPDX-License-Identifier: BSD-2-Clause
// The command line of `midflight`.
#include "host/kvm_probe.h"
#include "host/kvm_state.h"
#include "host/protocol.h"
#include "host/run.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPT_DRIVER = 256,
	OPT_ACCEL,
	OPT_IMAGE,
	OPT_QEMU,
	OPT_MACHINE,
	OPT_CPU,
	OPT_LAB,
	OPT_SEED,
	OPT_BREAK,
	OPT_STRICT,
	OPT_NUDGE,
	OPT_SHOWN_COMMAND,
	OPT_SHOWN_LOG,
	OPT_METHOD,
	OPT_ORDER,
	OPT_PAGES
};

static const struct argp_option run_options[] = {
	{"scenario", 's', "S[,S...]", 0,
	 "Scenarios: running, halted; with driver kvm also posted_running, posted_halted (default: "
	 "all)",
	 1},
	{"loops", 'n', "N", 0, "Snapshots per scenario (default: 10)", 1},
	{"method", OPT_METHOD, "file|pause", 0,
	 "What happens to the frozen VM: saved, thrown away and restored in a new process (file, "
	 "the default), or saved and continued in the same process (pause)",
	 1},
	{"seed", OPT_SEED, "N", 0, "Seed of all random choices (default: 1)", 1},
	{"timeout", 't', "SECONDS", 0, "Longest time without progress (default: 60)", 1},
	{"nudge", OPT_NUDGE, "SECONDS", 0,
	 "After this time without a sign send an NMI, so that one lost wake-up costs one hop, not "
	 "the run (default: 2)",
	 1},
	{"strict", OPT_STRICT, NULL, 0, "A known KVM bug is a failure too", 1},
	{"driver", OPT_DRIVER, "qemu|kvm", 0,
	 "What runs the VM: QEMU, or a small VMM in this program on /dev/kvm itself (default: "
	 "qemu)",
	 2},
	{"order", OPT_ORDER, "ORDER", 0,
	 "Driver kvm: order of the restore's ioctls: qemu (default), selftests, nested-first, "
	 "nested-last, legacy, or a file with the steps",
	 2},
	{"pages", OPT_PAGES, "HOW", 0,
	 "Driver kvm: how the restored VM's memory arrives: eager (before the restore, the "
	 "default), "
	 "remote (each page when it is asked for), late=PHASE (not before that phase), "
	 "delay=MICROSECONDS (each after a random delay), lost=PAGE (that page never)",
	 2},
	{"accel", OPT_ACCEL, "kvm|tcg", 0, "(default: kvm)", 2},
	{"machine", OPT_MACHINE, "pc|q35", 0, "QEMU's machine type (default: pc)", 2},
	{"cpu", OPT_CPU, "MODEL", 0, "QEMU's CPU model (default: host with kvm, max with tcg)", 2},
	{"qemu", OPT_QEMU, "PATH", 0, "(default: qemu-system-x86_64)", 2},
	{"image", OPT_IMAGE, "FILE", 0, "L1 (default: midflight.elf beside this program)", 2},
	{"lab", OPT_LAB, "auto|yes|no", 0,
	 "Run on an emulated CPU with VMX (default: auto, if this KVM has no nested VMX)", 2},
	{"log", 'l', "DIR", 0, "(default: midflight-log beside this program)", 3},
	{"keep", 'k', NULL, 0, "Keep the last snapshot of a pass too", 3},
	{"verbose", 'v', NULL, 0, "Say every hop and its times", 3},
	{"quiet", 'q', NULL, 0, "No progress and no summary", 3},
	{"break", OPT_BREAK, "WHAT", 0,
	 "Break one thing on purpose, to see it caught: digest, drop-interrupt, double-interrupt, "
	 "page, vmcs-field, truncate",
	 4},
	{"shown-command", OPT_SHOWN_COMMAND, "PATH", OPTION_HIDDEN, NULL, 0},
	{"shown-log", OPT_SHOWN_LOG, "DIR", OPTION_HIDDEN, NULL, 0},
	{0},
};

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

/* @arg if it is one of the @words, which are separated by `|`, or the end of the program. */
static const char *one_of(struct argp_state *state, const char *what, const char *words, char *arg)
{
	size_t len = strlen(arg);

	for (const char *p = words; *p; p += strcspn(p, "|"), p += *p == '|')
		if (strcspn(p, "|") == len && !memcmp(p, arg, len))
			return arg;
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

static void add_scenarios(struct argp_state *state, struct options *o, const char *arg)
{
	while (true) {
		size_t len = strcspn(arg, ",");
		const struct scenario *s = scenario_find(arg, len);

		if (!s)
			argp_error(state, "there is no scenario '%.*s'", (int)len, arg);
		for (unsigned i = 0; i < o->scenarios; i++)
			if (o->scenario[i] == s)
				argp_error(state, "scenario '%s' is given twice", s->name);
		o->scenario[o->scenarios++] = s;
		if (!arg[len])
			break;
		arg += len + 1;
	}
}

static error_t parse_run(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	struct order order;
	struct err e;
	char *end;

	switch (key) {
	case 's':
		add_scenarios(state, o, arg);
		break;
	case 'n':
		o->hops = (unsigned)number(state, "--loops", arg, 1, 1000000);
		break;
	case 't':
		o->timeout_s = (unsigned)number(state, "--timeout", arg, 1, 86400);
		break;
	case OPT_SEED:
		o->seed = number(state, "--seed", arg, 0, INT64_MAX);
		break;
	case OPT_NUDGE:
		o->nudge_s = strtod(arg, &end);
		if (*end || end == arg || !(o->nudge_s >= 0.05 && o->nudge_s <= 86400))
			argp_error(state, "--nudge: '%s' is no number from 0.05 to 86400", arg);
		break;
	case OPT_METHOD:
		o->method = method_find(one_of(state, "--method", "file|pause", arg));
		break;
	case OPT_ORDER:
		if (order_load(&order, arg, &e))
			argp_error(state, "--order: %s", e.text);
		o->order = arg;
		break;
	case OPT_PAGES:
		if (options_pages(o, arg, &e))
			argp_error(state, "--pages: %s", e.text);
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
		o->machine = one_of(state, "--machine", "pc|q35", arg);
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
		o->breakage = word(state, "--break", arg, "");
		break;
	case OPT_SHOWN_COMMAND:
		o->shown_command = arg;
		break;
	case OPT_SHOWN_LOG:
		o->shown_log = arg;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "what is '%s'?", arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp run_argp = {
	run_options,
	parse_run,
	NULL,
	"Freezes a VM while its L2 guest is on the CPU, throws it away, restores it in a new "
	"process, and checks that nothing was lost.\v"
	"Exit status: 0 pass, 1 fail, 2 usage or harness, 4 everything skipped.\n\n"
	"Examples:\n"
	"  midflight run                          both scenarios, 10 snapshots each\n"
	"  midflight run -s halted -n 100 -v      one scenario, every hop shown\n"
	"  midflight run --break digest           must FAIL\n"
	"  midflight run --accel tcg              QEMU's emulation has no VMX: SKIP",
	NULL,
	NULL,
	NULL};

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
		argp_error(state, "which command? run or probe");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp top_argp = {
	top_options,
	parse_top,
	"run [OPTION...]\nprobe",
	"Tests that KVM keeps an L2 guest alive when the VM around it is saved and restored.\v"
	"Commands:\n"
	"  run      take snapshots of a running L2, restore them, say pass or fail\n"
	"           ('midflight run --help' lists its options)\n"
	"  probe    does this machine's KVM have nested VMX, and what to do if not\n\n"
	"Examples:\n"
	"  midflight run\n"
	"  midflight run --scenario halted --loops 100\n"
	"  midflight probe",
	NULL,
	NULL,
	NULL};

int main(int argc, char **argv)
{
	struct options o;
	char name[] = "midflight run", *argv0 = argv[0];
	struct buf command = {0};
	int status;

	argp_err_exit_status = 2;
	options_init(&o);
	if (argc > 1 && !strcmp(argv[1], "run")) {
		argv[1] = name;
		argp_parse(&run_argp, argc - 1, argv + 1, 0, NULL, &o);
		if (!o.scenarios) {
			unsigned count;
			const struct scenario *table = scenarios(&count);

			/* All that this driver can do. */
			for (unsigned i = 0; i < count; i++)
				if (!table[i].posts || !strcmp(o.driver, "kvm"))
					o.scenario[o.scenarios++] = &table[i];
		}
		if (!o.shown_command) {
			buf_shell_quote(&command, argv0);
			buf_printf(&command, " run%s%s", o.lab == LAB_YES ? " --lab yes" : "",
				   o.image ? " --image " : "");
			if (o.image)
				buf_shell_quote(&command, o.image);
			o.shown_command = command.p;
		}
		status = run(&o);
		buf_free(&command);
		return status;
	}
	if (argc == 2 && !strcmp(argv[1], "probe"))
		return kvm_probe_print();
	argp_parse(&top_argp, argc, argv, 0, NULL, NULL);
	return 2;
}
