# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Shared by the end-to-end tests (sourced): runs the runner and looks at what it printed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2

work=$(mktemp -d "${TMPDIR:-/tmp}/midflight-e2e.XXXXXX")
trap 'rm -rf "$work"' EXIT
what=

report() { # ok|not ok, NAME: with the output of the run when it failed, and last the results that did
	if [ "$1" != ok ]; then
		echo "# midflight $what"
		sed 's/^/# | /' "$work/out"
		awk '/^#/ { said = said "# ! " $0 "\n"; next }
			/^not ok .*# (FAIL|ERROR|HANG|CRASH)/ { printf "%s# ! %s\n", said, $0 }
			{ said = "" }' "$work/out"
	fi
	echo "$1 - $2"
}

run() { # EXIT-STATUS ARG...: runs `midflight run ARG...`
	local want=$1
	shift
	command_exits "$want" run "$@"
}

command_exits() { # EXIT-STATUS COMMAND ARG...: runs `midflight COMMAND ARG...`
	local want=$1 command=$2 status=0
	shift 2
	what="$command $*"
	build/midflight "$command" --log "$work/log" "$@" >"$work/out" 2>&1 </dev/null || status=$?
	if [ "$status" = "$want" ]; then
		report ok "exit status $want: midflight $what"
	else
		report "not ok" "exit status $want: midflight $what: was $status"
	fi
}

holds() { # NAME COMMAND...: the command must succeed
	local name=$1
	shift
	if "$@"; then report ok "$name"; else report "not ok" "$name"; fi
}

whole_lines() { # what was printed, with the lines whole again that went on below themselves
	awk 'NR > 1 && /^#     +[^ ]/ { sub(/^# +/, " "); printf "%s", $0; next }
		{ printf "%s%s", (NR > 1 ? "\n" : ""), $0 } END { print "" }' "$work/out"
}

expect() { # NAME REGEX...: all must match a line each
	local name=$1 regex
	shift
	for regex in "$@"; do
		grep -Eq -- "$regex" "$work/out" && continue
		whole_lines | grep -E -- "$regex" >/dev/null && continue
		echo "# no line matches: $regex"
		report "not ok" "$name"
		return
	done
	report ok "$name"
}

refuse() { # NAME REGEX...: none may match
	local name=$1 regex
	shift
	for regex in "$@"; do
		grep -Eq -- "$regex" "$work/out" || whole_lines | grep -E -- "$regex" >/dev/null || continue
		echo "# a line matches: $regex"
		report "not ok" "$name"
		return
	done
	report ok "$name"
}
