// SPDX-License-Identifier: BSD-2-Clause
// The command line of each command: which options it takes, what they mean, its help.
#include "host/cmd_line.h"
#include "host/kvm_state.h"
#include "host/protocol.h"

#include <argp.h>
#include <fnmatch.h>
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
	OPT_KICK,
	OPT_NUDGE,
	OPT_SHOWN_COMMAND,
	OPT_SHOWN_LOG,
	OPT_METHOD,
	OPT_ORDER,
	OPT_PAGES,
	OPT_FREEZE,
	OPT_HOPS_BEFORE,
	OPT_SERVE_FROM,
	OPT_SOCKET,
	OPT_ALL,
	OPT_NO_ORACLES,
	OPT_IRQCHIP,
	OPT_WITHOUT,
	OPT_SHARD,
	OPT_METHODS,
	OPT_OUT,
	OPTIONS_MAX
};

/* Which commands take an option. */
#define R (1u << CMD_RUN)
#define P (1u << CMD_PAGES)
#define B (1u << CMD_BENCH)
#define S (1u << CMD_SAVE)
#define T (1u << CMD_RESTORE)
#define V (1u << CMD_SERVE)
#define L (1u << CMD_LIST)
#define O (1u << CMD_ORDERS)
#define K (1u << CMD_BREAKAGES)
#define M (1u << CMD_MERGE)

