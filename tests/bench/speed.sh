#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# tests/bench/speed.sh [COMMIT]: how long the usual commands take in the lab, here and in COMMIT (default: HEAD~1),
# one after the other on this machine, and their ratio. It prints and judges nothing: wall time hangs on the machine and
# on what else runs there. Each tree has a cache of its own; FIRST=yes also measures a first `make run`, from a fresh clone
# with an empty cache. MEASURES='empty matrix' takes some of the table below alone.
set -euo pipefail
cd "$(dirname "$0")/../.."

export LC_ALL=C TIMEFORMAT=%R
commit=$(git rev-parse --short "${1:-HEAD~1}^{commit}")
ours=$(git rev-parse --short HEAD)
work=$(mktemp -d "${TMPDIR:-/tmp}/midflight-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT

# NAME, what it is, and the command; the second one is for a tree that does not know the first.
table=(
	"empty|an empty run of the lab|lab/lab.sh run -- true|"
	"again|make run, the lab there|make -s run|"
	"matrix|every scenario once, -j 2|build/midflight run --driver kvm --scenario all --loops 1 -j 2|"
	"sweep|1,000 moments of \`running\`, -j 2|build/midflight sweep running -j 2|build/midflight sweep running"
	"cross|1 scenario of 3 kernels, crosswise, -j 2|build/midflight cross --scenario running -j 2|"
)

tree() { # NAME COMMIT: a built clone with a cache that has its lab
	git clone -q . "$work/$1"
	git -C "$work/$1" checkout -q "$2"
	mkdir "$work/$1.cache"
	export MIDFLIGHT_CACHE=$work/$1.cache
	[ "${FIRST:-}" != yes ] || first "$1"
	[ -e "$MIDFLIGHT_CACHE/lab" ] || cp -a "${XDG_CACHE_HOME:-$HOME/.cache}/midflight/lab" "$MIDFLIGHT_CACHE/" 2>/dev/null || :
	(cd "$work/$1" && make -s && make -s lab) >"$work/$1.log" 2>&1 || { tail "$work/$1.log" >&2; exit 2; }
}

seconds() { # TREE COMMAND: of wall time; `-` if it ends by an error of usage or environment
	local status=0
	export MIDFLIGHT_CACHE=$work/$1.cache
	{ time (cd "$work/$1" && bash -c "$2" >"$work/out" 2>&1) || status=$?; } 2>"$work/time"
	if [ $status = 2 ]; then echo -; else tail -n 1 "$work/time"; fi
}

row() { # WHAT OURS THEIRS
	local ratio=-
	[ "$2" = - ] || [ "$3" = - ] || ratio=$(awk -v a="$2" -v b="$3" 'BEGIN { printf "%.2f", a / b }')
	printf '| %s | %s | %s | %s |\n' "$1" "$2" "$3" "$ratio"
}

declare -A first_s
first() { first_s[$1]=$(seconds "$1" 'make -s run'); }

tree new HEAD
tree old "$commit"
printf '| wall time, in seconds | %s | %s | ratio |\n|---|---|---|---|\n' "$ours" "$commit"
[ "${FIRST:-}" != yes ] || row 'first make run, from nothing' "${first_s[new]}" "${first_s[old]}"
for line in "${table[@]}"; do
	IFS='|' read -r name what command other <<<"$line"
	[[ " ${MEASURES:-$name} " == *" $name "* ]] || continue
	new=$(seconds new "$command")
	old=$(seconds old "$command")
	[ "$old" != - ] || [ -z "$other" ] || old=$(seconds old "$other")
	row "$what" "$new" "$old"
done
