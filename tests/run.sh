#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs all tests; `make check` calls it. Ends with one line: N passed, N failed[, N skipped].
# tests/run.sh [GROUP...] runs some of the groups.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

# Each is a function below or tests/e2e/GROUP.sh.
groups=(unit lint adding report tcg examples lab jobs dead ended coverage kernels shell bisect methods raw timings matrix sweep soak broken install)

passed=0
failed=0
skipped=0
work=$(mktemp -d "${TMPDIR:-/tmp}/midflight-check.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

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

# Feeds the results of a command into the counts; one that prints no result is a failure.
results() { # NAME COMMAND...
	local name=$1 before=$((passed + failed + skipped)) status=0
	shift
	"$@" >"$work/results" 2>"$work/stderr" || status=$?
	count <"$work/results"
	if [ "$((passed + failed + skipped))" = "$before" ]; then
		sed 's/^/# /' "$work/stderr"
		count <<<"not ok - $name: no result (exit status $status)"
	elif [ "$status" != 0 ]; then
		sed 's/^/# /' "$work/stderr"
		count <<<"not ok - $name: ended early (exit status $status)"
	fi
}

unit() {
	local program status reason
	make -s unit >"$work/log" 2>&1 || {
		sed 's/^/# /' "$work/log"
		echo "not ok - unit tests build"
		return
	}
	if build/fuzz_snapshot >"$work/tap" 2>&1; then
		echo "ok - snapshot files: $(tail -n 1 "$work/tap")"
	else
		sed 's/^/# /' "$work/tap"
		echo "not ok - snapshot files, mutated"
	fi
	if build/fuzz_inputs >"$work/tap" 2>&1; then
		echo "ok - mutated inputs: $(tail -n 1 "$work/tap")"
	else
		sed 's/^/# /' "$work/tap"
		echo "not ok - mutated inputs"
	fi
	for program in tests/unit/test_*.c tests/unit/*/test_*.c; do
		program=${program#tests/}
		program=build/${program%.c}
		status=0
		CMOCKA_MESSAGE_OUTPUT=TAP "$program" >"$work/tap" 2>"$work/err" || status=$?
		# cmocka calls a skipped test "not ok N # SKIP NAME".
		reason=$(cat "$work/tap" "$work/err" | sed -nE 's/^# NOTE (.*)/\1/p' | head -n 1 | tr '/' ' ')
		sed -nE "s/^(not )?ok ([0-9]+) # SKIP (.*)/ok \\2 - \\3 # SKIP ${reason:-no reason given}/; /^(not )?ok /p" "$work/tap"
		# A sanitizer or a signal ends a program before cmocka can say so.
		if [ "$status" != 0 ] && ! grep -q '^not ok ' "$work/tap"; then
			sed 's/^/# /' "$work/err"
			echo "not ok - $program: exit status $status"
		elif [ "$status" != 0 ]; then
			sed 's/^/# /' "$work/err"
		fi
	done
}

lint() { tests/lint.sh; }

[ $# -gt 0 ] || set -- "${groups[@]}"
for group in "$@"; do
	if [[ " ${groups[*]} " != *" $group "* ]]; then
		echo "tests/run.sh: unknown group $group (${groups[*]})" >&2
		exit 2
	fi
	echo "# $group"
	run=$group
	[ "$(type -t "$group")" = function ] || run=tests/e2e/$group.sh
	results "$group" "$run"
done
skips=
[ "$skipped" = 0 ] || skips=", $skipped skipped"
echo "$passed passed, $failed failed$skips"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
