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

# The CPUs that L0 can run on, and what the emulator calls them. Its older models have no APICv, without
# which L0 is not taken for fit.
CPUS=(
    'skylake-x corei7_skylake_x'
    'icelake corei7_icelake_u'
    'tigerlake tigerlake'
    'sapphire-rapids sapphire_rapids'
    'arrow-lake arrow_lake'
)
DEFAULT_CPU=skylake-x

SPACE_MB=1200 # what an empty cache takes at most while it is built
MEMORY_MB=384 # of L0, if nobody asks for more
DISK_MB=64    # the disk through which files go into L0

KEPT_FILES=3  # kernels by file, whose states stay in the cache

# shellcheck source-path=SCRIPTDIR source=emulator.sh disable=SC1091
. "$here/emulator.sh"
# shellcheck source-path=SCRIPTDIR source=cross.sh disable=SC1091
. "$here/cross.sh"
# shellcheck source-path=SCRIPTDIR source=steps.sh disable=SC1091
. "$here/steps.sh"
# shellcheck source-path=SCRIPTDIR source=kernel.sh disable=SC1091
. "$here/kernel.sh"
# shellcheck source-path=SCRIPTDIR source=kvm-build.sh disable=SC1091
. "$here/kvm-build.sh"
# shellcheck source-path=SCRIPTDIR source=patch.sh disable=SC1091
. "$here/patch.sh"
# shellcheck source-path=SCRIPTDIR source=patch-tree.sh disable=SC1091
. "$here/patch-tree.sh"
# shellcheck source-path=SCRIPTDIR source=job.sh disable=SC1091
. "$here/job.sh"

