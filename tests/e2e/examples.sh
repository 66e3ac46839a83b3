#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What lies in examples/ works: without VMX, so that each run ends in a moment and skips everything.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

tries() { # NAME EXIT-STATUS COMMAND...
	local name=$1 want=$2 status=0
	shift 2
	what="(not midflight) $*"
	"$@" >"$work/out" 2>&1 </dev/null || status=$?
	holds "$name: exit status $want, was $status" [ "$status" = "$want" ]
}

# The tree's own midflight, called as an installed one would be.
mkdir "$work/bin"
ln -s "$PWD/build/midflight" "$work/bin/midflight"
PATH=$work/bin:$PATH
tcg=(--accel tcg --scenario "running,halted" --method "file,pause")

# kselftest
tries "kselftest: all skipped is 4" 4 examples/kselftest/midflight.sh --accel tcg
expect "kselftest: KTAP comes through" '^KTAP version 1' '^1\.\.4' '^ok 4 - running # SKIP no VMX'
log=$(sed -n 's|^# logs: \(.*\) (index.txt.*|\1|p' "$work/out")
holds "kselftest: the log directory is named" [ -f "$log/result.json" ]
rm -rf "${log:?}"
tries "kselftest: without midflight it is a skip" 4 \
	env MIDFLIGHT=/nonexistent/midflight examples/kselftest/midflight.sh
expect "kselftest: the plan says why" '^1\.\.0 # SKIP there is no program /nonexistent/midflight'
tries "kselftest: a bad option is no skip" 2 examples/kselftest/midflight.sh --no-such-option

# LAVA
cat >"$work/bin/lava-test-case" <<'END'
#!/bin/sh
echo "told: $*"
END
chmod +x "$work/bin/lava-test-case"
ktap() { # LINES
	what="(not midflight) lava-ktap.sh"
	head -n "$1" <<'END' | examples/lava-ktap.sh >"$work/out" 2>&1
# midflight: no VMX: running in the lab
KTAP version 1
1..5
ok 1 - running.control # 10 hops without snapshots
# running: ok 7 - is no result
ok 2 - running # SKIP CPU lacks ok 3 - x
not ok 3 - halted # TODO known KVM bug: some-id
not ok 4 - timer # FAIL, 10 hops
not ok 5 - mtf.file # HANG, 3 hops
# midflight: 1 passed
END
}
ktap 10
expect "LAVA hears of each result" '^told: running\.control --result pass$' \
	'^told: running --result skip$' '^told: halted --result unknown$' \
	'^told: timer --result fail$' '^told: mtf\.file --result fail$' \
	'^told: midflight-complete --result pass$' '^not ok 4 - timer # FAIL, 10 hops$'
holds "LAVA hears of nothing else" [ "$(grep -c '^told' "$work/out")" = 6 ]
ktap 8
expect "LAVA hears that a result is missing" '^told: midflight-complete --result fail$'
ktap 0
expect "LAVA hears that there was nothing at all" '^told: midflight-complete --result fail$'

# Slurm
for task in 1 2; do
	(
		export SLURM_ARRAY_JOB_ID=77 SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_ID=$task
		export MIDFLIGHT=$PWD/build/midflight
		examples=$PWD/examples
		cd "$work" && "$examples/slurm.sbatch" "${tcg[@]}" >"slurm-$task.out" 2>&1
	)
	holds "Slurm: task $task of 2 skips all: exit status 4" [ $? = 4 ]
done
tries "Slurm: what its tasks left can be merged" 4 midflight merge "$work"/midflight-77/*/result.json
expect "Slurm: all results are there" '^1\.\.6' '^ok 6 - halted\.pause # SKIP'
tries "Slurm: an array with gaps is refused" 2 env SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=3 \
	examples/slurm.sbatch
tries "Slurm: without an array it is refused" 1 examples/slurm.sbatch

# GNU parallel
if parallel --version 2>/dev/null | grep -q '^GNU parallel'; then
	tries "parallel: two shards, merged" 4 examples/parallel.sh 2 "$work/a b" "${tcg[@]}"
	expect "parallel: all results are there" '^1\.\.6' '^ok 6 - halted\.pause # SKIP'
	holds "parallel: all.json is there" grep -q '"planned": 4' "$work/a b/all.json"
	tries "parallel: a shard that did not run is missed" 2 \
		examples/parallel.sh 2 "$work/bad" --no-such-option
else
	echo "ok - parallel # SKIP there is no GNU parallel"
fi

# YAML
if python3 -c 'import yaml' 2>/dev/null; then
	for file in examples/*.yml examples/*.yaml; do
		tries "$file is YAML" 0 \
			python3 -c 'import sys, yaml; yaml.safe_load(open(sys.argv[1]))' "$file"
	done
else
	echo "ok - YAML # SKIP there is no python3-yaml"
fi
