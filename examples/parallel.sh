#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# examples/parallel.sh SHARDS DIR [OPTION OF midflight run...]: SHARDS shards by GNU parallel, as many at
# once as there are CPUs, then the merged result. DIR gets a log directory of each, shards.out with what
# they printed, and all.json. Exit status: that of the whole run.
set -euo pipefail

[ $# -ge 2 ] || {
	echo "usage: $0 SHARDS DIR [OPTION OF midflight run...]" >&2
	exit 2
}
shards=$1
dir=$2
shift 2
midflight=${MIDFLIGHT:-build/midflight}

mkdir -p "$dir"
results=()
for ((k = 1; k <= shards; k++)); do results+=("$dir/$k/result.json"); done
rm -f "${results[@]}"
# What a shard's exit status says stands in its result.json as well.
seq "$shards" | parallel --quote "$midflight" run "$@" --shard "{}/$shards" --log "$dir/{}" \
	>"$dir/shards.out" 2>&1 || :
exec "$midflight" merge --json "$dir/all.json" "${results[@]}"
