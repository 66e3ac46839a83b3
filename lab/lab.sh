#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The lab: nested VMX on a machine that has none. lab/README.md says how it is made;
# `lab.sh --help` lists the commands.
set -euo pipefail

export LC_ALL=C
# A make that called this script must not speak to the makes that it calls, nor a user's
# settings change the tools used here.
unset MAKEFLAGS MFLAGS MAKELEVEL GREP_OPTIONS TAR_OPTIONS POSIXLY_CORRECT BXSHARE CDPATH

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${MIDFLIGHT_CACHE:-${XDG_CACHE_HOME:-${HOME:?neither HOME nor MIDFLIGHT_CACHE is set}/.cache}/midflight}
case $cache in /*) ;; *) cache=$PWD/$cache ;; esac
lab=$cache/lab
emucheck=$here/emucheck.iso # installed
[ -f "$emucheck" ] || emucheck=$(dirname "$here")/build/emucheck.iso

# The kernels that L0 can run, and the Debian suite that each comes from.
KERNELS=(
    '6.1 bookworm'
    '6.12 trixie'
    '7.3 trixie-backports'
)
DEFAULT_KERNEL=6.12
preset_kernel=${MIDFLIGHT_LAB_KERNEL:-$DEFAULT_KERNEL}

SPACE_MB=1200 # what an empty cache takes at most while it is built
DISK_MB=64    # the disk through which files go into L0 and out again

# shellcheck source-path=SCRIPTDIR source=emulator.sh disable=SC1091
. "$here/emulator.sh"

usage() {
    cat <<HELP
usage: lab/lab.sh COMMAND

  build [--kernel VERSION] [--force]
                      build what is missing of the lab (--force: remove it all first)
  run [--kernel VERSION] [--out DIR] [--timeout SECONDS] [--put FILE]... -- COMMAND [ARG...]
                      run COMMAND in L0, a Linux with nested KVM on an emulated CPU.
                      FILEs are there in the working directory; what COMMAND leaves in
                      out/ comes back in DIR, with l0-dmesg.txt and bochs.log.
                      Exit status: COMMAND's; 2 when the lab itself failed.
  bare [--timeout SECONDS] ISO
                      boot ISO on the emulated CPU without Linux, show its serial output
                      up to the verdict. Exit status: 0 PASS, 1 FAIL, 4 SKIP, 2 anything else.
  status              what is built, and what stands in the way of building: one fact a line.
                      Exit status: 0 VERSION is built, 4 it can be built, 2 it cannot.
  clean               remove the lab from the cache

VERSION is that of L0's kernel: $(kernel_list).

environment:
  MIDFLIGHT_LAB_KERNEL
                      the kernel when there is no --kernel
  MIDFLIGHT_CACHE     the cache's directory (default: \${XDG_CACHE_HOME:-~/.cache}/midflight)
  MIDFLIGHT_MIRROR    the Debian mirror (default: that of this machine's apt configuration)
  MIDFLIGHT_LAB_UNCHECKED=1
                      skip the emulator's self-checks
HELP
}

die() { # MESSAGE...
    printf 'lab: %s\n' "$@" >&2
    exit 2
}

kernel_list() {
    local entry list=
    for entry in "${KERNELS[@]}"; do
        entry=${entry% *}
        list+=${list:+, }$entry
        [ "$entry" != "$DEFAULT_KERNEL" ] || list+=' (default)'
    done
    printf '%s\n' "$list"
}

# Sets $kernel, and $suite from which it comes.
choose_kernel() { # VERSION
    local entry
    for entry in "${KERNELS[@]}"; do
        read -r kernel suite <<< "$entry"
        [ "$kernel" != "$1" ] || return 0
    done
    die "There is no lab with Linux '$1'. Its kernels: $(kernel_list)."
}

on_signal() {
    trap '' INT TERM HUP
    emulator_cleanup
    [ -z "${step_pid:-}" ] || kill -TERM -- "-$step_pid" 2> /dev/null || :
    exit 130
}
trap emulator_cleanup EXIT
trap on_signal INT TERM HUP

# ---- building --------------------------------------------------------------------------------

key() { # FILE-or-text...: a hash of the files' contents and of the other words
    local word
    for word in "$@"; do
        if [ -f "$word" ]; then sha256sum < "$word"; else printf '%s\n' "$word"; fi
    done | sha256sum | cut -c 1-32
}

is_built() { # STEP KEY
    local stamp=
    { read -r stamp < "$lab/$1/.key"; } 2> /dev/null || :
    [ "$stamp" = "$2" ]
}

# Runs COMMAND TMP_DIR, which fills TMP_DIR; a complete TMP_DIR becomes $lab/STEP.
step() { # STEP KEY TITLE COMMAND...
    local name=$1 stamp=$2 title=$3 tmp=$lab/.tmp-$1 log=$lab/log/$1.log start=$SECONDS status=0
    shift 3
    if is_built "$name" "$stamp"; then return; fi
    prepare_cache
    printf 'lab: %s ... ' "$title" >&2
    rm -rf "$tmp"
    mkdir -p "$tmp" "$lab/log"
    # In a process group of its own, so that an interruption ends all of it.
    set -m
    "$@" "$tmp" > "$log" 2>&1 < /dev/null 9>&- &
    step_pid=$!
    set +m
    wait "$step_pid" || status=$?
    step_pid=
    if [ "$status" -ne 0 ]; then
        printf 'FAILED (%d s)\n' $((SECONDS - start)) >&2
        tail -n 15 "$log" | sed 's/^/    /' >&2
        if grep -q 'No space left on device' "$log"; then
            die "The file system of $cache or of ${TMPDIR:-/tmp} is full."
        fi
        die "Step '$name' ($title) failed; the whole log: $log" \
            "The same command takes it up again at this step, 'lab/lab.sh build --force' starts afresh."
    fi
    printf '%s\n' "$stamp" > "$tmp/.key"
    rm -rf "${lab:?}/$name"
    mv "$tmp" "$lab/$name"
    printf 'done (%d s)\n' $((SECONDS - start)) >&2
}

missing_tools() {
    local tool
    for tool in apt-get dpkg-deb tar xz zstd cpio patch gcc g++ make grub-mkrescue xorriso mformat \
        flock setpriv sha256sum; do
        command -v "$tool" > /dev/null || printf ' %s' "$tool"
    done
}

free_mb() { # DIR
    df --output=avail -m "$1" | tail -n 1 | tr -d ' '
}

# Once per build that has something to do: can the cache be written, is there room, are the tools here?
prepared=
prepare_cache() {
    local free missing
    [ -z "$prepared" ] || return 0
    prepared=yes
    missing=$(missing_tools)
    [ -z "$missing" ] || die "These programs are missing:$missing"
    free=$(free_mb "$lab")
    [ "$free" -ge "$SPACE_MB" ] ||
        die "Only $free MB are free in $cache; the lab needs $SPACE_MB MB. MIDFLIGHT_CACHE moves it elsewhere."
}

packages_key() { key "$here/apt.sh"; }
bochs_key() {
    key "$here/build-bochs.sh" "$here"/bochs/*.patch "$(grep '^bochs' "$lab/packages/versions" || :)"
}
kernel_key() { key "$here/apt.sh" "$kernel" "$suite"; }
l0_key() {
    key "$here/build-l0.sh" "$here/init" "$here/control.c" "$here/lazy.c" \
        "$lab/packages/versions" "$lab/kernel-$kernel/versions"
}

checked_key() { key "$(bochs_key)" "$here/bochsrc" "$here/verdict.awk" "$emucheck"; }
saved_key() { key "$(bochs_key)" "$(l0_key)" "$here/bochsrc" "$here/save-l0.sh" "$DISK_MB"; }

complete_bochs() { is_built packages "$(packages_key)" && is_built bochs "$(bochs_key)"; }
complete_lab() {
    complete_bochs && is_built "kernel-$kernel" "$(kernel_key)" &&
        is_built "l0-$kernel" "$(l0_key)" && is_built "saved-$kernel" "$(saved_key)" &&
        { [ -n "${MIDFLIGHT_LAB_UNCHECKED:-}" ] || is_built checked "$(checked_key)"; }
}

build_bochs() {
    mkdir -p "$lab" 2> /dev/null || cant_write
    step packages "$(packages_key)" "Debian packages and the emulator's source" \
        "$here/apt.sh" "$lab/apt" programs
    rm -rf "$lab/apt"
    step bochs "$(bochs_key)" 'Bochs, the emulator (about 2 minutes)' \
        "$here/build-bochs.sh" "$lab/packages"
}

check_emulator() { # OUT_DIR
    trap emulator_cleanup EXIT # this runs in a subshell, which inherits no EXIT trap
    emulator_dir "$lab/bochs"
    ln -s "$emucheck" "$SCRATCH/boot.iso"
    touch "$SCRATCH/com1"
    emulator_start "$lab/bochs" 60 -f "$here/bochsrc"
    watch_verdict > /dev/null
    emulator_end
    tr -d '\r' < "$SCRATCH/com1" > "$1/log"
    cp "$SCRATCH/bochs.log" "$1/" || :
    if awk -f "$here/verdict.awk" "$1/log"; then return 0; fi
    echo 'The emulator failed its self-check: a lab built on it would lie. What it said:'
    grep -aE '^not ok|^# @[0-9]+ (fail|error|verdict)' "$1/log" || tail -n 12 "$1/log"
    emulator_complaints
    return 1
}

force=
build_lab() {
    [ -z "$force" ] || rm -rf "$lab"
    build_bochs
    if [ -z "${MIDFLIGHT_LAB_UNCHECKED:-}" ]; then
        [ -f "$emucheck" ] ||
            die "$emucheck is missing: 'make build/emucheck.iso' makes it ('make lab' does all)."
        step checked "$(checked_key)" "the emulator's self-checks" check_emulator
    fi
    step "kernel-$kernel" "$(kernel_key)" "Debian's kernel $kernel" \
        "$here/apt.sh" "$lab/apt" kernel "$kernel" "$suite"
    rm -rf "$lab/apt"
    step "l0-$kernel" "$(l0_key)" "L0, the Linux $kernel with KVM" \
        "$here/build-l0.sh" "$lab/packages" "$lab/kernel-$kernel"
    step "saved-$kernel" "$(saved_key)" "booting L0 with Linux $kernel and saving its state" \
        "$here/save-l0.sh" "$lab/bochs" "$lab/l0-$kernel" "$DISK_MB"
}

cant_write() {
    die "Can't write to the cache in $cache (read-only, full, or not yours?). MIDFLIGHT_CACHE moves it elsewhere."
}

# Two builds must not meet; whoever comes second waits, and most often finds all done.
locked() { # COMMAND...
    mkdir -p "$cache" 2> /dev/null || cant_write
    { exec 9>> "$cache/lab.lock"; } 2> /dev/null || cant_write
    if ! flock -n 9; then
        echo 'lab: another build is under way, waiting for it' >&2
        flock 9
    fi
    "$@"
    exec 9>&-
}

# ---- commands --------------------------------------------------------------------------------

# Copies the emulated machine's COM1 to stdout until the verdict or the emulator's end.
# Sets $word to the verdict.
watch_verdict() {
    local line
    word=
    while IFS= read -r line; do
        line=${line//$'\r'/}
        printf '%s\n' "$line"
        if [[ $line =~ ^#\ @[0-9]+\ verdict\ .*word=([A-Z]+) ]]; then
            word=${BASH_REMATCH[1]}
            break
        fi
    done < <(exec tail -c +1 -s 0.1 --pid="$EMULATOR_PID" -f "$SCRATCH/com1" 2> /dev/null)
}

cmd_bare() {
    local seconds=120 iso
    while [ $# -gt 0 ]; do
        case $1 in
            --timeout) seconds=${2:?}; shift 2 ;;
            -*) die "bare: unknown option $1" ;;
            *) break ;;
        esac
    done
    [ $# -eq 1 ] || die 'usage: lab/lab.sh bare [--timeout SECONDS] ISO'
    iso=$(realpath -e -- "$1") || die "bare: $1 does not exist."
    complete_bochs || locked build_bochs
    emulator_dir "$lab/bochs"
    ln -s "$iso" "$SCRATCH/boot.iso"
    touch "$SCRATCH/com1"
    emulator_start "$lab/bochs" "$seconds" -f "$here/bochsrc"
    watch_verdict
    if [ -z "$word" ]; then
        local status=0
        emulator_wait || status=$?
        emulator_complaints >&2
        [ "$status" -ne 124 ] || die "bare: no verdict within $seconds s."
        die 'bare: the emulator ended without a verdict.'
    fi
    case $word in PASS) exit 0 ;; FAIL) exit 1 ;; SKIP) exit 4 ;; *) exit 2 ;; esac
}

# Quoted for L0's shell.
quoted() { # ARG...
    local arg
    for arg in "$@"; do printf "'%s' " "${arg//\'/\'\\\'\'}"; done
}

# Files into L0: a tar on a raw disk. It lies in the saved state as the disk's contents, from where
# the emulator copies it when it restores.
make_job() { # STATE_DIR COMMAND ARG...
    local state=$1 file name image bytes
    shift
    mkdir -p "$SCRATCH/job/job" "$SCRATCH/job/midflight"
    { quoted "$@"; echo; } > "$SCRATCH/job/job/command"
    for file in ${put[@]+"${put[@]}"}; do
        name=$(basename -- "$file")
        [ ! -e "$SCRATCH/job/midflight/$name" ] || die "run: two files to --put are called $name."
        cp -L -- "$file" "$SCRATCH/job/midflight/$name" || die "run: can't read $file."
    done
    mkdir "$SCRATCH/saved"
    ln -s "$state"/* "$SCRATCH/saved/"
    image=$SCRATCH/saved/hard_drive.0.drive1.image
    # cpio, because busybox's tar would go on reading to the disk's end.
    (cd "$SCRATCH/job" && find . -mindepth 1 | cpio --quiet -o -H newc -R 0:0) > "$image"
    bytes=$(stat -c %s "$image")
    [ "$bytes" -le $((DISK_MB * 1024 * 1024)) ] ||
        die "run: the files to --put take $((bytes / 1024 / 1024)) MB, the lab's disk holds $DISK_MB MB."
    truncate -s "${DISK_MB}M" "$image" "$SCRATCH/disk"
    rm -rf "$SCRATCH/job"
}

lab_failed() { # WHAT
    if [ -n "$out" ]; then
        cp "$SCRATCH/bochs.log" "$out/bochs.log" || :
        tr -d '\r' < "$SCRATCH/com1" > "$out/l0-console.txt" || :
    fi
    {
        echo "lab: $1"
        emulator_complaints
        if [ -s "$SCRATCH/com1" ]; then
            echo 'lab: the last lines of its console:'
            tr -d '\r' < "$SCRATCH/com1" | tail -n 15
        else
            tail -n 3 "$SCRATCH/bochs.out"
        fi
    } >&2
    exit 2
}

cmd_run() {
    local seconds=900 out='' put=() status=0 version=$preset_kernel tail_pid started
    while [ $# -gt 0 ]; do
        case $1 in
            --kernel) version=${2:?}; shift 2 ;;
            --out) out=${2:?}; shift 2 ;;
            --timeout) seconds=${2:?}; shift 2 ;;
            --put) put+=("${2:?}"); shift 2 ;;
            --) shift; break ;;
            *) die "run: unknown option $1 (is there a -- before the command?)" ;;
        esac
    done
    [ $# -gt 0 ] || die 'run: no command; usage: lab/lab.sh run [OPTION...] -- COMMAND [ARG...]'
    choose_kernel "$version"
    [ -z "$out" ] || mkdir -p -- "$out" || die "run: can't make the directory $out."
    complete_lab || locked build_lab
    emulator_dir "$lab/bochs"
    ln -s "$lab/l0-$kernel/boot.iso" "$SCRATCH/boot.iso"
    make_job "$lab/saved-$kernel/state" "$@"
    [ "$kernel" = "$DEFAULT_KERNEL" ] ||
        grep -a '^lab: L0 runs Linux' "$lab/saved-$kernel/boot.log" >&2
    touch "$SCRATCH/com1" "$SCRATCH/com2"
    started=$SECONDS
    emulator_start "$lab/bochs" "$seconds" -r saved
    tail -c +1 -s 0.1 --pid="$EMULATOR_PID" -f "$SCRATCH/com2" 2> /dev/null &
    tail_pid=$!
    emulator_wait || status=$?
    wait "$tail_pid" || :
    case $status in
        0) ;;
        124 | 137)
            # `timeout` tells an emulator that somebody killed like one that it had to kill.
            [ $((SECONDS - started)) -lt "$seconds" ] ||
                lab_failed "no end within $seconds s, the emulator was stopped."
            lab_failed 'the emulator was killed.'
            ;;
        *) lab_failed "the emulator died (exit status $status)." ;;
    esac
    mkdir "$SCRATCH/result"
    tar -C "$SCRATCH/result" --no-same-owner -x -f "$SCRATCH/disk" 2> "$SCRATCH/tar.err" || :
    { read -r status < "$SCRATCH/result/status"; } 2> /dev/null ||
        lab_failed 'L0 ended without reporting an exit status.'
    if [ -n "$out" ]; then
        cp "$SCRATCH/result/l0-dmesg.txt" "$SCRATCH/bochs.log" "$out/" ||
            die "run: can't write to $out."
        [ ! -d "$SCRATCH/result/out" ] || cp -R "$SCRATCH/result/out/." "$out/" ||
            die "run: can't write to $out."
    fi
    grep -a '^lab: ' "$SCRATCH/com1" >&2 || :
    exit "$status"
}

cmd_build() {
    local version=$preset_kernel
    while [ $# -gt 0 ]; do
        case $1 in
            --kernel) version=${2:?}; shift 2 ;;
            --force) force=yes; shift ;;
            *) die 'usage: lab/lab.sh build [--kernel VERSION] [--force]' ;;
        esac
    done
    choose_kernel "$version"
    if [ -n "$force" ] || ! complete_lab; then locked build_lab; fi
}

cmd_status() {
    local entry built='' missing='' dir=$lab free room chosen
    [ $# -eq 0 ] || die 'usage: lab/lab.sh status'
    choose_kernel "$preset_kernel"
    chosen=$kernel
    for entry in "${KERNELS[@]}"; do
        choose_kernel "${entry% *}"
        ! complete_lab || built+=" $kernel"
    done
    while [ ! -e "$dir" ]; do dir=$(dirname "$dir"); done
    free=$(free_mb "$dir")
    room="$free MB of $SPACE_MB MB"
    [ -w "$dir" ] || { free=0 room='none, it cannot be written'; }
    missing=$(missing_tools)
    [ -f "$emucheck" ] || [ -n "${MIDFLIGHT_LAB_UNCHECKED:-}" ] || missing+=" build/emucheck.iso"
    printf '%s\n' "kernel: $chosen" "built:$built" "cache: $cache" "room: $room" \
        "missing:$missing"
    [[ " $built " != *" $chosen "* ]] || return 0
    [ -z "$missing" ] && [ "$free" -ge "$SPACE_MB" ] || return 2
    return 4
}

remove_lab() { rm -rf "$lab" "$cache/lab.lock"; }

cmd_clean() {
    [ $# -eq 0 ] || die 'usage: lab/lab.sh clean'
    [ ! -e "$lab" ] || locked remove_lab
}

main() {
    local command=${1:-}
    [ $# -eq 0 ] || shift
    case $command in
        build) cmd_build "$@" ;;
        run) cmd_run "$@" ;;
        bare) cmd_bare "$@" ;;
        status) cmd_status "$@" ;;
        clean) cmd_clean "$@" ;;
        -h | --help | help) usage ;;
        '') usage >&2; exit 2 ;;
        *) usage >&2; die "unknown command '$command'" ;;
    esac
}
main "$@"
