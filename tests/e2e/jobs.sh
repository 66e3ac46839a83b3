#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Several labs at once (run --jobs): the same results as in one, in order; one that dies; Ctrl-C.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

verdicts() { # names and words of the last run, in their order
	sed -nE 's/^((not )?ok [0-9]+ - [^ ]+( # (SKIP|TODO).*| # [A-Z]+,)?).*/\1/p' "$work/out"
}

begin() { # ARG...: two labs at once; waits until both emulators are there. Sets $runner
	local deadline=$((SECONDS + 120))
	what="run $*"
	setsid build/midflight run --driver kvm --jobs 2 --log "$work/log" "$@" >"$work/out" 2>&1 </dev/null &
	runner=$!
	until [ "$(pgrep -c -s "$runner" '^bochs$')" = 2 ] || [ $SECONDS -gt $deadline ]; do sleep 0.1; done
}

ends() { # EXIT-STATUS
	local status=0
	wait "$runner" || status=$?
	holds "exit status $1 (was $status): midflight $what" [ "$status" = "$1" ]
}

joined() { # DIR: the logs of two labs
	[ -f "$1/halted/replay.json" ] && [ -f "$1/running.control/serial.log" ] && [ -f "$1/lab-2/l0-dmesg.txt" ] &&
		[ ! -e "$1/lab-2/result.json" ] && [ ! -e "$1/l0-dmesg.txt" ]
}

left() { # all that the run has started, but those that wait to be reaped
	pgrep -l -r D,R,S,T,t,I -s "$runner"
}

none_left() { # NAME SECONDS: an emulator that nobody ended would be there for hours
	local deadline=$((SECONDS + $2))
	while left >"$work/left" && [ $SECONDS -lt $deadline ]; do sleep 0.1; done
	sed 's/^/# still there: /' "$work/left"
	holds "$1" [ ! -s "$work/left" ]
}

emulator_of() { # PID: the emulator that it or one of its children has started
	local child
	for child in $(pgrep -P "$1"); do
		if [ "$(cat "/proc/$child/comm")" = bochs ]; then echo "$child"; else emulator_of "$child"; fi
	done
}

# ---- one kernel: the plan is dealt --------------------------------------------------------------
some=(--driver kvm --loops 1 --scenario "running,halted,mtf_*,smi_in_l1_vmxon")
run 0 "${some[@]}"
verdicts >"$work/one"
run 0 "${some[@]}" --jobs 2 --junit "$work/junit.xml"
holds "two labs give the same results as one, in the same order" diff <(verdicts) "$work/one"
expect "the summary and a known bug's numbers are those of the whole run" \
	'^#   known +1  docs/known-failures.md#halted-posted-interrupt-lost \(1 of 1 restores\)$' "^# logs: $work/log \(" \
	"^#   log: $work/log/halted$"
holds "result.json and JUnit are those of one run" tests/check_results.py "$work/log/result.json" "$work/junit.xml"
holds "logs lie where they lie after one lab" joined "$work/log"
run 1 --driver kvm --loops 1 --scenario "mtf_pending,running" --break digest --jobs 2
expect "a failure in the second lab is seen" '^not ok 4 - running # FAIL' '^#   fail +2  running\.control, running$'
holds "it left what repeats it" [ -f "$work/log/running/replay.json" ]
run 0 --driver kvm --loops 1 --scenario running
holds "what labs have left goes when the next run begins" [ ! -e "$work/log/lab-1" ]

begin --loops 40 --scenario mtf_pending,running
kill -9 "$(emulator_of "$(pgrep -P "$runner" | sed -n 2p)")"
ends 2
expect "a lab that dies makes ERROR of its own results and of no others" '^ok 2 - mtf_pending # 40 hops' \
	'^not ok 3 - running\.control # ERROR, its lab came to no end' '^not ok 4 - running # ERROR' \
	'^lab: the emulator was killed' '^#   error +2  running\.control, running$'
holds "result.json has both" tests/check_results.py "$work/log/result.json"

# ---- several variants ---------------------------------------------------------------------------
each=(--driver kvm --loops 1 --scenario "running,mtf_pending" --each-param "ple_gap=128,0" --baseline ple_gap=128)
run 0 "${each[@]}"
sed -n '/^KTAP/,/^# midflight: [0-9]/{/^#/d;p}' "$work/out" >"$work/one"
tail -n 9 "$work/out" >"$work/table"
expect "against one of them nothing changed" '^# ple_gap=0, against ple_gap=128:$' '^#   broke +0$' '^#   the rest +4$'
expect "the kernel is told once, what is the same not at all" '^# all on Linux 6\.' '^# 4 results are the same everywhere: 4 PASS$'
run 0 "${each[@]}" --jobs 2
holds "two variants at once: the output of each is whole, one after the other" diff \
	<(sed -n '/^KTAP/,/^# midflight: [0-9]/{/^#/d;p}' "$work/out") "$work/one"
holds "two variants at once: the same table" diff <(tail -n 9 "$work/out") "$work/table"
begin --loops 40 --scenario running,mtf_pending --each-param ple_gap=128,0
kill -9 "$(emulator_of "$(pgrep -P "$runner" | sed -n 1p)")"
ends 2
expect "a variant whose lab dies has no results, the other has" '^# result +no results +6\.' \
	'^# mtf_pending +- +PASS$'

# ---- the end ------------------------------------------------------------------------------------
long=(--loops 100000 --scenario "running,mtf_pending")
begin "${long[@]}"
kill -INT -- "-$runner" # as a terminal does: all of them get it
ends 130
none_left "Ctrl-C: no emulator is left" 5
expect "Ctrl-C: the summary is printed all the same" '^#   not run +4$' '; interrupted$'
begin "${long[@]}" --each-param ple_gap=128,0
kill "$runner"
ends 143
none_left "several variants and a signal for the runner alone: no emulator is left" 5
begin "${long[@]}"
kill -9 "$runner"
ends 137
none_left "a runner that is killed outright leaves no emulator" 60

# ---- what it is not for -------------------------------------------------------------------------
run 2 --jobs 0
expect "no labs" "--jobs: '0' is neither auto nor a number from 1 to"
run 2 --jobs 2 --lab no
expect "not on this machine's own KVM" '--jobs is for labs, and not with --lab no'
run 4 --jobs 2 --accel tcg --scenario running
expect "without a lab one flies after the other" '^# midflight: --jobs is for labs' '^ok 2 - running # SKIP'
