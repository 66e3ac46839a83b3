// SPDX-License-Identifier: BSD-2-Clause
// The table of commands.
#include "host/cli/commands.h"

const struct command_info commands[COMMANDS] = {
	[CMD_RUN] =
		{"run",
		 GROUP_RUN,
		 FILES_NONE,
		 true,
		 {{0}},
		 NULL,
		 "freeze a running L2, restore it, say pass or fail",
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
	[CMD_PAGES] = {"pages",
		       GROUP_KVM,
		       FILES_NONE,
		       true,
		       {{"driver", "kvm"},
			{"scenario", "running,halted"},
			{"pages", "remote"},
			{"loops", "1"}},
		       NULL,
		       "which page does KVM ask for in which ioctl of a restore",
		       "Restores a VM whose memory is not there yet and prints which page KVM "
		       "asks for in which ioctl. The same as `midflight run --driver kvm --pages "
		       "remote --loops 1 --scenario running,halted`, and all can be changed.\v"
		       "Exit status: as that of run.\n\n"
		       "Examples:\n"
		       "  midflight pages\n"
		       "  midflight pages --order nested-last\n"
		       "  midflight pages -s halted --pages late=\"KVM_RUN 1\""},
	[CMD_BENCH] = {"bench",
		       GROUP_KVM,
		       FILES_NONE,
		       true,
		       {{"driver", "kvm"}, {"scenario", "running"}, {"loops", "200"}},
		       NULL,
		       "snapshots and restores per second",
		       "Measures how many snapshots of a running L2 are taken and restored per "
		       "second, and beside it the floor: the same ioctls on a VM without L2 and "
		       "without any check.\v"
		       "Exit status: 0 measured, 1 a check failed, 2 usage or harness, 4 no nested "
		       "VMX here.\n\n"
		       "Examples:\n"
		       "  midflight bench\n"
		       "  midflight bench --loops 1000 --order nested-last"},
	[CMD_SWEEP] =
		{"sweep",
		 GROUP_KVM,
		 FILES_ANY,
		 true,
		 {{"driver", "kvm"}},
		 "[SCENARIO...]",
		 "a snapshot at every moment of a flight",
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
		{"soak",
		 GROUP_KVM,
		 FILES_NONE,
		 true,
		 {{"driver", "kvm"}, {"scenario", "all"}, {"for", "60"}},
		 NULL,
		 "random flights for a time, with a bound on failures",
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
		{"minimise",
		 GROUP_KVM,
		 FILES_ONE,
		 false,
		 {{"driver", "kvm"}},
		 "FILE",
		 "shrink a failure: fewer hops, fewer options",
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
	[CMD_SAVE] = {"save",
		      GROUP_KVM,
		      FILES_ONE,
		      true,
		      {{"driver", "kvm"}, {"scenario", "running"}},
		      "FILE",
		      "write a snapshot of a running L2 to a file",
		      "Freezes a VM while its L2 guest is on the CPU and writes it to FILE, from "
		      "which `midflight restore` goes on: in another process, after a reboot, on "
		      "another kernel.\v"
		      "Exit status: 0 saved, 1 a check failed before, 2 usage or harness, 4 "
		      "skipped.\n\n"
		      "Examples:\n"
		      "  midflight save l2.snapshot\n"
		      "  midflight save l2.snapshot --scenario halted --hops-before 3"},
	[CMD_RESTORE] =
		{"restore",
		 GROUP_KVM,
		 FILES_ONE,
		 true,
		 {{"driver", "kvm"}},
		 "FILE",
		 "restore it, even after a reboot, say pass or fail",
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
		{"list",
		 GROUP_RUN,
		 FILES_NONE,
		 true,
		 {{"driver", "kvm"}, {"scenario", "all"}},
		 NULL,
		 "the scenarios and methods",
		 "Lists the scenarios, then the methods, each with the drivers that can fly it "
		 "and what it needs. With --verbose all that is known of each scenario (with "
		 "--methods: method), as docs/scenarios.md and docs/methods.md have it.\v"
		 "Examples:\n"
		 "  midflight list\n"
		 "  midflight list -v --scenario 'posted_*'\n"
		 "  midflight list --methods"},
	[CMD_ORDERS] =
		{"orders",
		 GROUP_KVM,
		 FILES_NONE,
		 true,
		 {{"driver", "kvm"}, {"scenario", "all"}, {"timeout", "5"}},
		 NULL,
		 "what survives which order of the restore's ioctls",
		 "Restores each scenario in each order of the restore's ioctls (driver kvm) and "
		 "prints the table scenario x order: survives, refused (ioctl and errno), or "
		 "silently wrong.\v"
		 "Exit status: 0 measured, 2 usage or harness, 4 no nested VMX here.\n\n"
		 "Examples:\n"
		 "  midflight orders\n"
		 "  midflight orders --scenario 'mtf_*,halted'"},
	[CMD_BREAKAGES] =
		{"breakages",
		 GROUP_KVM,
		 FILES_NONE,
		 true,
		 {{"driver", "kvm"}, {"scenario", "all"}, {"timeout", "5"}},
		 NULL,
		 "is a state that was broken on purpose noticed",
		 "Breaks the saved state on purpose, one thing at a time (driver kvm), and "
		 "checks that a scenario notices.\v"
		 "Exit status: 0 every breakage was caught, 1 one was not, 2 usage or "
		 "environment, 4 no nested VMX here.\n\n"
		 "Examples:\n"
		 "  midflight breakages\n"
		 "  midflight breakages --all --scenario 'halted,running'"},
	[CMD_COVERAGE] =
		{"coverage",
		 GROUP_KVM,
		 FILES_ANY,
		 false,
		 {{"driver", "kvm"}},
		 "[LOG...]",
		 "which functions of KVM's save/restore path ran",
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
	[CMD_SERVE] = {"serve",
		       GROUP_KVM,
		       FILES_ONE,
		       false,
		       {{"driver", "kvm"}},
		       "FILE --socket SOCKET",
		       "hand out the pages of such a file to another process",
		       "The source host of a migration: serves the pages of FILE to `midflight "
		       "restore --serve-from SOCKET`, until a signal ends it.\v"
		       "Exit status: 0 ended by a signal, 2 usage, harness or damaged file.\n\n"
		       "Examples:\n"
		       "  midflight serve l2.snapshot --socket /tmp/pages.sock &\n"
		       "  midflight restore l2.snapshot --serve-from /tmp/pages.sock"},
	[CMD_MERGE] =
		{"merge",
		 GROUP_MACHINES,
		 FILES_SOME,
		 false,
		 {{"driver", "kvm"}},
		 "RESULT.json...",
		 "put the results of a run's shards together",
		 "Puts the results of all shards of one run (--shard) together: prints them as "
		 "the run without shards would have. The shards must be of the same version, "
		 "kernel and options, each there once and none missing.\v"
		 "Exit status: as that of run; 2 too if anything is missing or damaged.\n\n"
		 "Examples:\n"
		 "  midflight run --method all --shard 1/2 --log one\n"
		 "  midflight run --method all --shard 2/2 --log two\n"
		 "  midflight merge --json all.json one/result.json two/result.json"},
	[CMD_REPLAY] = {"replay",
			GROUP_RUN,
			FILES_ONE,
			false,
			{{"driver", "kvm"}},
			"FILE",
			"repeat one result that failed, from the file it left",
			"Repeats one result of an earlier run with the same options and seed, from "
			"the replay.json in its directory, and says whether the same checks fail "
			"again. What it leaves lies in replay/ beside FILE, or in --log.\v"
			"Exit status: 0 it passes now, 1 it fails (the output says whether in the "
			"same way), 2 usage or environment, 4 skipped.\n\n"
			"Examples:\n"
			"  midflight replay midflight-log/halted/replay.json\n"
			"  midflight replay --lab yes replay.json"},
	[CMD_REPORT] = {"report",
			GROUP_RUN,
			FILES_SOME,
			false,
			{{"driver", "kvm"}},
			"DIR...",
			"one HTML file of one or several runs",
			"Writes one HTML file without any reference to others: the matrix of "
			"scenarios, methods and kernels, the timeline of each restore, which page "
			"was asked for when, and how to repeat what failed. Each DIR is the log "
			"directory of a run, or has those of several (run --kernel 6.1,6.12).\v"
			"Exit status: 0 written, 2 usage, or DIR has no results.\n\n"
			"Examples:\n"
			"  midflight report build/midflight-log\n"
			"  midflight report --out kernels.html log-6.1 log-6.12 log-7.3"},
	[CMD_INSPECT] =
		{"inspect",
		 GROUP_RUN,
		 FILES_SOME,
		 false,
		 {{"driver", "kvm"}},
		 "FILE...",
		 "decode a saved nested state: flags, all of vmcs12",
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
		{"bisect-run",
		 GROUP_MACHINES,
		 FILES_ANY,
		 false,
		 {{"driver", "kvm"}},
		 "[-- OPTION-OF-RUN...]",
		 "`git bisect run`: is this commit of Linux good or bad",
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
		{"doctor",
		 GROUP_RUN,
		 FILES_NONE,
		 false,
		 {{"driver", "kvm"}},
		 NULL,
		 "can this machine run it, and what mends what is missing",
		 "Checks what `midflight run` needs, one line each, with the command that "
		 "mends what is missing: KVM, nested VMX, APICv and posted interrupts, QEMU, "
		 "userfaultfd, the lab.\v"
		 "Exit status: 0 this machine's own KVM can do it, 4 only the lab can, 2 "
		 "neither."},
	[CMD_HELP] = {"help",
		      GROUP_RUN,
		      FILES_ANY,
		      false,
		      {{0}},
		      "[WORD...]",
		      "what a hop, flight, control, freeze, ... is",
		      "Says in two sentences what each WORD is, of those that all else is told in; "
		      "without one "
		      "lists them. A command's name is what its --help is.\v"
		      "Exit status: 0 said, 2 usage, or there is no such WORD.\n\n"
		      "Examples:\n"
		      "  midflight help\n"
		      "  midflight help hop control"},
	[CMD_KERNELS] = {"kernels",
			 GROUP_LAB,
			 FILES_NONE,
			 false,
			 {{"driver", "kvm"}},
			 NULL,
			 "the kernels that the lab can run as L0",
			 "Lists the series that `--kernel` takes, with the version that Debian's "
			 "archives have now (or, without a network, what the cache has), and "
			 "which are built.\v"
			 "Exit status: 0 listed, 2 environment."},
	[CMD_LAB] =
		{"lab",
		 GROUP_LAB,
		 FILES_SOME,
		 false,
		 {{"driver", "kvm"}},
		 "shell [FILE...]",
		 "a shell in the lab, with KVM's trace events",
		 "Opens a shell on this terminal in the lab's L0, a Linux with nested KVM on an "
		 "emulated CPU. There are midflight and its image, QEMU, `trace` for KVM's trace "
		 "events, and each FILE; `exit` ends it. What is left in the directory out comes "
		 "back with --out. Without a terminal the shell runs what stdin has.\v"
		 "Exit status: the shell's; 2 when the lab itself failed.\n\n"
		 "Examples:\n"
		 "  midflight lab shell --kernel 7.3 --out from-l0\n"
		 "  echo 'trace on; midflight run --driver kvm -n 1; trace off; trace show' |\n"
		 "      midflight lab shell"},
	[CMD_MAN] = {"man",
		     GROUP_MACHINES,
		     FILES_NONE,
		     false,
		     {{"driver", "kvm"}},
		     NULL,
		     NULL,
		     "Prints the manual page midflight(1)."},
	[CMD_COMPLETE] = {"complete",
			  GROUP_MACHINES,
			  FILES_ANY,
			  false,
			  {{"driver", "kvm"}},
			  "WORD...",
			  NULL,
			  "Prints what the last WORD of a command line may become."},
};
