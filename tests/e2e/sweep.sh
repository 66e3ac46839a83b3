#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A snapshot at every moment, in the lab: which states are met, that the same command gives the same
# bytes, that what is broken shows.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

sweep() { command_exits "$1" sweep "${@:2}"; }

sweep 0 running halted --points 60
expect "L1, L2, L2 about to run and L2 asleep are met" '^# +[1-9][0-9]* +0  l1:' \
	'^# +[1-9][0-9]* +[0-9]+  l2:' '^# +[1-9][0-9]* +[0-9]+  run-pending:' \
	'^# +[1-9][0-9]* +[0-9]+  halted:' '^# +[1-9][0-9]* +[0-9]+  halted-posted:'
expect "the lost wake-up is found without being told where" \
	'^# +[1-9][0-9]* +[0-9]+  known KVM bug halted-posted-interrupt-lost$' \
	'^ok 1 - running # 60 moments, ' '^ok 2 - halted # 60 moments, .* by known KVM bugs$'
cp "$work/log/sweep.json" "$work/first.json"
run=$(cd "$work/log" && echo halted.after-*)
holds "what failed is kept as a run, three times at most: $run" \
	[ "$(wc -w <<<"$run")" -le 4 ]
holds "with replay.json" [ -s "$work/log/${run%% *}/halted/replay.json" ]
# The last one: the first may lie on the edge, where a flight alone comes just before L2 sleeps.
cp -r "$work/log/${run##* }" "$work/run"

what="replay"
build/midflight replay "$work/run/halted/replay.json" >"$work/out" 2>&1
expect "its replay fails alike" '^# replay: halted: same failure: FAIL: lost wake-up'

sweep 0 running halted --points 60
holds "the same sweep gives the same bytes" cmp "$work/log/sweep.json" "$work/first.json"

sweep 0 halted posted_halted --points 21 --jobs 2
expect "two labs fly each moment once, and one tells of all" '^ok 1 - halted # 21 moments, .* by known KVM bugs$' \
	'^ok 2 - posted_halted # SKIP the host acts' '^# lab 2: halted: 21 moments, one each '
holds "sweep.json has them in their order, and where what failed lies" python3 -c '
import json, os, sys
log = sys.argv[1]
sweep = json.load(open(log + "/sweep.json"))["sweeps"][0]
points = sweep["points"]
assert [p["at_ns"] for p in points] == sorted({p["at_ns"] for p in points}) and len(points) == 21
kept = [p["dir"] for p in points if p["dir"]]
assert kept and all(os.path.exists(f"{log}/{dir}/halted/replay.json") for dir in kept), kept
assert any("lab-1/" in dir for dir in kept) and any("lab-2/" in dir for dir in kept), kept' "$work/log"

sweep 1 rvi_behind_if --points 60 --break rvi
expect "a state that is broken between save and restore shows, and alone" \
	'^not ok 1 - rvi_behind_if # 60 moments' '^# +[1-9][0-9]* +[0-9]+  FAIL: ' '^# +[1-9][0-9]* +nothing to break$'
sweep 4 rvi_behind_if --points 1 --break rvi
expect "where there is nothing to break nothing has passed" \
	'^ok 1 - rvi_behind_if # SKIP nothing to break: 1 moments, 0 as never frozen$'

sweep 4 posted_halted
expect "where the host acts a sweep makes no sense" '^ok 1 - posted_halted # SKIP the host acts'
sweep 2 no-such-scenario
sweep 2 running --step 0
sweep 2 running --loops 33
expect "a flight's answers have room in the serial port" '--loops: a sweep has up to 32'
run 2 --freeze after=1
expect "--freeze after needs the raw driver" 'needs --driver kvm'

run 2 --driver kvm --scenario running --loops 1 --freeze steps=100000
expect "single steps end where L2 is entered (docs/sweep.md)" 'the VM had ended before the moment'
