# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# What the lab is built of, step by step, for lab.sh (sourced, not run): is a step done, was what it made
# touched since, who may build now.
#
# lab.sh sets $here, $cache, $lab, $emucheck and what the command line says of the kernel and the machine.
# shellcheck disable=SC2154 # those

key() { # FILE-or-text...: a hash of the files' contents and of the other words
    local word found=() sums=() i=0
    for word in "$@"; do
        [ ! -f "$word" ] || found+=("$word")
    done
    # One process for all files: a run asks for a dozen keys, each of many files.
    [ ${#found[@]} = 0 ] || mapfile -t sums < <(sha256sum -- "${found[@]}")
    for word in "$@"; do
        if [ -f "$word" ]; then
            word=${sums[i++]} # a file whose name is quoted has a \ in front
            word="${word#\\}"
            printf '%s  -\n' "${word%% *}"
        else
            printf '%s\n' "$word"
        fi
    done | sha256sum | cut -c 1-32
}

is_built() { # STEP KEY
    local stamp=
    { read -r stamp < "$lab/$1/.key"; } 2> /dev/null || :
    [ "$stamp" = "$2" ] && [ -e "$lab/$1/.sums" ]
}

# Hashes of all that a step has made, for check_sums. They are to find damage, not an attacker.
make_sums() { # DIR
    (cd "$1" && find . -type f -print0 | sort -z | xargs -0 xxhsum -H2 2> /dev/null) > "$1.sums" &&
        mv "$1.sums" "$1/.sums"
}

# What a step has made must be what it was then.
check_sums() { # STEP...
    local step wrong
    for step in "$@"; do
        wrong=$(cd "$lab/$step" && xxhsum -c --quiet .sums 2>&1) && continue
        wrong=$(sed -nE 's,^(\./)?([^:]*): (FAILED|Could not).*,\2,p' <<< "$wrong" | paste -sd ' ')
        die "The cache is damaged: the step '$step' in $lab has made other files than those there are${wrong:+: $wrong}." \
            "'lab/lab.sh build --force' makes all anew."
    done
}

# Runs COMMAND TMP_DIR, which fills TMP_DIR; a complete TMP_DIR becomes $lab/STEP.
step() { # STEP KEY TITLE COMMAND...
    local name=$1 stamp=$2 title=$3 tmp=$lab/.tmp-$1 log=$lab/log/$1.log start=$SECONDS status=0
    shift 3
    if is_built "$name" "$stamp"; then return; fi
    prepare_cache
    printf 'lab: %s ...\n' "$title" >&2
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
        printf 'lab: %s: FAILED (%d s)\n' "$title" $((SECONDS - start)) >&2
        tail -n 15 "$log" | sed 's/^/    /' >&2
        if grep -q 'No space left on device' "$log"; then
            die "The file system of $cache or of ${TMPDIR:-/tmp} is full."
        fi
        local hint="The same command takes it up again at this step, 'lab/lab.sh build --force' starts afresh."
        [[ $name != saved-file-* ]] || hint='lab/kernel.config is a configuration with which L0 starts.'
        die "Step '$name' ($title) failed; the whole log: $log" "$hint"
    fi
    printf '%s\n' "$stamp" > "$tmp/.key"
    make_sums "$tmp" || die "Can't write to the cache in $cache."
    rm -rf "${lab:?}/$name"
    mv "$tmp" "$lab/$name"
    printf 'lab: %s: done (%d s)\n' "$title" $((SECONDS - start)) >&2
}

# Runs COMMAND beside what follows, until joined. The network, the emulator's compiler, the one CPU that unpacks
# or boots: each would wait for the others.
beside() { # COMMAND...
    (
        trap 'end_steps; exit 130' TERM
        "$@"
    ) &
    beside_pid=$!
}

joined() {
    wait "$beside_pid" || exit 2
    beside_pid=
}

end_steps() {
    [ -z "${beside_pid:-}" ] || kill -TERM "$beside_pid" 2> /dev/null || :
    [ -z "${step_pid:-}" ] || kill -TERM -- "-$step_pid" 2> /dev/null || :
}

missing_tools() {
    local tool
    for tool in apt-get dpkg-deb tar xz zstd cpio patch gcc g++ strip readelf make \
        ${cross:+"${cross}gcc" "${cross}strip"} flock setpriv sha256sum xxhsum; do
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

packages_key() { key "$here/apt.sh" ${cross:+"$cross"}; }
bochs_key() {
    key "$here/build-bochs.sh" "$here"/bochs/*.patch "$(grep '^bochs' "$lab/packages/versions" || :)" \
        ${cross:+"$(uname -m)"}
}
kernel_key() { key "$here/apt.sh" "$kernel" "$suite"; }
parts_key() {
    if [[ $kernel == file-* ]]; then
        echo "$kernel"
    else
        key "$here/kernel.sh" "$lab/kernel-$kernel/versions"
    fi
}
l0_key() {
    key "$here/build-l0.sh" "$here/init" "$here/keep" "$here/control.c" "$here/lazy.c" "$here/loader.S" \
        "$lab/packages/versions" "$(parts_key)"
}

checked_key() { key "$(bochs_key)" "$here/bochsrc" "$here/msrs.def" "$here/verdict.awk" "$emucheck" ${cpu:+"$cpu"}; }
saved_key() {
    key "$(bochs_key)" "$(l0_key)" "$here/bochsrc" "$here/msrs.def" "$here/save-l0.sh" "$DISK_MB" ${memory:+"$memory"} \
        ${cpu:+"$cpu"} ${cpus:+"$cpus"}
}
# An L0 with more memory or another CPU is a state of its own.
saved() { echo "saved-$kernel$(machine_name)"; }
checked() { echo "checked${cpu:+-$cpu}"; }

complete_bochs() { is_built packages "$(packages_key)" && is_built bochs "$(bochs_key)"; }
complete_parts() {
    { [[ $kernel == file-* ]] || is_built "kernel-$kernel" "$(kernel_key)"; } &&
        is_built "parts-$kernel" "$(parts_key)"
}
complete_lab() {
    complete_bochs && complete_parts && is_built "l0-$kernel" "$(l0_key)" &&
        is_built "$(saved)" "$(saved_key)" &&
        { [ -n "${MIDFLIGHT_LAB_UNCHECKED:-}" ] || is_built "$(checked)" "$(checked_key)"; }
}

build_packages() {
    mkdir -p "$lab" 2> /dev/null || cant_write
    step packages "$(packages_key)" "Debian packages and the emulator's source" \
        "$here/apt.sh" "$lab/apt" programs
    rm -rf "$lab/apt"
}

build_bochs() {
    build_packages
    step bochs "$(bochs_key)" 'Bochs, the emulator (about 2 minutes)' \
        "$here/build-bochs.sh" "$lab/packages"
}

check_emulator() { # OUT_DIR
    trap emulator_cleanup EXIT # this runs in a subshell, which inherits no EXIT trap
    emulator_dir "$lab/bochs"
    ln -s "$emucheck" "$SCRATCH/boot.iso"
    touch "$SCRATCH/com1"
    emulator_start "$lab/bochs" 60 -f "$here/bochsrc" "$(cpus='' machine_lines | head -n 1)"
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

collect_version() { # OUT_DIR
    collect_debs "$1" "$lab/kernel-$kernel"/debs/*.deb
}

build_parts() {
    mkdir -p "$lab" 2> /dev/null || cant_write
    if [[ $kernel == file-* ]]; then
        step "parts-$kernel" "$kernel" "Linux $title" cp -R "$files/parts/."
        return
    fi
    step "kernel-$kernel" "$(kernel_key)" "Debian's kernel $kernel" \
        "$here/apt.sh" "$lab/apt" kernel "$kernel" "$suite"
    rm -rf "$lab/apt"
    step "parts-$kernel" "$(parts_key)" "Linux $title with its modules, unpacked" collect_version
}

# Of kernels by file the last few stay.
prune_files() {
    local dir old=0
    touch "$lab/parts-$kernel"
    while IFS= read -r dir; do
        old=$((old + 1))
        [ "$old" -le "$KEPT_FILES" ] || rm -rf "${dir/parts-/saved-}"* "${dir/parts-/l0-}" "$dir"
    done < <(find "$lab" -maxdepth 1 -name 'parts-file-*' -printf '%T@ %p\n' | sort -rn | cut -d ' ' -f 2-)
}

force=
build_lab() {
    local made
    for made in "$lab"/*/.sums; do
        [ ! -e "$made" ] || check_sums "$(basename "${made%/.sums}")"
    done
    [ -f "$emucheck" ] || [ -n "${MIDFLIGHT_LAB_UNCHECKED:-}" ] ||
        die "$emucheck is missing: 'make build/emucheck.iso' makes it ('make lab' does all)."
    build_packages
    prepare_cache
    beside build_bochs
    build_parts
    step "l0-$kernel" "$(l0_key)" "L0, the Linux $title with KVM" \
        "$here/build-l0.sh" "$lab/packages" "$lab/parts-$kernel"
    joined
    [ -n "${MIDFLIGHT_LAB_UNCHECKED:-}" ] ||
        beside step "$(checked)" "$(checked_key)" "the emulator's self-checks" check_emulator
    step "$(saved)" "$(saved_key)" "booting L0 with Linux $title and saving its state" \
        "$here/save-l0.sh" "$lab/bochs" "$lab/l0-$kernel" "$DISK_MB" "$(machine_lines)"
    [ -z "${beside_pid:-}" ] || joined
    [[ $kernel != file-* ]] || prune_files
}

# What is wrong with KVM's modules and parameters is said before anything is built for a kernel or boots.
ready_lab() {
    [ -z "$force" ] || [ ! -e "$lab" ] || locked rm -rf "$lab"
    choose_kernel
    [ ${#patches[@]} = 0 ] || [ -n "$linux" ] || ready_patched
    if [[ $kernel != file-* ]] && [ -n "$kvm_file$kvm_intel_file${kvm_params[*]:-}" ]; then
        complete_parts || locked build_parts
        prepare_kvm "$parts" "$files/kvm"
    fi
    if complete_lab; then
        check_sums bochs "parts-$kernel" "$(saved)"
    else
        locked build_lab
    fi
    [[ $kernel != file-* ]] || touch "$lab/parts-$kernel" 2> /dev/null || :
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
