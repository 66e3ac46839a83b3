# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Running a command in L0, for lab.sh (sourced, not run): what goes in, what is shown meanwhile, how it may end, and
# what comes out.
#
# lab.sh sets $here, $lab, $files, $kernel, $title, $parts and $command, and has ready_lab, key and die; patch.sh sets
# $patch_names. The emulator is emulator.sh's.
# shellcheck disable=SC2154,SC2034 # those, and EMULATOR_FOREGROUND

MODULE_AREA=ffffffffa0000000-ffffffffff000000 # where Linux puts modules

# What a run starts from: the emulator, L0 and how it is prepared, KVM's modules and parameters, the scripts.
state_key() {
    local module_files=()
    [ ! -e "$files/kvm/load" ] || module_files=("$files"/kvm/*)
    key "$(saved_key)" "$lab/$(saved)/boot.log" "$here/lab.sh" "$here/job.sh" \
        ${module_files[@]+"${module_files[@]}"}
}

# Quoted for L0's shell.
quoted() { # ARG...
    local arg
    for arg in "$@"; do printf "'%s' " "${arg//\'/\'\\\'\'}"; done
}

# Files into L0: a cpio archive on a raw disk. It lies in the saved state as the disk's contents, from where
# the emulator copies it when it restores. The same files and words give the same bytes: each of them has a
# part in what L0 executes.
make_job() { # STATE_DIR COMMAND ARG...
    local state=$1 i to image bytes
    shift
    mkdir -p "$SCRATCH/job/job" "$SCRATCH/job/midflight"
    printf 'export MIDFLIGHT_LAB_STATE=%s%s\n%s\n' "$(state_key)" "${patch_names:+ MIDFLIGHT_LAB_PATCH=$(quoted "$patch_names")}" \
        "$(quoted "$@")" > "$SCRATCH/job/job/command"
    for ((i = 0; i < ${#put[@]}; i += 2)); do
        to=$SCRATCH/job/midflight/${put[i]}
        [ ! -e "$to" ] || die "$command: two files to --put are called ${put[i]}."
        { mkdir -p -- "$(dirname -- "$to")" && cp -L -- "${put[i + 1]}" "$to"; } || die "$command: can't read ${put[i + 1]}."
    done
    [ ! -e "$files/kvm/load" ] || cp -R "$files/kvm" "$SCRATCH/job/job/kvm"
    [ "$command" != shell ] || add_shell
    mkdir "$SCRATCH/saved"
    ln -s "$state"/* "$SCRATCH/saved/"
    if [ -n "$terminal" ]; then
        rm "$SCRATCH/saved/config"
        sed 's,^com2:.*,com2: enabled=true\, mode=term\, dev="/dev/tty",' "$state/config" > "$SCRATCH/saved/config"
    fi
    image=$SCRATCH/saved/hard_drive.0.drive0.image
    # cpio, because busybox's tar would go on reading to the disk's end.
    # The same bytes for the same files and command, so that L0 executes the same instructions.
    (
        cd "$SCRATCH/job" || exit
        chmod -R a=rX,u+w .
        find . -mindepth 1 -exec touch -d @0 {} +
        find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 --reproducible
    ) > "$image"
    bytes=$(stat -c %s "$image")
    [ "$bytes" -le $((DISK_MB * 1024 * 1024)) ] ||
        die "$command: the files to --put take $((bytes / 1024 / 1024)) MB, the lab's disk holds $DISK_MB MB."
    truncate -s "${DISK_MB}M" "$image" "$SCRATCH/disk"
    rm -rf "$SCRATCH/job"
}

# Keeps the console and ends: 1 if L0 is to blame, 2 if the lab is.
lab_failed() { # STATUS WHAT
    local status=$1
    shift
    if [ -n "$out" ]; then
        cp "$SCRATCH/bochs.log" "$out/bochs.log" || :
        # host/l0/l0_log.c reads the last lines too.
        { tr -d '\r' < "$SCRATCH/com1"; emulator_complaints; printf 'lab: %s\n' "$@"; } > "$out/l0-console.txt" || :
    fi
    {
        echo "lab: $1"
        emulator_complaints
        if grep -aqv '^lab: ' "$SCRATCH/com1"; then
            echo "lab: the last lines of its console${out:+ (l0-console.txt has all)}:"
            tr -d '\r' < "$SCRATCH/com1" | sed '/^lab: /d' | tail -n 15 # those are known already
        else
            tail -n 3 "$SCRATCH/bochs.out"
        fi
    } >&2
    exit "$status"
}

# Shows what L0's init says, and ends the emulator behind the first line that tells of a dead L0: when what
# belongs to it is there, or L0 says no more.
DUMP_LINES=500 DUMP_SECONDS=2
watch_console() {
    local line sign signs wait=() dead='' lines=0
    mapfile -t signs < <(sed -nE 's/^L0_SIGN\((CRASH|HANG), "(.*)"\)$/\2/p' "$here/l0-signs.def")
    while IFS= read -r ${wait[@]+"${wait[@]}"} line; do
        line=${line%$'\r'}
        [[ $line != 'lab: '* ]] || printf '%s\n' "$line"
        if [ -n "$dead" ]; then
            lines=$((lines + 1))
            if [[ $line == *'end Kernel panic'* ]] || [ "$lines" = "$DUMP_LINES" ]; then break; fi
            continue
        fi
        for sign in "${signs[@]}"; do
            [[ $line == *"$sign"* ]] || continue
            dead=$line wait=(-t "$DUMP_SECONDS")
            break
        done
    done
    [ -n "$dead" ] || return 0
    printf '%s\n' "$dead" > "$SCRATCH/dead"
    kill "$EMULATOR_PID" 2> /dev/null || :
}

# The emulator's words of a CPU that hangs (bochs/0034-heartbeat.patch) are what L0 died of. They go before what L0
# says when it is asked where: that is a panic, and host/l0/l0_log.c takes the first line that tells of a death.
HANG_SECONDS=20 # of emulated time
tell_hang() {
    local at first
    at=$(sed -nE '/NMI/,$s/.*RIP: 0010:([^ ]+( \[[a-z0-9_]+\])?).*/\1/p' "$SCRATCH/com1" | head -n 1)
    first=$(head -n 1 "$SCRATCH/hang")${at:+, at ${at%$'\r'}}
    tail -n +2 "$SCRATCH/hang" > "$SCRATCH/cpus"
    { printf 'lab: L0 hangs: %s\n' "$first"; cat "$SCRATCH/cpus" "$SCRATCH/com1"; } > "$SCRATCH/console"
    mv "$SCRATCH/console" "$SCRATCH/com1"
    { printf 'it hangs: %s\n' "$first"; cat "$SCRATCH/cpus"; } > "$SCRATCH/dead"
}

# The shell's own files. Commands that do not come from a terminal go there as a whole, so that the
# serial line cannot lose any.
add_shell() {
    mkdir "$SCRATCH/job/job/bin"
    cp "$here/trace" "$SCRATCH/job/job/bin/"
    cp "$here/shell" "$SCRATCH/job/job/"
    [ -n "$terminal" ] || cat > "$SCRATCH/job/job/input" || die "shell: can't read stdin."
}

# The emulator makes the terminal raw and leaves it so.
terminal=
release_terminal() {
    [ -z "$terminal" ] || stty "$terminal" 2> /dev/null || :
    terminal=
}

# The options of run and shell, into their locals; what stands behind -- into @rest.
job_options() { # ARG...
    while [ $# -gt 0 ]; do
        case $1 in
            --kernel | --modules | --linux | --kvm | --kvm-intel | --patch | --kvm-param | --lab-memory | --lab-cpu | --lab-cpus)
                kernel_option "$@"
                shift 2
                ;;
            --out) out=${2:?}; shift 2 ;;
            --timeout) seconds=${2:?}; shift 2 ;;
            --coverage) coverage=yes record=yes; shift ;;
            --record) record=yes; shift ;;
            --put) put+=("$(basename -- "${2:?}")" "$2"); shift 2 ;;
            --put-as) put+=("${2:?}" "${3:?}"); shift 3 ;;
            --state) state=${2:?}; shift 2 ;;
            --) shift; break ;;
            *) die "$command: unknown option $1 (is there a -- before the command?)" ;;
        esac
    done
    rest=("$@")
}

