#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# soak, replay --exact and minimise in the lab: the same seed flies the same, a failure is repeated to
# the instruction, and shrinks.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

soak() { # LOG EXIT-STATUS ARG...
	local log=$1 want=$2
	shift 2
	command_exits "$want" soak --lab yes "$@" --log "$log"
}

soak "$work/one" 0 --for 4 --seed 3 --count-on --scenario 'rvi_*,regs_all,running'
expect "a soak without failures says its bound" \
	'^# 0 of [1-9][0-9]* failed: with 95 % confidence not more than [0-9.]+ % of such flights do \(Clopper-Pearson, one-sided\)' \
	'^ok 1 - soak # [1-9][0-9]* flights, 0 of [1-9][0-9]* failed, [0-9]+ by known KVM bugs$'
soak "$work/two" 0 --for 4 --seed 3 --count-on --scenario 'rvi_*,regs_all,running'
holds "the same soak gives the same bytes" cmp "$work/one/soak.json" "$work/two/soak.json"

# It stops at the first failure. What L1 makes of broken registers of its own may be an ERROR before.
soak "$work/broken" 1 --for 60 --seed 2 --scenario regs_all --break regs
expect "a break is noticed, and ends the soak" \
	'^# 1 of [0-9]+ failed: ' '^# +1 +1  regs_all: FAIL: ' '^not ok 1 - soak # [0-9]+ flights, 1 of [0-9]+ failed, 0 by known KVM bugs(, and there were errors .*)?$' \
	'^# soak: 60 s, seed 2, 1 scenario, order qemu$'
replay=$work/broken/regs_all.flight-1/regs_all/replay.json
holds "it leaves a replay.json" test -f "$replay"

command_exits 1 replay "$replay"
expect "replay: the same failure, by another trace" '^# replay: regs_all: same failure: FAIL: ' \
	'^# replay: not exact, only as close as the same options and seed come: another trace; .*--exact repeats'
command_exits 1 replay --exact "$replay"
expect "replay --exact: the same instruction" '^# replay: regs_all: same failure: FAIL: ' \
	'^# replay: exact: same instruction, trace 0x[0-9a-f]+$'

sed 's/"image": "0x/&1/' "$replay" >"$work/image.json"
command_exits 2 replay --exact "$work/image.json"
expect "replay --exact refuses another image" 'the image .* is another one'
sed 's/"state": "/&1/' "$replay" >"$work/state.json"
command_exits 2 replay --exact "$work/state.json"
expect "replay --exact refuses another L0" 'this lab is another one'

command_exits 0 minimise "$replay" --out "$work/small.json"
expect "minimise: each try in a line, then the smaller one" \
	'^# +1 as it is: same failure$' '^# +2 ' '^ok 1 - minimise # regs_all, [0-9]+ tries$' \
	'^# again: .*midflight run --scenario regs_all --loops 1 .*--break regs'
command_exits 1 replay "$work/small.json"
expect "what it leaves fails alike" '^# replay: regs_all: same failure: FAIL: '
command_exits 2 minimise "$work/log/index.txt"
