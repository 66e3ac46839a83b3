// SPDX-License-Identifier: BSD-2-Clause
// The tables of commands and their options.
#include "host/cli/commands.h"

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
#define H (1u << CMD_REPORT)
#define I (1u << CMD_INSPECT)
#define A (1u << CMD_REPLAY)
#define D (1u << CMD_DOCTOR)
#define X (1u << CMD_LAB)
#define G (1u << CMD_BISECT)
#define W (1u << CMD_SWEEP)
#define C (1u << CMD_COVERAGE)
#define Z (1u << CMD_SOAK)
#define Q (1u << CMD_MINIMISE)

const struct option_row option_rows[] = {
	{R | P | B | S | L | O | K | W | Z,
	 {"scenario", 's', "S[,S...]", 0,
	  "Scenarios, by name or pattern (`midflight list` shows all; default of run: running and "
	  "halted, with driver kvm all; of save and bench: running)",
	  1}},
	{R | P | B | S | W,
	 {"loops", 'n', "N", 0,
	  "Snapshots per scenario (default: 10, or 1 for a scenario about one exact instant; "
	  "bench: 200 cycles in all; pages: 1; sweep: L1's hops in a flight, 1)",
	  1}},
	{K,
	 {"all", OPT_ALL, NULL, 0,
	  "Every breakage in every scenario, not only in the one that must catch it", 1}},
	{C, {"all", OPT_ALL, NULL, 0, "Every function of KVM's modules as well", 1}},
	{C,
	 {"debug-info", OPT_DEBUG_INFO, "FILE", 0,
	  "kvm-intel.ko or kvm.ko with debug information (Debian: of the package "
	  "linux-image-...-dbg): tells functions that were inlined, and with --verbose lines that "
	  "did not run",
	  1}},
	{R | P,
	 {"no-oracles", OPT_NO_ORACLES, NULL, 0,
	  "Driver kvm: leave out the checks that hold for any snapshot (saving, restoring and "
	  "saving again is exact, ...)",
	  1}},
	{S,
	 {"hops-before", OPT_HOPS_BEFORE, "N", 0, "Hops that end before the snapshot (default: 0)",
	  1}},
	{W,
	 {"step", OPT_STEP, "NANOSECONDS", 0,
	  "From one moment to the next (default: all the time in as many steps as there are "
	  "points)",
	  1}},
	{W, {"points", OPT_POINTS, "N", 0, "Moments (default: 1000, with --step to the end)", 1}},
	{Z,
	 {"for", OPT_FOR, "T", 0,
	  "How long: seconds, or 10m, 2h (default: 60; of L0's time, which in the lab is that of "
	  "the "
	  "emulated CPU)",
	  1}},
	{Z,
	 {"orders", OPT_ORDERS, NULL, 0, "Any order of the restore's ioctls, not only --order", 1}},
	{Z, {"count-on", OPT_COUNT_ON, NULL, 0, "Do not stop at the first failure", 1}},
	{A,
	 {"exact", OPT_EXACT, NULL, 0,
	  "Repeat the whole job that the result is from, in the lab, to the instruction", 1}},
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
	{L, {"methods", OPT_METHODS, NULL, 0, "The methods alone", 1}},
	{R | M,
	 {"json", OPT_JSON, "FILE", 0,
	  "Write the results to FILE too (docs/result.schema.json tells the format)", 1}},
	{C, {"json", OPT_JSON, "FILE", 0, "Write it to FILE too (docs/coverage.md)", 1}},
	{R | M, {"junit", OPT_JUNIT, "FILE", 0, "Write the results to FILE as JUnit XML", 1}},
	{H | Q,
	 {"out", OPT_OUT, "FILE", 0,
	  "The file to write (default: report.html in the first DIR; minimised.json in LOG)", 1}},
	{I, {"diff", OPT_DIFF, NULL, 0, "What changed between two files", 1}},
	{R | P | B | S | O | K | W | Z,
	 {"seed", OPT_SEED, "N", 0, "Seed of all random choices (default: 1)", 1}},
	{R | P | B | S | T | O | K | W | Z,
	 {"timeout", 't', "SECONDS", 0,
	  "Longest time without progress (default: 60; orders and breakages: 5)", 1}},
	{R | P | B | S | T | O | K | W | Z,
	 {"nudge", OPT_NUDGE, "SECONDS", 0,
	  "After this time without a sign send an NMI, so that one lost wake-up costs one hop, not "
	  "the run (default: 2; sweep: four times the flight that is never frozen)",
	  1}},
	{R,
	 {"kick", OPT_KICK, NULL, 0,
	  "Make the vCPU leave KVM_RUN once after each posting to a running VM, as the timers and "
	  "signals of a larger VMM do",
	  1}},
	{R | P | W | Z, {"strict", OPT_STRICT, NULL, 0, "A known KVM bug is a failure too", 1}},
	{R | P,
	 {"driver", OPT_DRIVER, "qemu|kvm", 0,
	  "What runs the VM: QEMU, or a small VMM in this program on /dev/kvm itself (default: "
	  "qemu)",
	  2}},
	{R | P | B | T | W | Z,
	 {"order", OPT_ORDER, "ORDER", 0,
	  "Driver kvm: order of the restore's ioctls: qemu (default), selftests, nested-first, "
	  "nested-last, legacy, cloud-hypervisor, crosvm, or a file with the steps",
	  2}},
	{R | P | S,
	 {"freeze", OPT_FREEZE, "WHEN", 0,
	  "When the VM is frozen: now (as soon as L2 is about to run, the default), "
	  "time=MICROSECONDS after that; with driver kvm also exits=N (after that many exits of "
	  "KVM_RUN to userspace) and port (at L2's next write to a port that L1 lets pass: always "
	  "the same instruction, in scenarios where L2 runs) and after=NANOSECONDS (one snapshot "
	  "in "
	  "all, that long after L1 has been let go, wherever that falls; --loops is then the hops "
	  "of "
	  "L1, up to 32) and steps=N (the same after N single steps)",
	  2}},
	{R | P | T | W,
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
	{R | P | D | A, {"qemu", OPT_QEMU, "PATH", 0, "(default: qemu-system-x86_64)", 2}},
	{R | P | B | S | T | L | O | K | A | X | W | Z | Q,
	 {"image", OPT_IMAGE, "FILE", 0,
	  "L1 (default: the midflight.elf that came with this program)", 2}},
	{R | P | B | S | T | O | K | A | W | Z | Q,
	 {"lab", OPT_LAB, "auto|yes|no", 0,
	  "Run on an emulated CPU with VMX (default: auto, if this KVM has no nested VMX)", 2}},
	{R | P | B | S | T | O | K | A | X | W | Z | Q,
	 {"kernel", OPT_KERNEL, "VERSION|FILE", 0,
	  "The lab's L0: Debian's newest of a series (`midflight kernels` shows them), a bzImage "
	  "or a .deb; run: several versions, separated by commas, with one table",
	  2}},
	{R | P | B | S | T | O | K | A | X | W | Z | Q,
	 {"modules", OPT_MODULES, "DIR", 0, "The modules of a bzImage, unless KVM is built in", 2}},
	{R | P | B | S | T | O | K | A | X | W | Z | Q,
	 {"linux", OPT_LINUX, "DIR", 0, "A build tree of Linux: bzImage and modules", 2}},
	{R | P | B | S | T | O | K | A | X | W | Z | Q,
	 {"kvm-intel", OPT_KVM_INTEL, "FILE", 0, "This kvm-intel.ko instead of the kernel's", 2}},
	{R | P | B | S | T | O | K | A | X | W | Z | Q,
	 {"kvm", OPT_KVM, "FILE", 0, "This kvm.ko instead of the kernel's", 2}},
	{R | P | B | S | T | O | K | A | X | W | Z | Q,
	 {"kvm-param", OPT_KVM_PARAM, "NAME=VALUE", 0,
	  "Module parameter of kvm_intel, or with kvm.NAME of kvm; may be given again", 2}},
	{R | P | B | S | T | O | K | W,
	 {"coverage", OPT_COVERAGE, NULL, 0,
	  "In the lab: leave coverage.json in the log directory, from which `midflight coverage` "
	  "tells which code of KVM ran",
	  2}},
	{R | P,
	 {"each-module", OPT_EACH_MODULE, "DIR", 0,
	  "One run with each kvm-intel module of DIR (*.ko), and one table", 2}},
	{R | P,
	 {"each-param", OPT_EACH_PARAM, "NAME=VALUE,...", 0,
	  "One run with each value of that parameter of kvm_intel (or kvm.NAME); given again, a "
	  "matrix",
	  2}},
	{G,
	 {"build", OPT_BUILD, "DIR", 0,
	  "Where Linux is built, outside of its tree (default: bisect in the lab's cache)", 2}},
	{G,
	 {"defconfig", OPT_DEFCONFIG, "TARGET", 0,
	  "The kernel's configuration is lab/kernel.config on top of that of this make target, as "
	  "x86_64_defconfig (default: lab/kernel.config alone, which is small)",
	  2}},
	{R | P,
	 {"jobs", 'j', "N", 0,
	  "Up to N labs at once, each with a CPU and 0.5 GB of memory: those of several kernels, "
	  "modules or parameters, or else the results of one are dealt to N (default: 1)",
	  2}},
	{G, {"jobs", 'j', "N", 0, "Commands that make runs at once (default: one per CPU)", 2}},
	{R | P | B | S | T | O | K | A | G | W | Z | Q,
	 {"log", 'l', "DIR", 0,
	  "Where logs and snapshots go (default: midflight-log; beside build/midflight, or in the "
	  "current directory if it is installed; replay: replay beside FILE)",
	  3}},
	{X, {"out", OPT_OUT, "DIR", 0, "Where what the shell leaves in out/ comes back", 3}},
	{R | P, {"keep", 'k', NULL, 0, "Keep the last snapshot of a pass too", 3}},
	{R | P | B | S | T | L | O | K | A | I | C,
	 {"verbose", 'v', NULL, 0, "Say every hop and its times; list, inspect: all that is known",
	  3}},
	{R | P | B | S | T | M | A | W | Z | Q,
	 {"quiet", 'q', NULL, 0, "No progress and no summary", 3}},
	{R | P | S | W | Z,
	 {"break", OPT_BREAK, "WHAT", 0,
	  "Break one thing on purpose, to see it caught: digest, drop-interrupt, double-interrupt, "
	  "page, vmcs-field, truncate; with driver kvm also what `midflight breakages --help` "
	  "lists, between save and restore",
	  4}},
	{R | P | B | S | T | O | K | W | Z | Q,
	 {"shown-command", OPT_SHOWN_COMMAND, "PATH", OPTION_HIDDEN, NULL, 0}},
	{R | P | B | S | T | O | K | W | Z | Q,
	 {"shown-log", OPT_SHOWN_LOG, "DIR", OPTION_HIDDEN, NULL, 0}},
	{R | P | B | S | T | O | K | W | Z | Q,
	 {"shown-replay", OPT_SHOWN_REPLAY, "PATH", OPTION_HIDDEN, NULL, 0}},
	{R | P | B | S | T | O | K | W | Z | Q,
	 {"shown-started", OPT_SHOWN_STARTED, "TIME", OPTION_HIDDEN, NULL, 0}},
	{R,
	 {"only", OPT_ONLY, "RESULT", 0,
	  "Of all that would be flown only this result, called as in the output, and its control",
	  1}},
};

const unsigned option_row_count = ARRAY_SIZE(option_rows);

const struct command_info commands[COMMANDS] = {
	[CMD_RUN] =
		{"run", NULL, "take snapshots of a running L2, restore them, say pass or fail",
		 "Freezes a VM while its L2 guest is on the CPU, throws it away, restores it "
		 "in a new process, and checks that nothing was lost.\v"
		 "The log directory has index.txt, which says what lies where, result.json, and "
		 "for each failure failure.txt and replay.json.\n\n"
		 "Exit status: 0 pass, 1 fail (a known KVM bug only with --strict), 2 usage or "
		 "harness, 4 everything skipped, as kselftest's; 130 interrupted.\n\n"
		 "Examples:\n"
		 "  midflight run                          both scenarios, 10 snapshots each\n"
		 "  midflight run -s halted -n 100 -v      one scenario, every hop shown\n"
		 "  midflight run --method 'postcopy*'     live migrations of two kinds\n"
		 "  midflight run --break digest           must FAIL\n"
		 "  midflight run --accel tcg              QEMU's emulation has no VMX: SKIP"},
	[CMD_PAGES] = {"pages", NULL, "which page does KVM ask for in which ioctl of a restore",
		       "Restores a VM whose memory is not there yet and prints which page KVM "
		       "asks for in which ioctl. The same as `midflight run --driver kvm --pages "
		       "remote --loops 1 --scenario running,halted`, and all can be changed.\v"
		       "Exit status: as that of run.\n\n"
		       "Examples:\n"
		       "  midflight pages\n"
		       "  midflight pages --order nested-last\n"
		       "  midflight pages -s halted --pages late=\"KVM_RUN 1\""},
	[CMD_BENCH] = {"bench", NULL, "snapshots and restores per second",
		       "Measures how many snapshots of a running L2 are taken and restored per "
		       "second, and beside it the floor: the same ioctls on a VM without L2 and "
		       "without any check.\v"
		       "Exit status: 0 measured, 1 a check failed, 2 usage or harness, 4 no nested "
		       "VMX here.\n\n"
		       "Examples:\n"
		       "  midflight bench\n"
		       "  midflight bench --loops 1000 --order nested-last"},
	[CMD_SWEEP] =
		{"sweep", "[SCENARIO...]", "a snapshot at every moment of a flight",
		 "Freezes a VM (driver kvm) at one moment after the other behind the mark where L1 "
		 "is let go, one flight for each, restores it in a new one, follows it to its end, "
		 "and "
		 "compares it with the flight that was never frozen: digests of L2 and all that L1 "
		 "checks. Tells which states were met, in how many moments, first when; "
		 "LOG/sweep.json has every moment. Of each way to fail the first three leave the "
		 "directory of a run, with replay.json.\v"
		 "A timer of the vCPU's thread ends KVM_RUN at that moment, whatever the guest or "
		 "KVM "
		 "are at. In the lab a nanosecond is a tenth of an instruction: --step 10 is every "
		 "instruction, and the same command gives the same bytes again.\n\n"
		 "Exit status: 0 all as never frozen, or by known KVM bugs, 1 not, 2 usage or "
		 "harness, "
		 "4 everything skipped.\n\n"
		 "Examples:\n"
		 "  midflight sweep running halted\n"
		 "  midflight sweep inject_irq --step 100 --loops 1\n"
		 "  midflight sweep 'posted*' --points 200 --order selftests"},
	[CMD_SOAK] =
		{"soak", NULL, "random flights for a time, with a bound on failures",
		 "Flies (driver kvm) one random choice after the other until the time is over: "
		 "scenario, hops, seed, how memory arrives, frozen at the scenario's own instant "
		 "or "
		 "at any time behind the mark, with --orders also the order of the restore. Flight "
		 "number I of a seed is always the same choice. Says how many of how many failed, "
		 "with a 95 % bound; flights that fail by known KVM bugs are counted apart. Stops "
		 "at "
		 "the first failure; of each way to fail the first three leave the directory of a "
		 "run, with replay.json. LOG/soak.json has every flight.\v"
		 "Exit status: 0 none failed, or by known KVM bugs, 1 one failed, 2 usage or "
		 "harness, "
		 "4 nothing could be flown.\n\n"
		 "Examples:\n"
		 "  midflight soak --for 2h --seed 7\n"
		 "  midflight soak --for 10m --count-on --orders --scenario 'posted*,halted*'"},
	[CMD_MINIMISE] =
		{"minimise", "FILE",
		 "shrink a failure: fewer hops, fewer options, an earlier freeze",
		 "Flies the result of a replay.json (driver kvm) again and again with less: fewer "
		 "hops, no options that it does not need, an earlier and rounder moment of the "
		 "freeze. "
		 "What still fails in the same way is kept. Writes the smallest one as "
		 "replay.json, "
		 "and prints the command line.\v"
		 "Exit status: 0 it fails, and is as small as it gets, 1 it passes now or fails in "
		 "another way, 2 usage or harness, 4 skipped.\n\n"
		 "Examples:\n"
		 "  midflight minimise midflight-log/halted.flight-7/halted/replay.json\n"
		 "  midflight minimise replay.json --out smaller.json"},
	[CMD_SAVE] = {"save", "FILE", "write a snapshot of a running L2 to a file",
		      "Freezes a VM while its L2 guest is on the CPU and writes it to FILE, from "
		      "which `midflight restore` goes on: in another process, after a reboot, on "
		      "another kernel.\v"
		      "Exit status: 0 saved, 1 a check failed before, 2 usage or harness, 4 "
		      "skipped.\n\n"
		      "Examples:\n"
		      "  midflight save l2.snapshot\n"
		      "  midflight save l2.snapshot --scenario halted --hops-before 3"},
	[CMD_RESTORE] =
		{"restore", "FILE", "restore it, even after a reboot, say pass or fail",
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
		{"list", NULL, "the scenarios and methods",
		 "Lists the scenarios, then the methods, each with the drivers that can fly it "
		 "and what it needs. With --verbose all that is known of each scenario (with "
		 "--methods: method), as docs/scenarios.md and docs/methods.md have it.\v"
		 "Examples:\n"
		 "  midflight list\n"
		 "  midflight list -v --scenario 'posted_*'\n"
		 "  midflight list --methods"},
	[CMD_ORDERS] =
		{"orders", NULL, "which scenario survives which order of the restore's ioctls",
		 "Restores each scenario in each order of the restore's ioctls (driver kvm) and "
		 "prints the table scenario x order: survives, refused (ioctl and errno), or "
		 "silently wrong.\v"
		 "Exit status: 0 measured, 2 usage or harness, 4 no nested VMX here.\n\n"
		 "Examples:\n"
		 "  midflight orders\n"
		 "  midflight orders --scenario 'mtf_*,halted'"},
	[CMD_BREAKAGES] =
		{"breakages", NULL, "is a state that was broken on purpose noticed",
		 "Breaks the saved state on purpose, one thing at a time (driver kvm), and "
		 "checks that a scenario notices.\v"
		 "Exit status: 0 every breakage was caught, 1 one was not, 2 usage or "
		 "environment, 4 no nested VMX here.\n\n"
		 "Examples:\n"
		 "  midflight breakages\n"
		 "  midflight breakages --all --scenario 'halted,running'"},
	[CMD_COVERAGE] =
		{"coverage", "[LOG...]", "which functions of KVM's save/restore path ran",
		 "Adds up what `run --coverage` has left in each LOG (default: as run's) and "
		 "prints "
		 "the functions of the nested save/restore path in L0's KVM: not reached, not "
		 "reached and listed with the reason, reached.\v"
		 "Exit status: 0 each is reached or listed, 1 one is neither, 2 usage, or a LOG "
		 "without a good coverage.json.\n\n"
		 "Examples:\n"
		 "  midflight run --driver kvm --coverage\n"
		 "  midflight coverage\n"
		 "  midflight coverage --debug-info kvm-intel.ko -v log-1 log-2"},
	[CMD_SERVE] = {"serve", "FILE --socket SOCKET",
		       "hand out the pages of such a file to a restore in another process",
		       "The source host of a migration: serves the pages of FILE to `midflight "
		       "restore --serve-from SOCKET`, until a signal ends it.\v"
		       "Exit status: 0 ended by a signal, 2 usage, harness or damaged file.\n\n"
		       "Examples:\n"
		       "  midflight serve l2.snapshot --socket /tmp/pages.sock &\n"
		       "  midflight restore l2.snapshot --serve-from /tmp/pages.sock"},
	[CMD_MERGE] =
		{"merge", "RESULT.json...", "put the results of a run's shards together",
		 "Puts the results of all shards of one run (--shard) together: prints them as "
		 "the run without shards would have. The shards must be of the same version, "
		 "kernel and options, each there once and none missing.\v"
		 "Exit status: as that of run; 2 too if anything is missing or damaged.\n\n"
		 "Examples:\n"
		 "  midflight run --method all --shard 1/2 --log one\n"
		 "  midflight run --method all --shard 2/2 --log two\n"
		 "  midflight merge --json all.json one/result.json two/result.json"},
	[CMD_REPLAY] = {"replay", "FILE", "repeat one result that failed, from the file it left",
			"Repeats one result of an earlier run with the same options and seed, from "
			"the replay.json in its directory, and says whether the same checks fail "
			"again. What it leaves lies in replay/ beside FILE, or in --log.\v"
			"Exit status: 0 it passes now, 1 it fails (the output says whether in the "
			"same way), 2 usage or environment, 4 skipped.\n\n"
			"Examples:\n"
			"  midflight replay midflight-log/halted/replay.json\n"
			"  midflight replay --lab yes replay.json"},
	[CMD_REPORT] = {"report", "DIR...", "one HTML file of one or several runs",
			"Writes one HTML file without any reference to others: the matrix of "
			"scenarios, methods and kernels, the timeline of each restore, which page "
			"was asked for when, and how to repeat what failed. Each DIR is the log "
			"directory of a run, or has those of several (run --kernel 6.1,6.12).\v"
			"Exit status: 0 written, 2 usage, or DIR has no results.\n\n"
			"Examples:\n"
			"  midflight report build/midflight-log\n"
			"  midflight report --out kernels.html log-6.1 log-6.12 log-7.3"},
	[CMD_INSPECT] =
		{"inspect", "FILE...", "decode a saved nested state: header, flags, all of vmcs12",
		 "Prints what a snapshot file, the buffer of KVM_GET_NESTED_STATE or a file with "
		 "QEMU's migration stream says of the nested guest: each field of vmcs12 by its "
		 "SDM name, bits spelled out. Fields that are zero are left out unless --verbose. "
		 "What is no known format or revision is refused with the reason.\v"
		 "Exit status: 0 printed (--diff: nothing differs), 1 --diff: something differs, 2 "
		 "usage, or a file that cannot be decoded.\n\n"
		 "Examples:\n"
		 "  midflight inspect build/midflight-log/halted/snapshot.bin\n"
		 "  midflight inspect --diff before.snapshot after.snapshot"},
	[CMD_BISECT] =
		{"bisect-run", "[-- OPTION-OF-RUN...]",
		 "for `git bisect run`: is this commit of Linux good or bad",
		 "Builds the Linux of the git tree that this is started in, boots it in the lab, "
		 "runs what the options of run behind -- name, and ends as `git bisect run` wants "
		 "it. Nothing is written into the tree. LOG/bisect.txt gets a line for each "
		 "commit, LOG/bisect-COMMIT/ has its build.txt, run.txt and all that run leaves. A "
		 "known bug of KVM counts as good: to bisect one takes --strict.\v"
		 "Exit status: 0 good, 1 bad, 125 this commit cannot be tested (it does not build "
		 "or boot, or all was skipped), 128 and above no verdict and the bisection stops "
		 "(interrupted, wrong options, something missing on this machine).\n\n"
		 "Examples:\n"
		 "  git bisect start v6.13 v6.12 -- arch/x86/kvm virt/kvm\n"
		 "  git bisect run midflight bisect-run -- --driver kvm --scenario halted\n"
		 "  git bisect run midflight bisect-run -j 8 -- -s 'mtf_*' --driver kvm --strict"},
	[CMD_DOCTOR] =
		{"doctor", NULL, "can this machine run it, and what mends what is missing",
		 "Checks what `midflight run` needs, one line each, with the command that "
		 "mends what is missing: KVM, nested VMX, APICv and posted interrupts, QEMU, "
		 "userfaultfd, the lab.\v"
		 "Exit status: 0 this machine's own KVM can do it, 4 only the lab can, 2 "
		 "neither."},
	[CMD_KERNELS] = {"kernels", NULL, "the kernels that the lab can run as L0",
			 "Lists the series that `--kernel` takes, with the version that Debian's "
			 "archives have now (or, without a network, what the cache has), and "
			 "which are built.\v"
			 "Exit status: 0 listed, 2 environment."},
	[CMD_LAB] =
		{"lab", "shell [FILE...]", "a shell in the lab, with KVM's trace events",
		 "Opens a shell on this terminal in the lab's L0, a Linux with nested KVM on an "
		 "emulated CPU. There are midflight and its image, QEMU, `trace` for KVM's trace "
		 "events, and each FILE; `exit` ends it. What is left in the directory out comes "
		 "back with --out. Without a terminal the shell runs what stdin has.\v"
		 "Exit status: the shell's; 2 when the lab itself failed.\n\n"
		 "Examples:\n"
		 "  midflight lab shell --kernel 7.3 --out from-l0\n"
		 "  echo 'trace on; midflight run --driver kvm -n 1; trace off; trace show' |\n"
		 "      midflight lab shell"},
	[CMD_MAN] = {"man", NULL, NULL, "Prints the manual page midflight(1)."},
	[CMD_COMPLETE] = {"complete", "WORD...", NULL,
			  "Prints what the last WORD of a command line may become."},
};
