#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A QEMU without VMX: the guest must say SKIP with the reason, the runner must exit 4.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

run 4 --accel tcg --loops 2
expect "without VMX: both scenarios are skipped with the register that says so" \
	'^ok [0-9]+ - running # SKIP no VMX: CPUID\.1:ECX\[5\]=0' '^ok [0-9]+ - halted # SKIP no VMX'
refuse "without VMX: nothing passes" '^ok [0-9]+ - [a-z.]+( # [0-9]|$)'

# What would be flown; nothing is, and nothing is left.
rm -rf "$work/log"
run 0 --dry-run halted --loops 3 --lab yes --kernel 6.1,6.12
expect "--dry-run tells what and how long" '^halted\.control +3 hops without snapshots$' '^halted +3 hops$' \
	'^# nothing was flown\. .* 2 results, 1 of them controls, .* in the lab, 2 times: 6\.1 6\.12$' \
	'^# about [0-9]+ s of wall time in 1 lab: an estimate, '
run 0 --dry-run -g timer --driver kvm --accel tcg --exclude 'timer_h*'
expect "--dry-run: a group, and without a figure no estimate" '^timer_short +1 hop$' '^# no estimate of the time'
refuse "--exclude: what is excluded" '^timer_halted'
holds "--dry-run leaves nothing" [ ! -e "$work/log" ]
run 2 --scenaro halted
expect "an option that there is not" "unrecognized option '--scenaro'; did you mean '--scenario'\?$"
run 2 --method precpy
expect "a method that there is not" "no method 'precpy'; did you mean 'precopy'\?"
what=rnu
build/midflight rnu >"$work/out" 2>&1
expect "a command that there is not" "no command 'rnu'; did you mean 'run'\?"
run 2 --baseline 6.12
expect "--baseline of nothing" '--baseline: of which --kernel, --each-module or --each-param\?'
run 2 --kernel 6.1,6.12 --baseline 6.123
expect "--baseline that there is not" "--baseline: no column is called '6\.123'; did you mean '6\.12'\?"

# Shards: their merger is the run without shards; half of it is nothing.
run 4 --accel tcg --loops 1 --machine microvm --scenario running --method file,pipe,pause
grep '^ok' "$work/out" >"$work/whole"
for k in 1 2; do
	run 4 --accel tcg --loops 1 --machine microvm --scenario running --method file,pipe,pause --shard "$k/2"
	cp "$work/log/result.json" "$work/$k.json"
done
merged() { # EXIT-STATUS FILE...
	local want=$1 status=0
	shift
	what="merge $*"
	build/midflight merge "$@" >"$work/out" 2>&1 || status=$?
	holds "exit status $want: midflight $what: was $status" [ "$status" = "$want" ]
}
merged 4 "$work/2.json" "$work/1.json"
holds "merged shards are the run without shards" \
	cmp -s "$work/whole" <(grep '^ok' "$work/out")
merged 2 "$work/2.json"
expect "a missing shard is named" 'shard 1 of 2 is missing'

# What a run leaves, for programs and for people.
run 4 --accel tcg --loops 1 --json "$work/all.json" --junit "$work/log/junit.xml"
expect "the summary is a table, with a row for each reason of a SKIP" \
	'^#   pass +0$' '^#   fail +0$' '^#   known +0$' '^#   skip +4  no VMX: CPUID'
holds "result.json is what docs/result.schema.json says, JUnit agrees with it" \
	tests/check_results.py "$work/log/result.json" "$work/log/junit.xml"
holds "--json is a copy" cmp -s "$work/all.json" "$work/log/result.json"
holds "index.txt has a line for each result" \
	[ "$(grep -Ec '^(running|halted)(\.control)? +SKIP' "$work/log/index.txt")" = 4 ]
merged 4 --json "$work/merged.json" --junit "$work/merged.xml" "$work/1.json" "$work/2.json"
holds "merged results are what the schema says, JUnit agrees with them" \
	tests/check_results.py "$work/merged.json" "$work/merged.xml"
