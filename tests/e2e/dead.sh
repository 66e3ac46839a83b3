#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs in the lab that come to no end: L0 dies, or is silent. What was told is kept, the flight that was on
# has its verdict, and nobody waits.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

kernel=${MIDFLIGHT_LAB_KERNEL:-6.12}
what="(tests/broken_kvm/build.sh $kernel)"
status=0
tests/broken_kvm/build.sh "$kernel" "$work/module" >"$work/out" 2>&1 || status=$?
if [ $status = 4 ]; then
	sed 's/^/# /' "$work/out"
	echo "ok - a dead L0 # SKIP the headers of the lab's kernel $kernel are not to be had"
	exit 0
fi
holds "the module is built for Linux $kernel" [ $status = 0 ]
[ $status = 0 ] || exit 1

# A lab.sh that puts the module into L0, or with WHAT=endless stops midflight and goes on for ever; and takes only
# SECONDS_MAX if that is set.
mkdir "$work/lab"
cat >"$work/lab/lab.sh" <<SH
#!/bin/bash
args=()
while [ \$# -gt 0 ] && [ "\$1" != -- ]; do
	if [ -n "\$SECONDS_MAX" ] && [ "\$1" = --timeout ]; then args+=(--timeout "\$SECONDS_MAX") && shift 2 && continue; fi
	args+=("\$1") && shift
done
case \$#\$WHAT in
	0* | *[0-9]) ;;
	*endless)
		set -- -- sh -c '"\$@" & until [ -d out/mtf_pending ]; do sleep 0.01; done
			kill -STOP \$!; while :; do :; done' sh "\${@:2}" ;;
	*)
		set -- --put "$work/module/broken_kvm.ko" -- sh -c "insmod broken_kvm.ko what=\$WHAT"' && exec "\$@"' sh "\${@:2}" ;;
esac
exec "$PWD/lab/lab.sh" "\${args[@]}" "\$@"
SH
chmod +x "$work/lab/lab.sh"
export MIDFLIGHT_LAB_DIR=$work/lab WHAT='' SECONDS_MAX=''
some=(--driver kvm --loops 1 --scenario "isr_eoi,mtf_pending,running")

results() { # names and words of result.json, and whether it says that results are missing
	python3 -c 'import json, sys
top = json.load(open(sys.argv[1]))
print(*("%s=%s" % (r["name"], r["word"]) for r in top["results"]), top["interrupted"], top["exit_status"])' \
		"$work/log/result.json"
}

has_all() { # SUFFIX of the last result: what is there of those before it
	local want="isr_eoi.control=PASS isr_eoi=PASS mtf_pending.control=PASS mtf_pending=$1 True 1"
	[ "$(results)" = "$want" ] || { echo "# $(results), not $want"; return 1; }
	[ -s "$work/log/isr_eoi/serial.log" ] && [ -s "$work/log/mtf_pending.control/serial.log" ]
}

dies() { # WHAT WORD LINE: the lab's own limit is minutes away
	WHAT=$1
	local started=$SECONDS
	run 1 "${some[@]}" --junit "$work/junit.xml"
	echo "# $1: $((SECONDS - started)) s"
	expect "$1: the flight that was on is told, the others are not run" "^not ok 4 - mtf_pending # $2" "L0 itself: .*$3" \
		'^#   not run +2$' '^# midflight: 3 passed, 1 failed; cut off'
	holds "$1: result.json and the logs are there" has_all "$2"
	holds "$1: they are well-formed" tests/check_results.py "$work/log/result.json" "$work/junit.xml"
	WHAT=''
}

console_has() { # REGEX: or L0 itself came to the end of the run, and has left its log
	grep -Eqs "$1" "$work/log/l0-console.txt" "$work/log/l0-dmesg.txt"
}

dies dies-bug CRASH 'kernel BUG at'
holds "the call trace is kept" console_has 'kvm_arch_vcpu_ioctl|end trace'
dies dies-null CRASH 'NULL pointer dereference'
dies dies-gp CRASH 'general protection fault'
dies dies-panic CRASH 'Kernel panic - not syncing: broken on purpose'
holds "the console is kept" console_has 'dies_panic.* \[broken_kvm\]'
dies dies-silent HANG 'L0 hangs: CPU 0 has run nothing but its kernel for 2[0-9] s .*, at dies_silent'
holds "where the CPU is and how it came there is kept" console_has '^CPU 0: RIP ffffffff[0-9a-f]{8}, .* CPL 0, IF 0, VMX root'
holds "and L0's own call trace" console_has 'kvm_arch_vcpu_ioctl'
dies dies-busy HANG 'L0 hangs: CPU 0 .*, at dies_busy'
SECONDS_MAX=30
dies endless HANG 'no end within 30 s'
SECONDS_MAX=''

# Longer than an L0 may hang, without a word, three times.
what="(an L0 that works on)"
cat >"$work/works" <<'L0'
until_s() { while read -r up rest </proc/uptime && [ "${up%.*}" -lt "$1" ]; do :; done; }
read -r up rest </proc/uptime
from=${up%.*}
until_s $((from + 30))
sleep 30
timeout 100 ./midflight run --guest spins.elf --lab=no --driver kvm --timeout 30 --log /tmp/log >/dev/null
read -r up rest </proc/uptime
echo "after $((${up%.*} - from)) s"
L0
make -s guests || exit 1
lab/lab.sh run --put build/midflight --put build/guests/spins.elf --put "$work/works" -- sh works >"$work/out" 2>&1
holds "an L0 that works on does not hang" [ $? = 0 ]
expect "user mode, asleep, in a guest that does not exit" '^after (9[0-9]|[0-9]{3,}) s$'

WHAT=dies-panic
run 1 "${some[@]}" --jobs 2
expect "two labs: the one whose L0 lives goes on" '^not ok [0-9]+ - mtf_pending # CRASH' '^ok [0-9]+ - running # ' \
	'^# midflight: 5 passed, 1 failed'
WHAT=warns
run 1 "${some[@]}"
expect "a mere WARNING fails the flight, and the run goes on" '^not ok 4 - mtf_pending # FAIL' '^ok 6 - running # '
WHAT=''

# ---- a run that flies nothing -------------------------------------------------------------------
run 0 --driver kvm --loops 1 --scenario isr_eoi
results >"$work/before"
run 4 --driver kvm --loops 1 --scenario isr_eoi --pages exit
expect "nothing flew" '^ok 2 - isr_eoi # SKIP' '^# midflight: nothing flew, .* keeps the results of a run that did$'
holds "the results of the run before are there" diff <(results) "$work/before"
holds "and their logs" [ -s "$work/log/isr_eoi/serial.log" ]
