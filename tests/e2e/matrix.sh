#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The scenario matrix in the lab, one snapshot each, and everything that can be broken on purpose
# between save and restore.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

MIN_SCENARIOS=280
MIN_RUN=250
MIN_CAUGHT=75

what=list
build/midflight list >"$work/out" 2>&1
count=$(sed -n '/^$/q; /^[a-z]/p' "$work/out" | wc -l)
holds "at least $MIN_SCENARIOS scenarios: $count" [ "$count" -ge $MIN_SCENARIOS ]
expect "list tells drivers and needs of scenarios and methods" \
	'^halted +qemu kvm  a posted .* \[L2_APICV\]$' '^mtf_[a-z_]+ +kvm  +[^ ]' \
	'^file +qemu kvm  saved ' '^postcopy +qemu  +live .* \[postcopy-ram\]$'

what="list --verbose"
{
	cat docs/scenarios.in.md
	build/midflight list --verbose
	build/midflight list --verbose --enlightened
} >"$work/out" 2>&1
holds "docs/scenarios.md is what the image says (else: make docs)" \
	cmp -s "$work/out" docs/scenarios.md
{ cat docs/methods.in.md && build/midflight list --methods --verbose; } >"$work/out"
holds "docs/methods.md is what the runner says (else: make docs)" \
	cmp -s "$work/out" docs/methods.md

# What is wrong about a scenario is found before it flies.
makes_not() { # SED-SCRIPT REGEX...: what `make` says of an image that it has changed
	what="(make) $1"
	LC_ALL=C sed "$1" build/midflight.elf >"$work/midflight.elf"
	ln -sf "$PWD/build/midflight" "$work/midflight"
	holds "make fails: $1" [ "$(make B="$work" -o "$work/midflight" -o "$work/midflight.elf" \
		"$work/scenarios" >"$work/out" 2>&1; echo $?)" = 2 ]
	expect "make says why: $1" "${@:2}"
}
compiles_not() { # SED-SCRIPT REGEX...: what the compiler says of the scenario \`running\`
	what="(compiler) $1"
	sed "$1" hv/scenarios/running.c |
		${CC:-gcc} -std=gnu11 -fsyntax-only -ffreestanding -I. -xc - >"$work/out" 2>&1
	expect "it does not compile: $1" "${@:2}"
}
makes_not 's/proof: l2 runnable/proof: l2 runnabel/' "about scenario .*: in 'runnabel': there is no such term"
makes_not 's/freeze: port/freeze: prot/' "about scenario .*: 'freeze: prot' makes no sense"
compiles_not 's/FREEZE(soon)/FREEZE(sonn)/' 'FREEZE_sonn.* undeclared'
compiles_not 's/QUICK/ACT(smy, first)/' 'ACT_smy.* undeclared'
compiles_not 's/QUICK/VCPUS(3)/' 'VCPUS is 2 or not there'
compiles_not 's/TITLE(/TITEL(/' 'TEXT_TITEL'

# Known failures do not turn the exit status; everything else must pass.
run 0 --driver kvm --loops 1 --timeout 10 --scenario all
refuse "no scenario fails for an unknown reason" '^not ok [0-9]+ - [^#]*# (FAIL|ERROR|HANG|CRASH)'
ran=$(grep -E '^(not )?ok [0-9]+ - [a-z0-9_]+ ' "$work/out" | grep -vc '# SKIP')
holds "at least $MIN_RUN scenarios ran: $ran" [ "$ran" -ge $MIN_RUN ]
refuse "no SKIP without a reason" '# SKIP *$'

command_exits 0 orders --scenario 'regs_debug,rvi_behind_if,smi_in_l1'
expect "orders: the table tells survival, loss and refusal apart" \
	'^\| scenario \| qemu \| selftests \|' \
	'^\| rvi_behind_if \| survives \| survives \| survives \|' \
	'^\| regs_debug \|.* wrong \[[0-9]+\] \| survives \| survives \|$' \
	'^\| smi_in_l1 \| refused \[[0-9]+\] \| survives \|' \
	'^\[[0-9]+\] KVM_SET_NESTED_STATE: Invalid argument'

command_exits 0 breakages
refuse "each breakage is caught, or refused where KVM must" '^not ok [0-9]+ - [^ ]+ # (not caught|TAKEN)'
expect "what KVM must refuse and does" '- nested-header-only # refused by KVM, as it must in rvi_behind_if: KVM_SET'
expect "what KVM must refuse and takes" \
	'^not ok [0-9]+ - vmcs12-field=VMCS_LINK_POINTER # TODO known KVM bug: rsm-takes-any-vmcs12, taken by KVM in smi_in_l2: ' \
	', 1 taken that KVM must refuse, 1 of them by known KVM bugs$'
caught=$(grep -cE '^ok [0-9]+ - .* # caught by ' "$work/out")
holds "at least $MIN_CAUGHT breakages were caught: $caught" [ "$caught" -ge $MIN_CAUGHT ]