run 2 --accel tcg --loops 1 --scenario running --junit /nonexistent/x/junit.xml
expect "a file that cannot be written is named, before anything flies" '/nonexistent/x/junit.xml'
holds "... and nothing else is lost" tests/check_results.py "$work/log/result.json"
what="run --accel tcg | true"
build/midflight run --accel tcg --loops 1 --log "$work/log" 2>"$work/out" </dev/null | true
holds "a reader that goes away does not cost the results" \
	tests/check_results.py "$work/log/result.json"

# A lab that does not do its part: what is missing is never a pass.
mkdir -p "$work/lab"
cat >"$work/lab/lab.sh" <<'SH'
#!/bin/bash
[ "$1" = run ] || exit 0
while [ "$1" != --out ]; do shift; done
[ -z "$LEFT" ] || cp "$LEFT" "$2/result.json"
printf 'KTAP version 1\n1..4\nok 1 - running.control # 10 hops without snapshots\n'
exit "$ENDS"
SH
chmod +x "$work/lab/lab.sh"
half='{"schema": "midflight-result", "version": 2'
echo "$half" >"$work/half.json"
echo "$half, \"exit_status\": 1, \"results\": [{}]}" >"$work/failed.json"
echo "$half, \"exit_status\": 0, \"results\": [{}, {}]}" >"$work/two.json"
export MIDFLIGHT_LAB_DIR=$work/lab LEFT ENDS
LEFT='' ENDS=0 run 2 --lab yes
expect "a lab that leaves no results" '^#   not run +3$' '^# midflight: 1 passed, .*; cut off$' \
	'result.json: No such file'
LEFT='' ENDS=127 run 2 --lab yes
LEFT=$work/half.json ENDS=0 run 2 --lab yes
for left in failed two; do
	rm -r "$work/log"
	LEFT=$work/$left.json ENDS=0 run 2 --lab yes --json "$work/left.json"
	expect "a lab that leaves other results: $left" 'other results than it told of|result 1 has no good|it has no good'
	holds "... and --json has none of them: $left" [ ! -e "$work/left.json" ]
done
unset MIDFLIGHT_LAB_DIR LEFT ENDS
rm -r "$work/log"

# What is printed into a full device, or by a program whose stdout is closed.
what="list >/dev/full"
status=0
build/midflight list >/dev/full 2>"$work/out" || status=$?
holds "exit status 2: midflight $what: was $status" [ "$status" = 2 ]
expect "what could not be printed is told of" 'cannot write to stdout'
what="run, without stdin, stdout, stderr"
status=0
build/midflight run --accel tcg --loops 1 --scenario running --log "$work/log" \
	--json "$work/closed.json" <&- >&- 2>&- || status=$?
holds "exit status 4: midflight $what: was $status" [ "$status" = 4 ]
holds "closed files are not mistaken for others" \
	[ "$(grep -lr '^KTAP version 1' "$work/log" | sed 's|.*/||' | sort -u)" = serial.log ]

# A file that is no run's.
mkdir "$work/mine"
echo mine >"$work/mine/index.txt"
run 2 --accel tcg --log "$work/mine"
expect "a user's file is not overwritten" 'index.txt is of no run, and would be lost'
holds "... nor changed" [ "$(cat "$work/mine/index.txt")" = mine ]

# Ctrl-C while a VM does not get anywhere.
cat >"$work/qemu" <<'SH'
#!/bin/sh
[ "$1" != --version ] || exec echo no QEMU
echo started >"${0%/*}/started"
exec sleep 600
SH
chmod +x "$work/qemu"
mkfifo "$work/started"
what="run, interrupted"
setsid build/midflight run --accel tcg --qemu "$work/qemu" --scenario running --log "$work/log" \
	>"$work/out" 2>&1 </dev/null &
runner=$!
timeout 20 cat "$work/started" >/dev/null
kill -INT -- "-$runner"
status=0
wait "$runner" || status=$?
holds "Ctrl-C: exit status 130 (was $status)" [ "$status" = 130 ]
expect "Ctrl-C: the summary is printed all the same" '^#   not run +2$' \
	'^# midflight: 0 passed, 0 failed; interrupted'
holds "Ctrl-C: result.json is whole" tests/check_results.py "$work/log/result.json"

