#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A KVM whose restore path is broken on purpose, in the lab: the suite must turn red in the scenarios
# that tests/broken_kvm/expected names, and only in these. One boot for the whole table.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

MIN_BREAKAGES=5

kernel=${MIDFLIGHT_LAB_KERNEL:-6.12}
if [ "$kernel" = 6.1 ]; then
	echo "ok - a broken KVM # SKIP known bugs of Linux 6.1 meet some of the same scenarios"
	exit 0
fi
what="(tests/broken_kvm/build.sh $kernel)"
status=0
tests/broken_kvm/build.sh "$kernel" "$work/module" >"$work/out" 2>&1 || status=$?
if [ $status = 4 ]; then
	sed 's/^/# /' "$work/out"
	echo "ok - a broken KVM # SKIP the headers of the lab's kernel $kernel are not to be had"
	exit 0
fi
holds "the module is built for Linux $kernel" [ $status = 0 ]
[ $status = 0 ] || exit 1

# A run is WHAT|OPTIONS|MUST-FAIL|MUST-PASS. Before the table's come those of the KVM as it is, with all
# the scenarios of the table, or else nothing would be proved by them.
table=$(grep -v '^#' tests/broken_kvm/expected)
mapfile -t runs < <(
	awk -F' *[|] *' '{ all[$2] = all[$2] " " $3 " " $4 }
		END { for (options in all) print "none|" options "|" all[options] "|" }' <<<"$table"
	printf '%s\n' "$table"
)
words() { tr -s ' ' '\n' <<<"$*" | sed '/^$/d' | sort -u; }

{
	cat <<'L0'
row() { # RUN WHAT ARG...
	run=$1 what=$2
	shift 2
	insmod broken_kvm.ko "what=$what" || return 0
	status=0
	./midflight run --lab=no --driver kvm --loops 1 --timeout 3 --nudge 1 --log /tmp/log "$@" \
		>"out/$run" 2>&1 || status=$?
	echo "exit status $status, struck $(cat /sys/module/broken_kvm/parameters/hits) times" >>"out/$run"
	rm -rf /tmp/log
	rmmod broken_kvm
}
L0
	for i in "${!runs[@]}"; do
		IFS='|' read -r name options fail pass <<<"${runs[i]}"
		printf 'row %d %s --scenario %s %s\n' "$i" "$name" \
			"$(words "$fail $pass" | paste -sd,)" "$options"
	done
	printf '%s\n' 'insmod broken_kvm.ko what=anything' 'hostname elsewhere' 'insmod broken_kvm.ko' :
} >"$work/l0.sh"
started=$SECONDS
what="(in the lab with Linux $kernel)"
lab/lab.sh run --kernel "$kernel" --out "$work/l0" --put build/midflight --put build/midflight.elf \
	--put "$work/module/broken_kvm.ko" --put "$work/l0.sh" -- sh ./l0.sh >"$work/out" 2>&1 || status=$?
holds "the lab ran them all" [ $status = 0 ]
[ $status = 0 ] || exit 1
echo "# the lab took $((SECONDS - started)) s"

# A known KVM bug (`# TODO`) is not red, nor is a SKIP green.
red() { grep -Eq "^not ok [0-9]+ - $1 # (FAIL|CRASH|HANG)" "$work/out"; }
green() { grep -Eq "^ok [0-9]+ - $1 # [0-9]+ hops?[, ]" "$work/out"; }
known() { grep -Eq "^not ok [0-9]+ - $1 # TODO known KVM bug: " "$work/out"; }

red_and_green() { # MUST-FAIL MUST-PASS MAY-FAIL-BY-A-KNOWN-BUG
	local scenario wrong=0
	for scenario in $(words "$1"); do
		red "$scenario" || { echo "# $scenario is not red" && wrong=1; }
	done
	for scenario in $3; do
		green "$scenario" || known "$scenario" || { echo "# $scenario is red" && wrong=1; }
	done
	for scenario in $(words "$2"); do
		green "$scenario" || { echo "# $scenario is not green" && wrong=1; }
	done
	for scenario in $(words "$1 $2 $3"); do
		green "${scenario%%.*}.control" || { echo "# the control of $scenario is not green" && wrong=1; }
	done
	return $wrong
}

for i in "${!runs[@]}"; do
	IFS='|' read -r name options fail pass <<<"${runs[i]}"
	read -r name <<<"$name"
	what="run $options, on a KVM broken by what=$name"
	cp "$work/l0/$i" "$work/out" 2>/dev/null || : >"$work/out"
	if [ "$name" = none ]; then
		expect "$name: the KVM as it is passes" '^exit status 0, struck 0 times$'
		holds "$name: all green, or known" red_and_green "" "" "$(words "$fail")"
	else
		expect "$name: the exit status is 1, and KVM was broken" \
			'^exit status 1, struck [1-9][0-9]* times$'
		holds "$name: red are $(words "$fail" | paste -sd' '), not $(words "$pass" | paste -sd' ')" \
			red_and_green "$fail" "$pass" ""
		[ "$name" != mp-state ] ||
			expect "$name: of the second vCPU an oracle tells it" '^#   oracle new VM: vcpu1\.MP_STATE'
	fi
done
what="(L0's log)"
sed -n '/broken_kvm/,$p' "$work/l0/l0-dmesg.txt" >"$work/out"
expect "the module refuses what it does not know, and to be anywhere but in the lab" \
	'broken_kvm: what=anything is not known' 'broken_kvm: this is not the lab'
sed -i '/WARNING:.*broken_kvm/d' "$work/out" # as it was told to
refuse "L0 itself is unharmed" 'WARNING:' 'BUG:' 'Oops'
count=$(awk -F' *[|]' '{ print $1 }' <<<"$table" | sort -u | wc -l)
holds "at least $MIN_BREAKAGES breakages: $count" [ "$count" -ge $MIN_BREAKAGES ]