usage() {
    cat <<HELP
usage: lab/lab.sh COMMAND

  build [KERNEL] [--force]
                      build what is missing of the lab (--force: remove it all first)
  run [KERNEL] [--out DIR] [--timeout SECONDS] [--coverage] [--record] [--put FILE]... [--state STATE] -- COMMAND [ARG...]
                      run COMMAND in L0, a Linux with nested KVM on an emulated CPU.
                      FILEs are there in the working directory (--put-as NAME FILE: as NAME, which may
                      have directories in front of it); what COMMAND leaves in
                      out/ comes back in DIR, with l0-dmesg.txt and bochs.log; with --coverage
                      also coverage.json, which code of KVM's modules ran (midflight coverage);
                      with --record there is no file, but COMMAND can ask for it (midflight fuzz).
                      Exit status: COMMAND's; 1 when L0 dies (the line of its console that says
                      so is the end of the run) or is not done in SECONDS, 2 when the lab itself failed;
                      what was kept before (\`keep FILE\` in L0) is in DIR then, with l0-console.txt.
                      \$MIDFLIGHT_LAB_STATE in L0 names the state that it starts from; with --state
                      nothing is run from another one. The same state, COMMAND and FILEs give the
                      same run, to the instruction.
  shell [KERNEL] [--out DIR] [--timeout SECONDS] [--coverage] [--put FILE]...
                      the same with a shell on this terminal; or, if stdin or stdout is none,
                      one that runs what stdin has. \`trace\` there shows KVM's trace events.
  bare [--timeout SECONDS] ISO
                      boot ISO on the emulated CPU without Linux, show its serial output
                      up to the verdict. Exit status: 0 PASS, 1 FAIL, 4 SKIP, 2 anything else.
  kernels             the kernels that the archives have now, and what is built
  status              what is built, and what stands in the way of building: one fact a line.
                      Exit status: 0 the kernel is built, 4 it can be built, 2 it cannot.
  headers [--kernel VERSION]
                      fetch what a module for that kernel is built with, and say where it lies
  patched [--kernel VERSION | --linux DIR] [--out DIR] PATCH...
                      build KVM's modules with all PATCHes, which must fit; those that differ go to DIR
  clean               remove the lab from the cache

KERNEL is what L0 runs; all that is wrong or missing is said before anything boots:
  --kernel VERSION    Debian's: $(kernel_list)
  --kernel FILE       a bzImage; or a .deb, with the others that it is split into by --kernel for each
  --kernel DIR        the .debs of one kernel that lie there
  --modules DIR       the bzImage's modules: lib/modules/RELEASE, or what holds them. Not needed
                      if KVM, ata_piix and sd are built in
  --linux DIR         a build tree of Linux, with bzImage and modules
  --kvm-intel FILE, --kvm FILE
                      run these modules instead of the kernel's own
  --patch FILE[,FILE...]
                      run Debian's kernel with these patches to its KVM: unified diffs, mails, mboxes,
                      semantic patches (*.cocci)
  --lab-memory MB     L0 has so much, and a saved state of its own (default: $MEMORY_MB)
  --lab-cpu MODEL     L0 runs on that emulated CPU: $(cpu_list) (default: $DEFAULT_CPU)
  --lab-cpus N        L0 has so many CPUs, 1 to 4 (default: 1)
  --kvm-param [MODULE.]NAME=VALUE
                      a parameter of the module kvm_intel (or kvm); can be repeated

environment:
  MIDFLIGHT_LAB_KERNEL
                      the kernel when there is no --kernel or --linux: VERSION or FILE
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

# Sets $kernel, what it is called in the cache, $title, what people call it, and $suite, from which it
# comes. False: no such version.
choose_version() { # VERSION
    local entry
    for entry in "${KERNELS[@]}"; do
        read -r kernel suite <<< "$entry"
        title=$kernel parts=$lab/parts-$kernel
        [ "$kernel" != "$1" ] || return 0
    done
    return 1
}

cpu_list() {
    local entry list=
    for entry in "${CPUS[@]}"; do list+=${list:+, }${entry% *}; done
    printf '%s\n' "$list"
}

choose_cpu() { # MODEL
    local entry
    for entry in "${CPUS[@]}"; do
        [ "${entry% *}" = "$1" ] || continue
        cpu=$1 cpu_model=${entry#* }
        [ "$cpu" != "$DEFAULT_CPU" ] || cpu=
        return 0
    done
    die "--lab-cpu $1: there is none. There are: $(cpu_list)."
}

# Lines of bochsrc that make the emulated machine another one, and what its saved state is called by.
machine_lines() {
    sed -n "/^cpu: /{ ${cpu:+s/model=[a-z0-9_]*/model=$cpu_model/;} s/count=1/count=${cpus:-1}/; p }" "$here/bochsrc"
    printf 'memory: guest=%s, host=%s, block_size=8192\n' "${memory:-$MEMORY_MB}" "${memory:-$MEMORY_MB}"
}
machine_name() { echo "${memory:+-${memory}m}${cpu:+-$cpu}${cpus:+-${cpus}cpus}"; }

# What the command line says of the kernel.
kernels=() modules='' linux='' kvm_file='' kvm_intel_file='' kvm_params=() patches=() patch_names='' patched='' memory='' cpu='' cpus=''
kernel_option() { # OPTION [VALUE]...
    [ -n "${2:-}" ] || die "$1 needs a value."
    case $1 in
        --kernel) kernels+=("$2") ;;
        --modules) modules=$2 ;;
        --linux) linux=$2 ;;
        --kvm) kvm_file=$2 ;;
        --kvm-intel) kvm_intel_file=$2 ;;
        --patch) mapfile -t patches < <(tr ',' '\n' <<< "$2") ;;
        --kvm-param) kvm_params+=("$2") ;;
        --lab-memory)
            if ! [[ $2 =~ ^[0-9]{3,5}$ ]] || [ "$2" -lt "$MEMORY_MB" ] || [ "$2" -gt 16384 ]; then
                die "--lab-memory $2: from $MEMORY_MB to 16384 MB."
            fi
            memory=$2
            [ "$memory" != "$MEMORY_MB" ] || memory=
            ;;
        --lab-cpu) choose_cpu "$2" ;;
        --lab-cpus)
            [[ $2 =~ ^[1-4]$ ]] || die "--lab-cpus $2: from 1 to 4."
            cpus=$2
            [ "$cpus" != 1 ] || cpus=
            ;;
    esac
}

# Sets the same as choose_version. A kernel by file is called by the hash of all that goes into its L0,
# and its parts are in $files, which goes when this script ends.
choose_kernel() {
    local file
    files=$(mktemp -d "${TMPDIR:-/tmp}/midflight-kernel.XXXXXX")
    mkdir "$files/parts" "$files/kvm"
    if [ -n "$linux" ]; then
        [ -z "${kernels[*]:-}$modules" ] || die '--linux stands for both --kernel and --modules.'
        [ ${#patches[@]} = 0 ] || ready_tree
        collect_tree "$files/parts"
    else
        [ ${#kernels[@]} -gt 0 ] || kernels=("$preset_kernel")
        if [ ${#kernels[@]} = 1 ] && choose_version "${kernels[0]}"; then
            [ -z "$modules" ] || die "--modules goes with a bzImage; Debian's kernel $kernel has its own."
            return 0
        fi
        [ ! -d "${kernels[0]}" ] || [ ${#kernels[@]} -gt 1 ] || choose_debs "${kernels[0]}"
        for file in "${kernels[@]}"; do
            [[ $file == */* ]] || [ -e "$file" ] ||
                die "There is no lab with Linux '$file', and no such file. Its kernels: $(kernel_list)."
            is_file --kernel "$file"
            [ ${#kernels[@]} = 1 ] || is_deb "$file" ||
                die "--kernel $file is no .deb, and only .debs can be more than one."
        done
        if is_deb "${kernels[0]}"; then
            [ -z "$modules" ] || die '--modules goes with a bzImage; a .deb has its own.'
            collect_debs "$files/parts" "${kernels[@]}"
        else
            [ -z "$modules" ] || is_dir --modules "$modules"
            collect --kernel "${kernels[0]}" "$files/parts"
        fi
    fi
    parts=$files/parts
    prepare_kvm "$parts" "$files/kvm"
    title="$release from a file"
    kernel=file-$(find "$parts" -type f -print0 | sort -z | xargs -0 sha256sum -- |
        sed "s, .*/parts/, ,; s,-, ," | sha256sum | cut -c 1-16)
}

cleanup() {
    emulator_end
    end_followers
    emulator_cleanup
    release_terminal
    end_tree
    [ -z "${files:-}" ] || rm -rf "$files"
}

on_signal() {
    trap '' INT TERM HUP
    cleanup
    end_steps
    exit 130
}
trap cleanup EXIT
trap on_signal INT TERM HUP

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

cmd_build() {
    while [ $# -gt 0 ]; do
        case $1 in
            --kernel | --modules | --linux | --kvm | --kvm-intel | --patch | --kvm-param | --lab-memory | --lab-cpu | --lab-cpus)
                kernel_option "$@"
                shift 2
                ;;
            --force) force=yes; shift ;;
            *) die 'usage: lab/lab.sh build [KERNEL] [--force]' ;;
        esac
    done
    ready_lab
}

cmd_status() {
    local entry built='' lacking='' dir=$lab free room chosen
    [ $# -eq 0 ] || die 'usage: lab/lab.sh status'
    choose_kernel
    chosen=$kernel
    [[ $kernel != file-* ]] || ! complete_lab || built+=" $kernel"
    for entry in "${KERNELS[@]}"; do
        choose_version "${entry% *}"
        ! complete_lab || built+=" $kernel"
    done
    while [ ! -e "$dir" ]; do dir=$(dirname "$dir"); done
    free=$(free_mb "$dir")
    room="$free MB of $SPACE_MB MB"
    [ -w "$dir" ] || { free=0 room='none, it cannot be written'; }
    lacking=$(missing_tools)
    [ -f "$emucheck" ] || [ -n "${MIDFLIGHT_LAB_UNCHECKED:-}" ] || lacking+=" build/emucheck.iso"
    printf '%s\n' "kernel: $chosen" "built:$built" "cache: $cache" "room: $room" \
        "missing:$lacking"
    [[ " $built " != *" $chosen "* ]] || return 0
    [ -z "$lacking" ] && [ "$free" -ge "$SPACE_MB" ] || return 2
    return 4
}

cmd_kernels() {
    local entry archive here_now dir unknown='' row='%-26s  %-17s  %-18s  %s\n'
    [ $# -eq 0 ] || die 'usage: lab/lab.sh kernels'
    files=$(mktemp -d "${TMPDIR:-/tmp}/midflight-kernel.XXXXXX")
    for entry in "${KERNELS[@]}"; do
        choose_version "${entry% *}"
        "$here/apt.sh" "$files/apt" version "$kernel" "$suite" "$files" \
            > "$files/archive-$kernel" 2> "$files/why-$kernel" &
    done
    wait
    # shellcheck disable=SC2059 # the format is above
    printf "$row" kernel from 'in the archive' here
    for entry in "${KERNELS[@]}"; do
        choose_version "${entry% *}"
        archive=$(cat "$files/archive-$kernel")
        if [ -z "$archive" ]; then
            unknown+="lab: $suite: $(head -n 1 "$files/why-$kernel")"$'\n'
            archive='not known'
        fi
        here_now=$(sed -n '1s/.* //p' "$lab/kernel-$kernel/versions" 2> /dev/null || :)
        if complete_lab; then
            here_now="built: $here_now"
        else
            here_now=${here_now:+"fetched: $here_now"}
        fi
        # shellcheck disable=SC2059
        printf "$row" "$kernel" "$suite" "$archive" "${here_now:--}"
    done
    for dir in "$lab"/parts-file-*; do
        [ ! -d "$dir" ] || kernel=${dir##*/parts-}
        # shellcheck disable=SC2059
        [ ! -d "$dir" ] || ! complete_lab || printf "$row" "$(cat "$dir/release")" 'a file' - "built: $kernel"
    done
    [ -z "$unknown" ] || printf '%slab: %s\n' "$unknown" 'Nothing newer than what is here is known.' >&2
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
        shell) cmd_shell "$@" ;;
        bare) cmd_bare "$@" ;;
        kernels) cmd_kernels "$@" ;;
        status) cmd_status "$@" ;;
        headers) cmd_headers "$@" ;;
        patched) cmd_patched "$@" ;;
        clean) cmd_clean "$@" ;;
        -h | --help | help) usage ;;
        '') usage >&2; exit 2 ;;
        *) usage >&2; die "unknown command '$command'" ;;
    esac
}
main "$@"