# Replays are told by files that anybody may have written.
replay() { # EXIT-STATUS JSON
	printf '%s\n' "$2" >"$work/replay.json"
	command_exits "$1" replay "$work/replay.json"
}
words='"--scenario", "running", "--only", "running", "--accel", "tcg", "--machine", "microvm"'
told() { # WORDS
	printf '{"schema": "midflight-replay", "version": 2, "result": "running", "scenario": "running",
"method": "file", "midflight": "an older one", "kernel": "2.6.32", "qemu": null, "order_steps": null,
"failed": {"word": "FAIL", "known": null, "checks": ["L2 digest"]}, "trace": "0x1", "job": null, "words": [%s]}' "$1"
}
replay 4 "$(told "$words")"
expect "a replay says what it came to, and what was different then" \
	'^# replay: running: skipped: no VMX' '^# replay: the kernel was 2.6.32, is ' \
	'^# replay: Midflight was an older one, is ' "^# replay: log: $work/log\$"
replay 2 "$(told "$words, \"--qemu\", \"/bin/false\"")"
expect "a replay takes no programs" 'word 9 is no option that a replay may have'
replay 2 "$(told '"--scenario", "running,halted", "--accel", "tcg"')"
expect "a replay is of one result" "do not ask for the result 'running' alone"
replay 2 "$(told "$words, \"--loops\", \"many\"")"
expect "a replay's values are checked" "replay.json: --loops: 'many' is no number"
ordered=$(told "$words, \"--driver\", \"kvm\"")
echo 'mine' >"$work/log/order.txt"
replay 2 "${ordered/\"order_steps\": null/\"order_steps\": \"CPUID2\"}"
expect "a replay does not overwrite another order" 'order.txt has another order, and would be lost'
rm "$work/log/order.txt"
replay 2 '{}'
expect "what is no replay is refused" 'is no midflight-replay of version 2'

run 2 --accel tcg --method no-such
expect "unknown method: usage error" 'no-such'
run 2 --accel tcg --irqchip split
expect "--irqchip without KVM: usage error" '--irqchip needs --accel kvm'

run 2 --accel tcg --scenario no-such
expect "unknown scenario: usage error" 'no-such'

run 2 --accel tcg --image /nonexistent/midflight.elf
expect "missing image: error with its path" '/nonexistent/midflight.elf'

# L1 by its other ways in. Its verdict is SKIP for want of VMX: what counts is that it booted.
boot() { # NAME EXPECTED QEMU-ARG...
	local name=$1 regex=$2
	shift 2
	what="boot: $name"
	timeout 60 qemu-system-x86_64 -accel tcg -m 32 -nodefaults -display none -serial stdio \
		-no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4 "$@" >"$work/out" 2>&1 </dev/null
	expect "boots: $name" "^# @1 hello .*$regex" 'verdict word=SKIP passed=0 failed=0 skipped=[1-9][0-9]* errors=0'
}

boot "multiboot, QEMU -kernel" 'boot=multiboot' -kernel build/midflight.elf
if make -s build/midflight.iso >"$work/out" 2>&1; then
	boot "multiboot, GRUB from an ISO" 'boot=multiboot' -cdrom build/midflight.iso
else
	report "not ok" "make iso"
fi
# QEMU prefers the multiboot header: without its magic the PVH note is what is left.
cp build/midflight.elf "$work/pvh.elf"
at=$(LC_ALL=C grep -obUaP '\x02\xb0\xad\x1b' "$work/pvh.elf" | head -n 1 | cut -d : -f 1)
printf '\0\0\0\0' | dd of="$work/pvh.elf" bs=1 seek="${at:-0}" conv=notrunc status=none
boot "PVH" 'boot=pvh' -kernel "$work/pvh.elf"

for words in 'scenario=runing' 'hops=0' 'nonsense=1' 'sync=hots'; do
	what="boot: $words"
	timeout 60 qemu-system-x86_64 -accel tcg -m 16 -nodefaults -display none -serial stdio \
		-no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4 -kernel build/midflight.elf \
		-append "$words" >"$work/out" 2>&1 </dev/null
	expect "a wrong command line is an ERROR: $words" 'verdict word=ERROR' '@[0-9]+ error what='
done
