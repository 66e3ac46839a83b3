#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The shell in L0: with commands from a pipe, and on a terminal that tests/e2e/terminal.py plays.
# shellcheck disable=SC2016 # what is quoted is for L0
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

shell() { # NAME EXIT-STATUS COMMANDS ARG...: `midflight lab shell ARG...` with COMMANDS from a pipe
	local name=$1 want=$2 commands=$3 status=0
	shift 3
	what="lab shell $*"
	printf '%s\n' "$commands" | build/midflight lab shell "$@" >"$work/out" 2>&1 || status=$?
	holds "$name: exit status $want (was $status)" [ "$status" = "$want" ]
}

echo of-mine >"$work/file"
shell "commands from a pipe" 7 'echo "it is $(cat file)"; cat; echo left >out/left
	modprobe -r kvm_intel && modprobe kvm_intel && echo "nested $(cat /sys/module/kvm_intel/parameters/nested)"
	exit 7' --out "$work/back" "$work/file"
expect "commands from a pipe: a file of mine, and modules" '^it is of-mine$' '^nested Y$'
holds "what was left in out/ comes back, and L0's log" \
	[ "$(cat "$work/back/left")$(head -c 1 "$work/back/l0-dmesg.txt")" = 'left[' ]

# The trace has the restore only while it is on.
shell "trace" 0 'trace on kvm_nested_vmenter kvm:kvm_nested_vmex*; midflight run --driver kvm -n 1 -s running
	trace off; trace show; echo "set: $(cat /sys/kernel/tracing/set_event)"; trace on; trace off
	trace show | grep -c kvm_ || :'
expect "trace: events of a run of midflight" '^ok [0-9]+ - running #' \
	'^ +midflight-[0-9]+ .*: kvm_nested_vmenter: ' ': kvm_nested_vmexit: '
expect "trace: off is off, on empties the buffer" '^set: $' '^0$'
refuse "trace: no other event" ': kvm_entry: ' 'trace: there is no'
shell "trace: refusals" 2 'trace on nosuch; echo "was $?"; trace'
expect "trace: refusals" 'there is no event nosuch' '^was 2$' '^usage: trace on'

shell "no FILE" 2 true "$work/none"
expect "no FILE" "can't read .*/none"
what="lab"
build/midflight lab >"$work/out" 2>&1
holds "lab alone is refused" [ $? = 2 ]
expect "lab alone is refused" 'what of the lab\? There is: shell'

what="lab shell, on a terminal"
tests/e2e/terminal.py build/midflight lab shell --out "$work/tty" >"$work/out" 2>&1
expect "on a terminal" '^ok size$' '^ok Ctrl-C goes to L0$' '^ok all of a paste arrives$' \
	'^ok a slow terminal loses nothing$' \
	'^ok exit status$' '^ok the terminal is as it was$'
holds "on a terminal: out/ comes back" grep -qx left "$work/tty/left"
what="lab shell, ended by a signal"
tests/e2e/terminal.py --kill lab/lab.sh shell >"$work/out" 2>&1
expect "ended by a signal" '^ok exit status$' '^ok the terminal is as it was$'