cmd_run() {
    local seconds=900 out='' put=() coverage='' record='' state='' rest=()
    job_options "$@"
    [ ${#rest[@]} -gt 0 ] || die 'run: no command; usage: lab/lab.sh run [OPTION...] -- COMMAND [ARG...]'
    run_job "${rest[@]}"
}

cmd_shell() {
    local seconds='' out='' put=() coverage='' record='' state='' rest=() size='' shell=(sh /job/shell)
    job_options "$@"
    [ ${#rest[@]} = 0 ] || die 'shell: it takes no command; type it there, or give it to stdin.'
    if [ -t 0 ] && [ -t 1 ] && { : <> /dev/tty; } 2> /dev/null; then
        terminal=$(stty -g)
        size=$(stty size)
        [ "$size" != '0 0' ] || size='24 80' # one that does not know
        shell+=("${size% *}" "${size#* }" "${TERM:-dumb}")
        EMULATOR_FOREGROUND=yes
        seconds=${seconds:-0} # none
    fi
    seconds=${seconds:-900}
    run_job "${shell[@]}"
}

# What the emulator recorded (bochs/0028-*.patch) and L0's module addresses, as $out/coverage.json.
write_coverage() {
    local module ko comma=''
    [ "$(tail -n 1 "$SCRATCH/coverage" 2> /dev/null)" = end ] ||
        die "$command: the emulator left no complete record of what ran."
    {
        printf '{"schema": "midflight-coverage", "version": 1, "kernel": "%s", "modules": [\n' \
            "$(cat "$parts/release")"
        for module in kvm kvm_intel; do
            ko=$files/kvm/$module.ko
            [ -e "$ko" ] || ko=$parts/modules/$module.ko
            printf '%s' "$comma"
            readelf -W -S -s "$ko" 2> /dev/null |
                awk -v module="$module" -v id="$(build_id "$ko")" -f "$here/coverage.awk" \
                    "$SCRATCH/result/sections" "$SCRATCH/coverage" -
            comma=', '
        done
        echo ']}'
    } > "$out/coverage.json" || die "$command: can't write to $out."
}

# What L0 says, and the files that it keeps, come while it runs, and to their end when this script is told to end.
follow() { # FILE COMMAND...
    local file=$1
    shift
    trap '' INT TERM HUP
    tail -c +1 -s 0.1 --pid="$EMULATOR_PID" -f "$SCRATCH/$file" 2> /dev/null | "$@"
}

# The files from L0: in out/ what is for $out. Each `keep` and the end of the job have made an archive.
take_results() {
    mkdir "$SCRATCH/result"
    if [ -n "$out" ]; then ln -s "$out" "$SCRATCH/result/out"; fi
    tar -C "$SCRATCH/result" --keep-directory-symlink --no-same-owner --warning=no-timestamp -b 1 -i -x -f - 2> "$SCRATCH/tar.err" ||
        cat > /dev/null
}

followers=()
end_followers() {
    [ ${#followers[@]} = 0 ] || wait "${followers[@]}" || :
    followers=()
}

# Runs COMMAND in L0; $put (names there, each with its file), $out, $coverage, $record, $seconds and $state are its caller's.
run_job() { # COMMAND ARG...
    local status=0 started return='' watch=()
    [ -z "$coverage" ] || [ -n "$out" ] || die "$command: --coverage needs --out DIR."
    if [ -n "$out" ]; then
        mkdir -p -- "$out" || die "$command: can't make the directory $out."
        out=$(cd -- "$out" && pwd)
        rm -f "$out/l0-console.txt" 2> /dev/null || die "$command: can't write to $out."
        [ -w "$out" ] || die "$command: can't write to $out."
    fi
    ready_lab
    [ -z "$coverage" ] || [ -e "$parts/modules/kvm_intel.ko" ] ||
        die "--coverage: KVM is built into this kernel. CONFIG_KVM=m and CONFIG_KVM_INTEL=m make modules of it."
    [ -z "${state:-}" ] || [ "$state" = "$(state_key)" ] ||
        die "$command: this lab is another one, with Linux $title: its state is $(state_key), not $state."
    emulator_dir "$lab/bochs"
    make_job "$lab/$(saved)/state" "$@"
    # With modules of its own L0 says it again.
    [ "$kernel" = "$DEFAULT_KERNEL" ] || [ -e "$files/kvm/load" ] ||
        grep -a '^lab: L0 runs Linux' "$lab/$(saved)/boot.log" >&2
    touch "$SCRATCH/com1" "$SCRATCH/com2" "$SCRATCH/results"
    if [ -n "$terminal" ]; then
        return=$'\r'
        printf 'lab: %s\n' "a shell in L0, Linux $title; 'exit' ends it, and if it hangs 'kill $$' from elsewhere." \
            "${out:+what is in out/ then comes back in }${out:-nothing comes back without --out DIR}." >&2
    fi
    unset LAB_COVERAGE LAB_HANG
    if [ "$command" = shell ]; then # who has one looks around in a broken L0
        watch=(sed -un "s/\r\$//; /^lab: /s/\$/$return/p")
    else
        watch=(watch_console)
        export LAB_HANG=$HANG_SECONDS
    fi
    started=$SECONDS
    [ -z "$record" ] || export LAB_COVERAGE=$MODULE_AREA
    emulator_start "$lab/bochs" "$seconds" -r saved
    follow results take_results &
    followers+=($!)
    follow com2 cat &
    followers+=($!)
    follow com1 "${watch[@]}" >&2 &
    followers+=($!)
    emulator_wait || status=$?
    end_followers
    release_terminal
    ! grep -aq '^lab: L0 is not fit for use' "$SCRATCH/com1" || lab_failed 2 'The command was not run.'
    [ "$status" -ne 0 ] || [ ! -s "$SCRATCH/tar.err" ] ||
        die "$command: can't write to ${out:-$SCRATCH}: $(tail -n 1 "$SCRATCH/tar.err")."
    [ ! -s "$SCRATCH/hang" ] || tell_hang
    [ ! -s "$SCRATCH/dead" ] || lab_failed 1 "L0 is dead: $(cat "$SCRATCH/dead")"
    case $status in
        0) ;;
        124 | 137)
            # `timeout` tells an emulator that somebody killed like one that it had to kill.
            [ $((SECONDS - started)) -lt "$seconds" ] ||
                lab_failed 1 "no end within $seconds s, the emulator was stopped."
            lab_failed 2 'the emulator was killed.'
            ;;
        *)
            [[ $(emulator_complaints) != *'3rd exception'* ]] || lab_failed 1 'L0 is dead: a triple fault.'
            lab_failed 2 "the emulator died (exit status $status)."
            ;;
    esac
    { read -r status < "$SCRATCH/result/status"; } 2> /dev/null ||
        lab_failed 2 'L0 ended without reporting an exit status.'
    if [ -n "$out" ]; then
        cp "$SCRATCH/result/l0-dmesg.txt" "$SCRATCH/bochs.log" "$out/" ||
            die "$command: can't write to $out."
        [ -z "$coverage" ] || write_coverage
    fi
    exit "$status"
}
