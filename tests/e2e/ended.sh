#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The end of a run at each of its moments: killed outright, told to end, the disk full, the directory made
# read-only. What was told is never lost, and no exit status says more than is there. The lab is recorded
# once, and then played: the same files and lines in the same order, and at one of them the end.
# shellcheck source=tests/e2e/common.sh
. "$(dirname "$0")/common.sh"

args=(--driver kvm --loops 1 --scenario "isr_eoi,mtf_pending" --log "$work/log")

# ---- two labs: one records, one plays -----------------------------------------------------------
mkdir "$work/recorder" "$work/player" "$work/record" "$work/log"
cat >"$work/common" <<SH
#!/bin/bash
out='' shard=whole words=("\$@") work=$work real=$PWD/lab/lab.sh
while [ \$# -gt 0 ]; do
	case \$1 in
	--out) out=\$2 ;;
	--shard) shard=shard-\${2%/*} ;;
	esac
	shift
done
record=\$work/record/\$shard
SH
cat "$work/common" - >"$work/recorder/lab.sh" <<'SH'
[ "${words[0]}" = run ] || exec "$real" "${words[@]}"
mkdir "$record"
set -o pipefail
"$real" "${words[@]}" | tee "$record/lines"
status=$?
cp -a "$out" "$record/out"
exit $status
SH
# $ACT comes at moment $AT of the lab that plays $WHOM.
cat "$work/common" - >"$work/player/lab.sh" <<'SH'
[ "${words[0]}" = run ] || exit 0 # the lab is built
moment=0 failed=
trap 'exit 130' INT TERM
runner=$(ps -o sid= -p $$)
moment() { # WHAT
	moment=$((moment + 1))
	[ "$moment:$shard" = "$AT:$WHOM" ] || return 0
	echo "$1" >"$work/moment"
	case $ACT in
	full) cat /dev/zero >"$work/log/filler" 2>/dev/null ;;
	read-only) mount -o remount,ro "$work/log" ;;
	KILL) kill -KILL "$runner" && exit 1 ;;
	*) kill -"$ACT" "$runner" && while :; do sleep 0.05; done ;; # the runner ends us
	esac
}
bring() { # FILE...: as `keep` does
	(cd "$record/out" && tar -c "$@") | tar -C "$out" -x -b 1 -f - 2>/dev/null || failed=yes
}
mkdir -p "$out" || exit 2
moment 'before all'
bring journal/0.json
moment 'before the first line'
number=0
while IFS= read -r line; do
	if [[ $line =~ ^(not )?ok\ [0-9]+\ -\ ([^ ]+) ]]; then
		number=$((number + 1))
		bring "${BASH_REMATCH[2]}" "journal/$number.json"
		moment "before $line"
	fi
	printf '%s\n' "$line"
	[ -z "${BASH_REMATCH[0]}" ] || moment "behind $line"
done <"$record/lines"
moment 'before result.json'
bring result.json index.txt
moment 'before the logs of L0'
bring l0-dmesg.txt bochs.log
moment 'before the end'
[ -z "$failed" ] || { echo "lab: run: can't write to $out." >&2 && exit 2; }
SH
chmod +x "$work"/*/lab.sh

fly() { # ARG...: sets $status
	status=0
	rm -f "$work/moment"
	setsid build/midflight run "${args[@]}" "$@" >"$work/out" 2>&1 </dev/null &
	runner=$!
	wait $runner 2>/dev/null || status=$?
	# One that was killed outright has left others, which end by themselves.
	while pgrep -r D,R,S,T,t,I -s $runner >/dev/null; do sleep 0.05; done
}

export MIDFLIGHT_LAB_DIR=$work/recorder
what="run ${args[*]}"
fly
holds "a lab is recorded" [ $status = 0 -a -e "$work/record/whole/out/journal/4.json" ]
fly --jobs 2
holds "and two at once" [ $status = 0 -a -e "$work/record/shard-2/out/journal/2.json" ]
export MIDFLIGHT_LAB_DIR=$work/player AT=0 WHOM='' ACT=''
fly
holds "what is played is a run" tests/check_results.py "$work/log/result.json"

# ---- the end ------------------------------------------------------------------------------------
# Each moment's run has left $1/NUMBER: log/, and of it status and moment.
judge() { # DIR STATUS-PATTERN
	python3 - "$@" "$WHOM" <<'PY'
import json, pathlib, re, sys

names = ["isr_eoi.control", "isr_eoi", "mtf_pending.control", "mtf_pending"]
if sys.argv[3] == "shard-2":
    names = names[2:]
bad = 0


def kept(log):
    for file in [*log.rglob("journal/*.json"), *log.rglob("result.json")]:
        root = file.parent.parent if file.parent.name == "journal" else file.parent
        try:
            top = json.loads(file.read_text())
        except ValueError:
            continue  # cut short by a full disk
        for result in top["results"]:
            if result["word"] == "PASS" and (root / result["name"] / "serial.log").stat().st_size:
                yield result["name"]


for run in sorted(pathlib.Path(sys.argv[1]).iterdir(), key=lambda run: int(run.name)):
    moment, status = ((run / name).read_text().strip() for name in ("moment", "status"))
    told = len(names)
    if line := re.match(r"(before|behind) ok \d+ - (\S+)", moment):
        told = names.index(line[2]) + 1  # the files are there before the line
    elif moment in ("before all", "before the first line"):
        told = 0
    lost = set(names[:told]) - set(kept(run / "log"))
    wrong = not re.fullmatch(sys.argv[2], status)
    if status == "0":
        wrong = json.loads((run / "log" / "result.json").read_text())["exit_status"] != 0
    if lost or wrong:
        print("#", moment, "exit status", status, "lost", *lost)
        bad += 1
sys.exit(bad)
PY
}

ends() { # ACT STATUS-PATTERN ARG...: the end at each moment
	local act=$1 pattern=$2 left=$work/ends
	shift 2
	rm -rf "$left"
	for ((AT = 1; ; AT++)); do
		export AT ACT=$act
		rm -rf "$work/log"
		mkdir -p "$work/log" "$left/$AT"
		if [ "$act" = full ] || [ "$act" = read-only ]; then
			unshare -rm bash -c "mount -t tmpfs -o size=8m none '$work/log' && $(declare -f fly) && work='$work' &&
				args=(${args[*]@Q}) && fly ${*@Q} && cp -a '$work/log' '$left/$AT' && exit \$status" || status=$?
			rm -f "$left/$AT/log/filler"
		else
			fly "$@"
			cp -a "$work/log" "$left/$AT"
		fi
		echo "$status" >"$left/$AT/status"
		mv "$work/moment" "$left/$AT" 2>/dev/null || break
	done
	rm -r "${left:?}/$AT"
	what="run ${args[*]} $*: $act"
	judge "$left" "$pattern" >"$work/out"
	holds "$act${*:+ with $*} at $((AT - 1)) moments: nothing told is lost, no exit status is wrong" [ $? = 0 -a $AT -gt 9 ]
}

export WHOM=whole
ends KILL 137
rm -rf "$work"/ends/9/log/new-1/journal/[34].json
! judge "$work/ends" 137 >"$work/out"
holds "a result that is lost would be seen" [ $? = 0 ]
ends TERM 143
if unshare -rm mount -t tmpfs none "$work/log" 2>"$work/out"; then
	ends full '2|0'
	ends read-only '2|0'
else
	echo "ok - a full disk and a read-only directory # SKIP no mounts in a namespace of one's own: $(head -n 1 "$work/out")"
fi
export WHOM=shard-2
ends KILL 137 --jobs 2
ends TERM 143 --jobs 2
