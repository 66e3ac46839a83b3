#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Static checks: cppcheck on C, shellcheck on scripts, that no generated file or blob is in git, and that all
# lies where it belongs (house.py).
# Prints KTAP-like result lines for tests/run.sh.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

git ls-files >/dev/null || {
	echo "not ok - lint: needs git and a checkout"
	exit 0
}

check() { # NAME COMMAND...
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		echo "ok - lint: $name"
	else
		printf '%s\n' "$out" | sed 's/^/# /'
		echo "not ok - lint: $name"
	fi
}

# Each version of these finds other faults, or none, in the same code: only Debian 12's is asked.
CPPCHECK=2.10 CLANG_FORMAT=14

check_version() { # NAME VERSION COMMAND...: check, if NAME's first word is of VERSION
	local version
	version=$("${1%% *}" --version | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1)
	case $version. in
	"$2".*) check "$1" "${@:3}" ;;
	*) echo "ok - lint: $1 # SKIP needs version $2, here is ${version:-none}" ;;
	esac
}

cppcheck_c() { # DIR...
	cppcheck --enable=warning,portability,performance --inline-suppr --error-exitcode=1 -q \
		--std=c11 -I. -D__x86_64__ -D__cppcheck__ --suppress=missingIncludeSystem "$@"
}

# Scripts by their first line, so that a new one cannot be forgotten.
mapfile -d '' scripts < <(git ls-files -z | xargs -0 grep -lZ -E -m1 '^#!/bin/(ba)?sh|^# shellcheck shell=')

# L1 must stay small: what is left of the file without debug information and what it tells of its
# scenarios.
small_image() {
	local file size
	file=$(mktemp)
	strip -o "$file" build/midflight.elf
	size=$(stat -c %s "$file")
	rm -f "$file"
	echo "L1 has $size bytes"
	[ "$size" -lt $((192 * 1024)) ]
}

clang_format() {
	git ls-files -z '*.c' '*.h' | xargs -0 clang-format --dry-run -Werror
}

# A row of host/cli/options.def whose member is missing, or of another type than its kind sets.
bad_options() {
	local work sed status=0
	work=$(mktemp -d)
	mkdir -p "$work/host/cli"
	for sed in 's/, NUMBER(points,/, NUMBER(,/' 's/, NUMBER(points,/, NUMBER(no_such,/' \
		's/, NUMBER(points,/, NUMBER(log,/' 's/, FLAG(exact),/, FLAG(log),/' 's/, TEXT(log),/, TEXT(exact),/' ''; do
		sed "$sed" host/cli/options.def >"$work/host/cli/options.def"
		! "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -fsyntax-only "-I$work" -I. host/cli/options.c 2>/dev/null || status=$((status + 1))
	done
	rm -rf "$work"
	echo "$status of these compile, and only the last is right"
	[ "$status" = 1 ]
}

no_binaries() {
	local found
	found=$(git ls-files -z ':!docs/*.png' | xargs -0 grep -LIZ '' | tr '\0' '\n' | while read -r f; do [ ! -s "$f" ] || echo "$f"; done)
	[ -z "$found" ] || { echo "binary files in git: $found"; return 1; }
}

check_version "cppcheck host tests/unit" $CPPCHECK cppcheck_c host tests/unit
check_version "cppcheck boot hv l2guest lib tests/emulator" $CPPCHECK cppcheck_c boot hv l2guest lib tests/emulator
check_version "clang-format" $CLANG_FORMAT clang_format
check "shellcheck" shellcheck -x -P SCRIPTDIR "${scripts[@]}"
check "an option without its member does not compile" bad_options
check "no binary files in git but docs/*.png" no_binaries
check "L1 is smaller than 192 KiB" small_image
for rule in layers circles sizes layout; do
	check "house: $rule" tests/house.py "$rule"
done
check "house: each of these rules is seen broken" tests/house.py test
