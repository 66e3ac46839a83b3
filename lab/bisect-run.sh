#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# One step of `git bisect run` in a Linux tree: builds the commit that is checked out, flies it in the
# lab, and says by its exit status what git asks for. `midflight bisect-run` starts it.
# shellcheck disable=SC2317 # the traps call what it takes for unreachable
# usage: bisect-run.sh MIDFLIGHT BUILD JOBS LOG CONFIG-TARGET [OPTION-OF-RUN...]
set -euo pipefail

export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL GREP_OPTIONS CDPATH

GOOD=0 BAD=1 UNTESTABLE=125
STOP=128 # for git no verdict: it ends, and can be run again

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=cross.sh disable=SC1091
. "$here/cross.sh"
export CROSS_COMPILE="${CROSS_COMPILE-$cross}"
cache=${MIDFLIGHT_CACHE:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/midflight}
commit='' line='' decided=''

die() { # MESSAGE...
    [ -z "$line" ] || printf '\n'
    printf 'bisect: %s\n' "$@" >&2
    decided=yes
    exit "$STOP"
}

# Whatever fails in this script must not look like a verdict.
on_exit() {
    [ -n "$decided" ] || die "${BASH_SOURCE[0]} itself failed."
}
trap on_exit EXIT

say() { # TEXT: a part of this step's line
    printf '%s' "$1"
    line+=$1
}

finish() { # STATUS VERDICT
    say "$2"
    printf '\n'
    printf '%s\n' "$line" >> "$log/bisect.txt" || die "Can't write to $log/bisect.txt."
    decided=yes
    exit "$1"
}

on_signal() {
    trap '' INT TERM HUP
    if [ -n "${job:-}" ]; then
        kill -TERM -- "-$job" 2> /dev/null || :
        wait "$job" || :
    fi
    [ -n "$commit" ] || die 'interrupted'
    finish 130 interrupted
}
trap on_signal INT TERM HUP

# In a process group of its own, so that an interruption ends all of it. Sets $status and $seconds.
job_to() { # FILE COMMAND...
    local out=$1 start=$SECONDS
    shift
    status=0
    set -m
    "$@" >> "$out" 2>&1 < /dev/null 9>&- &
    job=$!
    set +m
    wait "$job" || status=$?
    job=
    seconds=$((SECONDS - start))
}

# What no other commit would mend.
lacking='No space left on device|Cannot allocate memory|Killed signal|[Cc]ommand not found|: not found$'
lacking+='|please install|(gelf|libelf)\.h: No such file'
stop_if_here() { # FILE
    local why
    why=$(grep -aE -m 1 "$lacking" "$1" || :)
    [ -z "$why" ] || die "This machine lacks something, which says nothing of the commit: $why" \
        "The whole log: $1"
}

first() { # REGEX FILE: the first such line, without blanks around it
    grep -aE -m 1 -- "$1" "$2" | sed 's/^[[:blank:]]*//' | cut -c 1-160 || :
}

check_tree() {
    local left
    tree=$(git rev-parse --show-toplevel 2> /dev/null) || die "$PWD is in no git tree."
    [ -d "$tree/arch/x86/kvm" ] || die "$tree is no tree of Linux."
    for left in .config include/config arch/x86/include/generated; do
        [ ! -e "$tree/$left" ] || die "$tree has been built in (there is $left), and then Linux cannot be built elsewhere." \
            "'make mrproper' makes it clean; it removes .config, too."
    done
}

# Only a directory that is new, empty or from here is built in: somebody's .config may be there.
take_build() {
    mkdir -p -- "$build" 2> /dev/null || die "Can't make the directory $build."
    build=$(cd -- "$build" && pwd)
    [ -e "$build/midflight-bisect" ] || [ -z "$(ls -A -- "$build")" ] ||
        die "$build has files, and not of an earlier bisect-run: it would lose them. --build names another directory."
    { exec 9>> "$build/midflight-bisect"; } 2> /dev/null || die "Can't write to $build."
    flock -n 9 || die "Another bisect-run builds in $build. --build names another directory."
}

check_lab() {
    local facts status=0
    facts=$("$here/lab.sh" status 2>&1) || status=$?
    case $status in
        0 | 4) ;;
        *) die "The lab cannot be built here; 'midflight doctor' says more:" "$facts" ;;
    esac
}

main() {
    [ $# -ge 5 ] || die 'usage: midflight bisect-run [OPTION...] [-- OPTION-OF-RUN...]'
    local midflight=$1 jobs=$3 target=$5 step id subject took why failed targets=(bzImage)
    build=${2:-$cache/bisect} log=$4
    shift 5
    check_tree
    check_lab
    take_build
    mkdir -p -- "$log" 2> /dev/null || die "Can't make the directory $log."
    log=$(cd -- "$log" && pwd)
    id=$(git rev-parse --verify HEAD)
    step=$log/bisect-${id:0:12}
    mkdir -p "$step"
    : > "$step/build.txt"
    : > "$step/run.txt"
    commit=${id:0:12}
    subject=$(git show -s --format=%s HEAD | cut -c 1-60)
    say "bisect: $commit ($subject) build "

    job_to "$step/build.txt" "$here/kernel-config.sh" "$tree" "$build" "$target"
    [ "$status" = 0 ] || die "The kernel cannot be configured; the whole log: $step/build.txt" \
            "$(tail -n 5 "$step/build.txt")"
    took=$seconds
    ! grep -q '^CONFIG_.*=m$' "$build/.config" || targets+=(modules)
    # An old kernel must not be taken for this one.
    rm -f "$build/arch/x86/boot/bzImage"
    # By its release a kernel says in each log which commit it is.
    job_to "$step/build.txt" make -s -C "$tree" O="$build" ARCH=x86 LOCALVERSION="-g$commit" -j "$jobs" "${targets[@]}"
    say "$((took + seconds)) s, "
    if [ "$status" != 0 ]; then
        stop_if_here "$step/build.txt"
        why=$(first ' error: |undefined reference|\*\*\*' "$step/build.txt")
        finish "$UNTESTABLE" "not testable: does not build: ${why:-see $step/build.txt}"
    fi
    cp "$build/.config" "$step/config"

    say 'run '
    job_to "$step/run.txt" "$midflight" run --linux "$build" --log "$step" "$@"
    say "$seconds s, "
    failed=$(sed -nE 's/^not ok [0-9]+ - ([^ ]+) # TODO .*/\1 (known)/p; t; s/^not ok [0-9]+ - ([^ ]+).*/\1/p' \
        "$step/run.txt" | paste -sd ' ')
    case $status in
        0) finish "$GOOD" good ;;
        1) finish "$BAD" "bad: ${failed:-see $step/run.txt}" ;;
        4) finish "$UNTESTABLE" "not testable: everything skipped" ;;
        2)
                why=$(first 'Kernel panic' "$step/run.txt")
            [ -n "$why" ] || why=$(first '^(midflight|lab): .*(fail|FAIL|lacks|died|killed|ended|no end|cannot|not fit)' "$step/run.txt")
            finish "$UNTESTABLE" "not testable: ${why:-$(tail -n 1 "$step/run.txt")}"
            ;;
        *)
            [ "$status" -ge 128 ] || status=$STOP
            finish "$status" "no verdict: midflight run ended with $status"
            ;;
    esac
}

main "$@"
