#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The verdict must not hang on timing: when the host freezes, how soon it nudges a silent VM, how long
# names are. In the lab another command line is another timing, and all else is the same.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

TIMINGS=20

# What of the host's own doing could cure: all in which an L2 waits for something.
waiting='posted_halted,posted_running,smp_post_halted,smp_on_halted,timer_halted,sti_hlt_idle'

cat >"$work/l0.sh" <<L0
fly() { # NAME ARG...
	name=\$1
	shift
	./midflight run --lab=no --driver kvm --log "/tmp/\$name" "\$@" >"out/\$name" 2>&1 || :
	rm -rf "/tmp/\$name"
}
name=h
for time in 0 100 500 1000 3000 6000 10000 15000 19000 100000; do
	for nudge in 0.05 2; do
		fly \$name --scenario halted --loops 1 --freeze time=\$time --nudge \$nudge
		name=\${name}h
	done
done
for nudge in 0.05 2; do
	fly "nudge-\$nudge" --scenario $waiting --loops 1 --nudge \$nudge
done
L0
started=$SECONDS status=0
lab/lab.sh run --kernel 6.12 --out "$work/l0" --put build/midflight --put build/midflight.elf \
	--put "$work/l0.sh" -- sh ./l0.sh >"$work/out" 2>&1 || status=$?
what="(halted under $TIMINGS timings)"
holds "the lab ran them all" [ $status = 0 ]
[ $status = 0 ] || exit 1
echo "# the lab took $((SECONDS - started)) s"

verdicts() { # FILE: each result without what may differ
	sed -nE 's/^((not )?ok [0-9]+ - [^ ]+).*( # TODO .*)?$/\1\3/p' "$1" | sed 's/ # [0-9]\+ hops.*//'
}
lost='^#   known +1  docs/known-failures.md#halted-posted-interrupt-lost \(1 of 1 restores\)$'
right=0
for file in "$work"/l0/h*; do
	cp "$file" "$work/out"
	if grep -Eq "$lost" "$file"; then right=$((right + 1)); else sed 's/^/# /' "$file"; fi
done
holds "halted: under $TIMINGS timings each restore loses its interrupt: in $right" [ $right = $TIMINGS ]

what="(an NMI after 0.05 s, and after 2 s)"
verdicts "$work/l0/nudge-2" >"$work/want"
verdicts "$work/l0/nudge-0.05" >"$work/out"
holds "how soon an NMI comes changes no verdict" cmp -s "$work/want" "$work/out"
what="(an NMI after 2 s)"
cp "$work/l0/nudge-2" "$work/out"
expect "all of them were flown" '^# midflight: [1-9][0-9]* passed, 0 failed'
