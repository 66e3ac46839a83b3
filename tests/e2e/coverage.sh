#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Coverage in the lab: a function that must run is reached, one that cannot is not, and both are told;
# recording does not change the emulated time.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

coverage() { # EXIT-STATUS ARG...: runs `midflight coverage ARG...`
	local want=$1 status=0
	shift
	what="coverage $*"
	build/midflight coverage "$@" >"$work/out" 2>&1 </dev/null || status=$?
	if [ "$status" = "$want" ]; then
		report ok "exit status $want: midflight coverage"
	else
		report "not ok" "exit status $want: midflight $what: was $status"
	fi
}

run 0 --driver kvm --scenario running --loops 1 --coverage
mv "$work/log" "$work/running"
# One scenario does not reach all.
coverage 1 "$work/running"
expect "what ran is reached" '^L0 ran Linux 6\.12\..*; 1 run$' 'kvm_intel, reached:' \
	'^ +[1-9][0-9]* of +[0-9]+ +[0-9]+ %  vmx_set_nested_state$' \
	'^ +[1-9][0-9]* of +[0-9]+ +[0-9]+ %  vmx_get_nested_state$' \
	'^ +[1-9][0-9]* of +[0-9]+ +[0-9]+ %  nested_vmx_vmexit$'
expect "what did not run is not" 'kvm_intel, not reached:' \
	'^ +0 of +[0-9]+ +0 %  nested_ept_inject_page_fault$' \
	'^ +runs when kvm_intel is loaded.*:$' '^    nested_vmx_hardware_setup$'

# The scenario in which L2 misses a page of L1's EPT, and beside it in another lab one that does not.
run 0 --driver kvm --scenario ept_violation,running --loops 1 --jobs 2 --coverage
mv "$work/log" "$work/ept"
coverage 1 "$work/ept"
expect "the scenario that reaches it is seen, two labs are one run" '; 1 run$' \
	'^ +[1-9][0-9]* of .* %  nested_ept_inject_page_fault$'
coverage 1 --json "$work/sum.json" "$work/running" "$work/ept"
expect "runs add up" '; 2 runs$' '^ +[1-9][0-9]* of .* %  nested_ept_inject_page_fault$'
holds "as JSON" python3 - "$work/sum.json" <<-'END'
	import json, sys
	top = json.load(open(sys.argv[1]))
	assert top["schema"] == "midflight-coverage-result" and top["runs"] == 2
	for word in ("missing", "listed", "reached"):
	    assert top[word] == sum(f["judgement"] == word for f in top["functions"]) > 0, word
END

# Programs for lines that nothing else reaches; the mark is in front of each VM entry.
command_exits 0 fuzz programs/lines/*.mf --coverage
expect "programs for lines: with and without a snapshot alike" '^ok [0-9]+ - .*late-vmfail\.mf' \
	'^ok [0-9]+ - .*tpr-shadow-off\.mf'
coverage 1 "$work/log"
expect "what programs ran is reached" '^ +[1-9][0-9]* of .* %  nested_vmx_check_controls$'

# All that L0 tells of its time, to the nanosecond, with and without.
cat >"$work/job" <<-'END'
	./midflight run --lab=no --image ./midflight.elf --driver kvm -s running -n 1 >/dev/null
	cat /proc/timer_list >out/timers
END
for dir in off on; do
	[ $dir = off ] && option=() || option=(--coverage)
	lab/lab.sh run ${option[@]+"${option[@]}"} --out "$work/$dir" --put build/midflight \
		--put build/midflight.elf --put "$work/job" -- sh ./job >"$work/out" 2>&1 ||
		report "not ok" "lab.sh run, coverage $dir"
done
holds "recording does not change the emulated time" cmp "$work/off/timers" "$work/on/timers"
holds "nor anything that L0 says" cmp "$work/off/l0-dmesg.txt" "$work/on/l0-dmesg.txt"

# ---- asked meanwhile ----------------------------------------------------------------------------
instructions() { sed -n 's/^# [0-9]* programs: .*, \([0-9]*\) instructions of KVM$/\1/p' "$work/out"; }

command_exits 0 fuzz --loops 1 --seed 4 --control
expect "fuzz: the first program is the first to reach some of KVM's code" ', [1-9][0-9]* instructions of KVM$'
first=$(instructions)
command_exits 0 fuzz --loops 8 --seed 4 --control
eight=$(instructions)
holds "fuzz: eight programs reach more than one: $first and $eight" [ "$eight" -gt "$first" ]
command_exits 0 fuzz --loops 8 --seed 4 --control
holds "fuzz: the same seed, the same count" [ "$(instructions)" = "$eight" ]
holds "fuzz: also in fuzz.json" grep -q "\"code\": $eight," "$work/log/fuzz.json"
# In another command L0's own interrupts meet KVM elsewhere.
command_exits 0 fuzz --loops 8 --seed 4 --control --coverage
coverage 1 "$work/log"
expect "fuzz: who asks takes nothing from the record" '^ +[1-9][0-9]* of .* %  nested_vmx_vmexit$'
what="fuzz without a record"
lab/lab.sh run --out "$work/blind" --put build/midflight --put build/midflight.elf -- ./midflight fuzz --lab=no \
	--image ./midflight.elf --log out --loops 1 --seed 4 --control >"$work/out" 2>&1 || report "not ok" "$what"
expect "fuzz: without a record it says so" ', blind: nobody records which code of KVM ran$'
holds "fuzz: also in fuzz.json" grep -q '"code": null,' "$work/blind/fuzz.json"

# ---- refused ------------------------------------------------------------------------------------
coverage 2 "$work/off"
expect "a log without coverage" 'coverage\.json: No such file'
sed 's/"size": [0-9]*/"size": 1/' "$work/ept/coverage.json" >"$work/damaged.json"
coverage 2 "$work/damaged.json"
expect "a damaged file is named" "damaged\.json: function .* has no good 'ran'"
coverage 2 --debug-info build/midflight "$work/ept"
expect "debug information of another file" 'is not of a module that ran'
run 2 --driver kvm --scenario running --coverage --lab no
expect "nothing records outside of the lab" '--coverage is for the lab'