static const struct {
	unsigned commands;
	struct argp_option option;
} options[] = {
	{R | P | B | S | L | O | K,
	 {"scenario", 's', "S[,S...]", 0,
	  "Scenarios, by name or pattern (`midflight list` shows all; default of run: running and "
	  "halted, with driver kvm all; of save and bench: running)",
	  1}},
	{R | P | B | S,
	 {"loops", 'n', "N", 0,
	  "Snapshots per scenario (default: 10, or 1 for a scenario about one exact instant; "
	  "bench: 200 cycles in all; pages: 1)",
	  1}},
	{K,
	 {"all", OPT_ALL, NULL, 0,
	  "Every breakage in every scenario, not only in the one that must catch it", 1}},
	{R | P,
	 {"no-oracles", OPT_NO_ORACLES, NULL, 0,
	  "Driver kvm: leave out the checks that hold for any snapshot (saving, restoring and "
	  "saving again is exact, ...)",
	  1}},
	{S,
	 {"hops-before", OPT_HOPS_BEFORE, "N", 0, "Hops that end before the snapshot (default: 0)",
	  1}},
	{R,
	 {"method", OPT_METHOD, "M[,M...]", 0,
	  "How the VM is moved at each hop, by name or pattern, or all (`midflight list --methods` "
	  "shows all; default: file): one result per method, behind one control. Driver kvm has "
	  "file and pause",
	  1}},
	{R,
	 {"shard", OPT_SHARD, "K/N", 0,
	  "Only every Nth result, from the Kth on, with the controls that these need; `midflight "
	  "merge` puts the parts together",
	  1}},
	{L, {"methods", OPT_METHODS, NULL, 0, "The methods instead of the scenarios", 1}},
	{M, {"out", OPT_OUT, "FILE", 0, "Write all results to FILE, as one result.json", 1}},
	{R | P | B | S | O | K,
	 {"seed", OPT_SEED, "N", 0, "Seed of all random choices (default: 1)", 1}},
	{R | P | B | S | T | O | K,
	 {"timeout", 't', "SECONDS", 0,
	  "Longest time without progress (default: 60; orders and breakages: 5)", 1}},
	{R | P | B | S | T | O | K,
	 {"nudge", OPT_NUDGE, "SECONDS", 0,
	  "After this time without a sign send an NMI, so that one lost wake-up costs one hop, not "
	  "the run (default: 2)",
	  1}},
	{R,
	 {"kick", OPT_KICK, NULL, 0,
	  "Make the vCPU leave KVM_RUN once after each posting to a running VM, as the timers and "
	  "signals of a larger VMM do",
	  1}},
	{R | P, {"strict", OPT_STRICT, NULL, 0, "A known KVM bug is a failure too", 1}},
	{R | P,
	 {"driver", OPT_DRIVER, "qemu|kvm", 0,
	  "What runs the VM: QEMU, or a small VMM in this program on /dev/kvm itself (default: "
	  "qemu)",
	  2}},
	{R | P | B | T,
	 {"order", OPT_ORDER, "ORDER", 0,
	  "Driver kvm: order of the restore's ioctls: qemu (default), selftests, nested-first, "
	  "nested-last, legacy, cloud-hypervisor, crosvm, or a file with the steps",
	  2}},
	{R | P | S,
	 {"freeze", OPT_FREEZE, "WHEN", 0,
	  "When the VM is frozen: now (as soon as L2 is about to run, the default), "
	  "time=MICROSECONDS after that; with driver kvm also exits=N (after that many exits of "
	  "KVM_RUN to userspace) and port (at L2's next write to a port that L1 lets pass: always "
	  "the same instruction, in scenarios where L2 runs)",
	  2}},
	{R | P | T,
	 {"pages", OPT_PAGES, "HOW", 0,
	  "Driver kvm: how the restored VM's memory arrives: eager (before the restore, the "
	  "default), "
	  "remote (each page when it is asked for), late=PHASE (not before that phase), "
	  "delay=MICROSECONDS (each after a random delay), lost=PAGE (that page never), "
	  "exit (leave KVM_RUN for each, where a kernel can)",
	  2}},
	{T,
	 {"serve-from", OPT_SERVE_FROM, "SOCKET", 0,
	  "Get the pages from `midflight serve` on this unix socket (with --pages remote, the "
	  "default then, late=, delay= or lost=)",
	  2}},
	{V, {"socket", OPT_SOCKET, "SOCKET", 0, "Unix socket to listen on; it must not exist", 2}},
	{R | P, {"accel", OPT_ACCEL, "kvm|tcg", 0, "(default: kvm)", 2}},
	{R | P,
	 {"machine", OPT_MACHINE, "pc|q35|microvm", 0, "QEMU's machine type (default: pc)", 2}},
	{R,
	 {"irqchip", OPT_IRQCHIP, "on|split", 0,
	  "Driver qemu: interrupt controllers in KVM: all, or only the local APIC (default: QEMU's "
	  "choice)",
	  2}},
	{R | P,
	 {"cpu", OPT_CPU, "MODEL", 0, "QEMU's CPU model (default: host with kvm, max with tcg)",
	  2}},
	{R,
	 {"without", OPT_WITHOUT, "FEATURE[,FEATURE...]", 0,
	  "Driver qemu: CPU features, by QEMU's names, that the VM does not get", 2}},
	{R | P, {"qemu", OPT_QEMU, "PATH", 0, "(default: qemu-system-x86_64)", 2}},
	{R | P | B | S | T | L | O | K,
	 {"image", OPT_IMAGE, "FILE", 0, "L1 (default: midflight.elf beside this program)", 2}},
	{R | P | B | S | T | O | K,
	 {"lab", OPT_LAB, "auto|yes|no", 0,
	  "Run on an emulated CPU with VMX (default: auto, if this KVM has no nested VMX)", 2}},
	{R | P | B | S | T | O | K,
	 {"log", 'l', "DIR", 0, "(default: midflight-log beside this program)", 3}},
	{R | P, {"keep", 'k', NULL, 0, "Keep the last snapshot of a pass too", 3}},
	{R | P | B | S | T | L | O | K,
	 {"verbose", 'v', NULL, 0, "Say every hop and its times; list: all that is known", 3}},
	{R | P | B | S | T | M, {"quiet", 'q', NULL, 0, "No progress and no summary", 3}},
	{R | P | S,
	 {"break", OPT_BREAK, "WHAT", 0,
	  "Break one thing on purpose, to see it caught: digest, drop-interrupt, double-interrupt, "
	  "page, vmcs-field, truncate; with driver kvm also what `midflight breakages --help` "
	  "lists, between save and restore",
	  4}},
	{R | P | B | S | T | O | K,
	 {"shown-command", OPT_SHOWN_COMMAND, "PATH", OPTION_HIDDEN, NULL, 0}},
	{R | P | B | S | T | O | K, {"shown-log", OPT_SHOWN_LOG, "DIR", OPTION_HIDDEN, NULL, 0}},
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
	const char *arg = o->scenario_text;

	while (arg && *arg) {
		size_t len = strcspn(arg, ",");
		char *pattern = xasprintf("%.*s", (int)len, arg);

		if (!add_matching(o, pattern))
			argp_error(state, "there is no scenario '%s' (`midflight list` shows all)",
				   pattern);
		free(pattern);
		arg += len + (arg[len] == ',');
	}
	if (o->scenario_text && !o->scenarios)
		argp_error(state, "--scenario: empty");
}

