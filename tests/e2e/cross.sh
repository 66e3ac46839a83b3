#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Saved on one host, restored on another: the table, the halves, what each host offers. The two differ by a
# parameter of KVM.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

command_exits 0 cross -j 2 --each-param eptad=0,1 --scenario running,halted_init_paused
expect "a VM that has what both offer survives both ways, a known bug is called by its name" \
	'^# eptad=0 to eptad=1: 1 survive, 1 known bug$' '^# eptad=1 to eptad=0: 1 survive, 1 known bug$' \
	'^# halted_init_paused +K +K +K +K +init-doubled$' '^# all other results survive everywhere$'
refuse "what survives everywhere is no row" '^# running '
holds "each pair has a run of its own" grep -q '"from": true' "$work/log/eptad=0-to-eptad=1/result.json"
mv "$work/log" "$work/crossed"

command_exits 0 cross --each-param eptad=0,1 --scenario running --as-offered
expect "with all that one offers there is no way to the other, and which MSR says so" \
	'^# running +\. +\. +R +\. ' '^# eptad=1 to eptad=0: 1 R KVM_SET_MSRS: refused MSR 0x48[bc] = '
rm -r "$work/log"

half=$work/crossed/eptad=0
run 0 --kvm-param eptad=1 --driver kvm --scenario running,halted_init_paused --from "$half"
expect "the second halves alone, without controls" '^1\.\.2$' '^ok [0-9]+ - running # 1 hop'
what="restore $half/running/snapshot.bin"
build/midflight restore --log "$work/log" "$half/running/snapshot.bin" >"$work/out" 2>&1
holds "a snapshot that was kept can be restored alone" [ $? = 0 ]
run 4 --driver kvm --scenario halted --from "$half"
expect "one that was not kept" '# SKIP no first half of it was kept \(--from\)'
run 2 --scenario running --from "$half"
expect "only driver kvm has halves" 'from needs --driver kvm'
run 2 --driver kvm --scenario running --like "$half/running/snapshot.bin"
expect "what is no list of offers" 'not from .midflight save --offers.'
head -c 1000 "$half/running/snapshot.bin" >"$work/cut" && mv "$work/cut" "$half/running/snapshot.bin"
run 2 --driver kvm --scenario running --from "$half"
expect "a damaged one" '^not ok [0-9]+ - running # ERROR' 'running/snapshot.bin: .*1000 bytes'
command_exits 2 cross --kernel 6.12
expect "one host is not two" 'from 2 to 8 of them'
