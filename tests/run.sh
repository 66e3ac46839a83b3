#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs all tests; `make check` calls it. Ends with one line: N passed, N failed[, N skipped].
# tests/run.sh [GROUP...] runs some of the groups. As many run at once as there are CPUs, and what each says
# comes in one piece.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

# Each is a function below or tests/e2e/GROUP.sh. The first ones need no lab, which is built meanwhile.
groups=(build unit lint adding report tcg examples lab jobs dead ended coverage kernels patch shell bisect methods raw
	timings matrix cross sweep soak fuzz bare_programs any_guest broken fields install)

lanes=$(nproc)
passed=0
failed=0
skipped=0
work=$(mktemp -d "${TMPDIR:-/tmp}/midflight-check.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'trap "" INT TERM; kill -TERM 0; exit 130' INT TERM

count() { # reads result lines
	local line
	while IFS= read -r line; do
		printf '%s\n' "$line"
		case $line in
		'ok '*'# SKIP'*) skipped=$((skipped + 1)) ;;
		'ok '*) passed=$((passed + 1)) ;;
		'not ok '*) failed=$((failed + 1)) ;;
		esac
	done
}

# What the group has left in $work: its results; one that has none has failed.
tell() { # GROUP
	local group=$1 before=$((passed + failed + skipped)) status seconds
	read -r status seconds <"$work/$group.status"
	echo "# $group ($seconds s)"
	count <"$work/$group.results"
	if [ "$((passed + failed + skipped))" = "$before" ]; then
		sed 's/^/# /' "$work/$group.stderr"
		count <<<"not ok - $group: no result (exit status $status)"
	elif [ "$status" != 0 ]; then
		sed 's/^/# /' "$work/$group.stderr"
		count <<<"not ok - $group: ended early (exit status $status)"
	fi
}

perform() { # GROUP
	local status=0 run=$1 started=$SECONDS
	[ "$(type -t "$1")" = function ] || run=tests/e2e/$1.sh
	"$run" >"$work/$1.results" 2>"$work/$1.stderr" || status=$?
	echo "$status $((SECONDS - started))" >"$work/$1.new"
	mv "$work/$1.new" "$work/$1.status"
}

unit() {
	local program status reason
	make -s unit >"$work/unit.log" 2>&1 || {
		sed 's/^/# /' "$work/unit.log"
		echo "not ok - unit tests build"
		return
	}
	if build/fuzz_snapshot >"$work/unit.tap" 2>&1; then
		echo "ok - snapshot files: $(tail -n 1 "$work/unit.tap")"
	else
		sed 's/^/# /' "$work/unit.tap"
		echo "not ok - snapshot files, mutated"
	fi
	if build/fuzz_inputs >"$work/unit.tap" 2>&1; then
		echo "ok - mutated inputs: $(tail -n 1 "$work/unit.tap")"
	else
		sed 's/^/# /' "$work/unit.tap"
		echo "not ok - mutated inputs"
	fi
	for program in tests/unit/test_*.c tests/unit/*/test_*.c; do
		program=${program#tests/}
		program=build/${program%.c}
		status=0
		CMOCKA_MESSAGE_OUTPUT=TAP "$program" >"$work/unit.tap" 2>"$work/unit.err" || status=$?
		# cmocka calls a skipped test "not ok N # SKIP NAME".
		reason=$(cat "$work/unit.tap" "$work/unit.err" | sed -nE 's/^# NOTE (.*)/\1/p' | head -n 1 | tr '/' ' ')
		sed -nE "s/^(not )?ok ([0-9]+) # SKIP (.*)/ok \\2 - \\3 # SKIP ${reason:-no reason given}/; /^(not )?ok /p" "$work/unit.tap"
		# A sanitizer or a signal ends a program before cmocka can say so.
		if [ "$status" != 0 ] && ! grep -q '^not ok ' "$work/unit.tap"; then
			sed 's/^/# /' "$work/unit.err"
			echo "not ok - $program: exit status $status"
		elif [ "$status" != 0 ]; then
			sed 's/^/# /' "$work/unit.err"
		fi
	done
}

lint() { tests/lint.sh; }

# Whoever needs the lab waits for it.
build() {
	if lab/lab.sh build; then
		echo "ok - the lab is there"
	else
		echo "not ok - the lab is there"
	fi
}

[ $# -gt 0 ] || set -- "${groups[@]}"
for group in "$@"; do
	if [[ " ${groups[*]} " != *" $group "* ]]; then
		echo "tests/run.sh: unknown group $group (${groups[*]})" >&2
		exit 2
	fi
done
waiting=("$@") running=()
while [ ${#waiting[@]} -gt 0 ] || [ ${#running[@]} -gt 0 ]; do
	while [ ${#waiting[@]} -gt 0 ] && [ ${#running[@]} -lt "$lanes" ]; do
		echo "# ${waiting[0]} ..."
		perform "${waiting[0]}" &
		running+=("${waiting[0]}")
		waiting=("${waiting[@]:1}")
	done
	wait -n
	for i in "${!running[@]}"; do
		[ -e "$work/${running[i]}.status" ] || continue
		tell "${running[i]}"
		unset "running[i]"
	done
	running=("${running[@]}")
done
skips=
[ "$skipped" = 0 ] || skips=", $skipped skipped"
echo "$passed passed, $failed failed$skips"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