static void load_scenarios(struct argp_state *state, const struct options *o)
{
	char *path = o->image ? xstrdup(o->image) : xasprintf("%s/midflight.elf", executable_dir());
	struct err e = {0};

	if (scenarios_load(path, &e))
		argp_failure(state, 2, 0, "%s", e.text);
	free(path);
}

static bool takes_file(enum command command)
{
	return command == CMD_SAVE || command == CMD_RESTORE || command == CMD_SERVE;
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
	if (o->command == CMD_SAVE && o->hops_before >= o->hops)
		argp_error(state, "--hops-before %u: there are %u hops (--loops)", o->hops_before,
			   o->hops);
	if (o->command == CMD_MERGE && !o->file_count)
		argp_error(state, "which RESULT.json?");
	if (o->irqchip && strcmp(o->accel, "kvm"))
		argp_error(state, "--irqchip needs --accel kvm");
	if ((o->irqchip || o->without) && strcmp(o->driver, "qemu"))
		argp_error(state, "--%s needs --driver qemu", o->irqchip ? "irqchip" : "without");
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
	case OPT_NO_ORACLES:
		o->no_oracles = true;
		break;
	case OPT_SHOWN_COMMAND:
		o->shown_command = arg;
		break;
	case OPT_SHOWN_LOG:
		o->shown_log = arg;
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
		if (o->command == CMD_MERGE)
			return ARGP_ERR_UNKNOWN; /* asks for ARGP_KEY_ARGS */
		if (!takes_file(o->command) || o->file)
			argp_error(state, "what is '%s'?", arg);
		o->file = arg;
		break;
	case ARGP_KEY_ARGS:
		o->files = state->argv + state->next;
		o->file_count = (unsigned)(state->argc - state->next);
		break;
	case ARGP_KEY_END:
		if (o->command != CMD_SERVE && o->command != CMD_MERGE) {
			load_scenarios(state, o);
			add_scenarios(state, o);
		}
		check_options(state, o);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct {
	const char *name, *args, *text;
} commands[] = {
	[CMD_RUN] = {"run", NULL,
		     "Freezes a VM while its L2 guest is on the CPU, throws it away, restores it "
		     "in a new process, and checks that nothing was lost.\v"
		     "Exit status: 0 pass, 1 fail, 2 usage or harness, 4 everything skipped.\n\n"
		     "Examples:\n"
		     "  midflight run                          both scenarios, 10 snapshots each\n"
		     "  midflight run -s halted -n 100 -v      one scenario, every hop shown\n"
		     "  midflight run --method 'postcopy*'     live migrations of two kinds\n"
		     "  midflight run --break digest           must FAIL\n"
		     "  midflight run --accel tcg              QEMU's emulation has no VMX: SKIP"},
	[CMD_PAGES] = {"pages", NULL,
		       "Restores a VM whose memory is not there yet and prints which page KVM "
		       "asks for in which ioctl. The same as `midflight run --driver kvm --pages "
		       "remote --loops 1 --scenario running,halted`, and all can be changed.\v"
		       "Exit status: as that of run.\n\n"
		       "Examples:\n"
		       "  midflight pages\n"
		       "  midflight pages --order nested-last\n"
		       "  midflight pages -s halted --pages late=\"KVM_RUN 1\""},
	[CMD_BENCH] = {"bench", NULL,
		       "Measures how many snapshots of a running L2 are taken and restored per "
		       "second, and beside it the floor: the same ioctls on a VM without L2 and "
		       "without any check.\v"
		       "Exit status: 0 measured, 1 a check failed, 2 usage or harness, 4 no nested "
		       "VMX here.\n\n"
		       "Examples:\n"
		       "  midflight bench\n"
		       "  midflight bench --loops 1000 --order nested-last"},
	[CMD_SAVE] = {"save", "FILE",
		      "Freezes a VM while its L2 guest is on the CPU and writes it to FILE, from "
		      "which `midflight restore` goes on: in another process, after a reboot, on "
		      "another kernel.\v"
		      "Exit status: 0 saved, 1 a check failed before, 2 usage or harness, 4 "
		      "skipped.\n\n"
		      "Examples:\n"
		      "  midflight save l2.snapshot\n"
		      "  midflight save l2.snapshot --scenario halted --hops-before 3"},
	[CMD_RESTORE] =
		{"restore", "FILE",
		 "Restores the VM that `midflight save` wrote to FILE, follows it to its "
		 "end and judges its whole log, that from before the snapshot included. A "
		 "damaged FILE is refused and nothing is run.\v"
		 "Exit status: 0 pass, 1 fail, 2 usage, harness or damaged file, 4 no nested "
		 "VMX here.\n\n"
		 "Examples:\n"
		 "  midflight restore l2.snapshot\n"
		 "  midflight restore l2.snapshot --order selftests --pages remote\n"
		 "  midflight restore l2.snapshot --serve-from /tmp/pages.sock"},
	[CMD_LIST] =
		{"list", NULL,
		 "Lists the scenarios or the methods; with --verbose all that is known of each, "
		 "as docs/scenarios.md and docs/methods.md have it.\v"
		 "Examples:\n"
		 "  midflight list\n"
		 "  midflight list -v --scenario 'posted_*'\n"
		 "  midflight list --methods"},
	[CMD_ORDERS] =
		{"orders", NULL,
		 "Restores each scenario in each order of the restore's ioctls (driver kvm) and "
		 "prints the table scenario x order: survives, refused (ioctl and errno), or "
		 "silently wrong.\v"
		 "Exit status: 0 measured, 2 usage or harness, 4 no nested VMX here.\n\n"
		 "Examples:\n"
		 "  midflight orders\n"
		 "  midflight orders --scenario 'mtf_*,halted'"},
	[CMD_BREAKAGES] =
		{"breakages", NULL,
		 "Breaks the saved state on purpose, one thing at a time (driver kvm), and "
		 "checks that a scenario notices.\v"
		 "Exit status: 0 every breakage was caught, 1 one was not, 2 usage or "
		 "environment, 4 no nested VMX here.\n\n"
		 "Examples:\n"
		 "  midflight breakages\n"
		 "  midflight breakages --all --scenario 'halted,running'"},
	[CMD_SERVE] = {"serve", "FILE --socket SOCKET",
		       "The source host of a migration: serves the pages of FILE to `midflight "
		       "restore --serve-from SOCKET`, until a signal ends it.\v"
		       "Exit status: 0 ended by a signal, 2 usage, harness or damaged file.\n\n"
		       "Examples:\n"
		       "  midflight serve l2.snapshot --socket /tmp/pages.sock &\n"
		       "  midflight restore l2.snapshot --serve-from /tmp/pages.sock"},
	[CMD_MERGE] =
		{"merge", "RESULT.json...",
		 "Puts the results of all shards of one run (--shard) together: prints them as "
		 "the run without shards would have. The shards must be of the same version, "
		 "kernel and options, each there once and none missing.\v"
		 "Exit status: as that of run; 2 too if anything is missing or damaged.\n\n"
		 "Examples:\n"
		 "  midflight run --method all --shard 1/2 --log one\n"
		 "  midflight run --method all --shard 2/2 --log two\n"
		 "  midflight merge --out all.json one/result.json two/result.json"},
};

static bool find_command(const char *name, enum command *command)
{
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
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
}

bool cmd_line_parse(struct options *o, int argc, char **argv)
{
	static char remote[] = "remote";
	struct argp_option list[ARRAY_SIZE(options) + 1] = {{0}};
	struct argp argp = {list, parse_option, NULL, NULL, NULL, NULL, NULL};
	unsigned n = 0;
	struct err e = {0};
	static char name[40]; /* argp keeps it */

	if (argc < 2 || !find_command(argv[1], &o->command))
		return false;
	set_defaults(o);
	for (unsigned i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].commands & 1u << o->command)
			list[n++] = options[i].option;
	argp.args_doc = commands[o->command].args;
	argp.doc = commands[o->command].text;
	snprintf(name, sizeof(name), "midflight %s", commands[o->command].name);
	argv[1] = name;
	argp_parse(&argp, argc - 1, argv + 1, 0, NULL, o);
	add_default_scenarios(o);
	if (o->serve_from && !o->pages_given)
		options_pages(o, remote, &e);
	o->command_name = commands[o->command].name;
	return true;
}
