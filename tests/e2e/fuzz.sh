#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Programs made by chance in the lab: findings, what they leave, known bugs, no false alarm. patch.sh has more.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

printf 'l2 freeze init paused\n' >"$work/init.mf"
printf 'apicv\nl1 field EXCEPTION_BITMAP 0x40\nl1 enter\nl2 wrmsr 0x175 0x7000\nl2 freeze alone paused\nl2 ud2\nl2 rdmsr 0x175\n' >"$work/alike.mf"
printf 'l2 freeze\n' >"$work/wrong.mf"
cat >"$work/odd.mf" <<'END'
apicv
l1 vmx vmptrld indexed 0x2
l1 vmx vmclear plain 0x5
l1 vmx vmread noncanonical 0x0
l1 vmx vmwrite unmapped 0x1
l1 vmx invept plain 0x5
l1 vmx vmxon off 0x2
l1 vmx vmlaunch cleared 0x0
l1 freeze-behind alone 0x4000
l1 enter
l1 other-vmcs
l1 ept-ad yes
l1 unmap-own 0x1
l2 insn vmread 0x0
l2 freeze-behind alone 0x2000
l2 sti-hlt
l2 freeze db restored
l2 insn triple 0x0
END

command_exits 1 fuzz "$work/init.mf" "$work/alike.mf"
expect "fuzz: a program of a known bug leaves another trace" \
	'^not ok 1 - .*init\.mf\.mark-0 # FAIL exit 1 VM_EXIT_REASON: expected 0x12, found 0x3'
holds "fuzz: it leaves both traces" grep -q '^! exit 1 VM_EXIT_REASON' "$work/log/finding-1/traces.txt"
command_exits 0 fuzz "$work/alike.mf"
expect "fuzz: one of no bug does not" '^ok 1 - .*alike\.mf\.mark-0$'
command_exits 0 fuzz "$work/odd.mf"
expect "fuzz: VMX instructions that fault, marks in between, an L2 that sleeps: all come to their end" \
	'odd\.mf\.mark-2$'
command_exits 2 fuzz "$work/wrong.mf"
expect "fuzz: a bad program is refused by its line" 'wrong\.mf: line 1: freeze has 2 operands'

run 2 "$work/init.mf"
expect "fuzz: run says who flies a program" "what is '.*/init.mf'\? A program: midflight fuzz FILE"

command_exits 0 fuzz programs/*.mf
expect "fuzz: what a program says of a known bug is that, each in its own words" \
	'mark-0 # TODO known KVM bug: debugctl-lost$' 'mark-0 # TODO known KVM bug: halted-posted-interrupt-lost$' \
	'mark-0 # TODO known KVM bug: queued-nmi-forgets-hlt$' 'pat.mf.mark-2 # TODO known KVM bug: rsm-forgets-l2-state$'
command_exits 1 fuzz programs/init-doubled.mf --break tsc
expect "fuzz: what was broken on purpose is no known bug" '^not ok 1 - .*init-doubled.mf.mark-0 # FAIL '
sed 's/mark 0: exit 1/mark 0: exit 2/' programs/init-doubled.mf >"$work/other.mf"
command_exits 1 fuzz "$work/other.mf"
expect "fuzz: another word is another failure" '^not ok 1 - .*other.mf.mark-0 # FAIL exit 1 VM_EXIT_REASON'

command_exits 0 fuzz --loops 100 --seed 9 --control
expect "fuzz: with nothing in between nothing is found" '^# 100 programs: [0-9]+ alike, 0 found, '
command_exits 1 fuzz --loops 5 --seed 9 --break vmcs12-field=EXCEPTION_BITMAP
expect "fuzz: a difference that was planted is found" \
	'^# finding [1-9]: end EXCEPTION_BITMAP: expected (0x)?[0-9a-f]+, found (0x)?[0-9a-f]+$'
steps=$(sed -n '/^# finding [1-9]: end EXCEPTION_BITMAP/{n;p;q;}' "$work/out" | grep -o ';' | wc -l)
holds "fuzz: and made small: $steps steps" [ "$steps" -ge 1 ] && [ "$steps" -le 6 ]

# A campaign in two labs is that of two shards, put together: the same bytes.
command_exits 0 fuzz --loops 12 --seed 7 -j 2
expect "fuzz -j: each lab tells what it found" '^# lab [12]: finding 1: .*known KVM bug: ' '^# lab 1: 6 programs: ' '^# 12 programs: '
mv "$work/log" "$work/jobs"
for k in 1 2; do
	build/midflight fuzz --loops 12 --seed 7 --shard $k/2 --log "$work/shard-$k" >"$work/out" 2>&1 </dev/null || :
done
what="merge of campaigns"
build/midflight merge --out "$work/all" "$work/shard-1" "$work/shard-2" >"$work/out" 2>&1
for part in fuzz.json corpus finding-1; do
	holds "fuzz: shards that were merged are the campaign in several labs: $part" diff -r "$work/jobs/$part" "$work/all/$part"
done
holds "fuzz: and no lab's findings lie about" [ ! -e "$work/jobs/lab-1/finding-1" ]
build/midflight merge "$work/all" "$work/shard-1" >"$work/out" 2>&1
expect "fuzz: nothing is merged twice" 'seed 7, shard 1/2 is there twice$'
build/midflight report "$work/all" >"$work/out" 2>&1
expect "fuzz: a campaign has a report" '/all/report.html: [1-9] findings?, [0-9]+ KiB$'
holds "fuzz: with the words that differ, or that none does" grep -q '<mark>! \|No word differs' "$work/all/report.html"

# A corpus is flown first; what met nothing new is not kept.
mkdir "$work/corpus"
cp "$work/all/corpus/"*.mf "$work/corpus"
sed 's/^/ /' "$(find "$work/corpus" -name '*.mf' | head -n 1)" >"$work/corpus/again.mf"
printf 'l2 cli\nl2 dance\n' >"$work/corpus/bad.mf"
command_exits 2 fuzz --loops 1 --corpus "$work/corpus"
expect "fuzz: a bad program of a corpus is told by file and line" "/corpus/bad.mf: line 2: l2 has no step 'dance'$"
rm "$work/corpus/bad.mf"
n=$(find "$work/all/corpus" -name '*.mf' | wc -l)
build/midflight fuzz --loops 1 --seed 8 --corpus "$work/corpus" --log "$work/log" >"$work/out" 2>&1 </dev/null || :
what="fuzz --corpus" # whatever it finds
expect "fuzz: a corpus is flown, the same program once" "^# $n programs of the corpus flew, [0-9]+ of them are kept$"
holds "fuzz: nothing of it is lost" [ "$(find "$work/corpus" -name '*.mf' | wc -l)" -gt "$n" ]

# What was found stays when the run is told to end.
what="fuzz, told to end"
: >"$work/out"
build/midflight fuzz --for 10m --seed 3 --log "$work/log" >"$work/out" 2>&1 </dev/null &
tail -n +1 -f --pid=$! "$work/out" 2>/dev/null | grep -q -m 1 '^# finding 1: '
kill -TERM $!
wait $! || :
holds "fuzz: a finding is there when the run is told to end" [ -s "$work/log/finding-1/finding-1.mf" ]
holds "fuzz: and fuzz.json has it" grep -q '"findings": \[$' "$work/log/fuzz.json"
