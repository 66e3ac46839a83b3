# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Patches to KVM of Debian's kernels, for lab.sh (sourced, not run): reads them, applies them to the source of
# kvm-build.sh and makes modules. What cannot be applied, compiled or linked is told before anything boots.
# The modules of a patch are patched-KERNEL-HASH in the cache.
#
# lab.sh sets $lab, $files, $kernel, $title and $parts, and has locked and die. $patch_names is for it.
# shellcheck disable=SC2154 # those

KEPT_PATCHES=12 # modules of patches that stay in the cache
# Headers that only KVM is built with. All else is compiled into the kernel, which stays Debian's.
KVM_HEADERS='arch/x86/include/(uapi/)?asm/(kvm[a-z_-]*|vmx|svm)\.h|include/(uapi/)?linux/kvm[a-z0-9_]*\.h'
KVM_HEADERS+='|include/trace/events/kvm\.h|include/kvm/[a-z0-9_]+\.h'
# What a series brings along that no module is made of.
UNBUILT='Documentation/.*|tools/.*|MAINTAINERS|arch/(arm64|loongarch|mips|powerpc|riscv|s390)/.*'

# ---- a patch ---------------------------------------------------------------------------------

# The files that a diff names, in its order.
named_files() { # DIFF
    sed -nE 's/\r$//
        s,^(---|\+\+\+) [ab]/([^\t]*).*,\2,p
        s/^(rename|copy) (from|to) //p
        s/^Binary files .*/a binary file/p' "$1" | awk '!seen[$0]++'
}

check_files() { # PATCH DIFF
    local path
    named_files "$2" > "$files/named"
    [ -s "$files/named" ] || die "$1 is no patch: it has no lines '--- a/FILE' and '+++ b/FILE' of a unified diff."
    while IFS= read -r path; do
        [[ $path != *..* ]] || die "$1: the path $path has .. in it."
        [ -z "$linux" ] || continue # all of a tree of one's own is built
        [[ ! $path =~ ^($UNBUILT)$ ]] || continue
        [[ ! $path =~ ^(arch/x86/kvm|virt/kvm)/ ]] || continue
        [[ $path =~ ^($KVM_HEADERS)$ ]] ||
            die "$1 changes $path, which is not KVM's own: only arch/x86/kvm, virt/kvm and KVM's headers are" \
                "built anew, the kernel stays Debian's. --linux runs a kernel of your own."
    done < "$files/named"
}

# DIFF without what no module is made of.
built_part() { # DIFF
    awk -v unbuilt="^($UNBUILT)\$" '
        /^diff --git / || /^From / { held = skip = 0; text = "" }
        /^diff --git / || /^--- / {
            path = $0
            sub(/^diff --git a\//, "", path); sub(/^--- a\//, "", path); sub(/[ \t].*/, "", path)
            if (path != "/dev/null") skip = path ~ unbuilt
        }
        !skip' "$1"
}

# Where PATH lies in the unpatched source, if it does.
unpatched_file() { # PATH
    local dir
    for dir in "${unpatched[@]}"; do
        [ ! -e "$dir/$1" ] || { printf '%s\n' "$dir/$1"; return; }
    done
}

apply_diff() { # PATCH TREE
    local name=${1##*/} diff=$files/diff said path was
    if grep -qiE '^Content-Transfer-Encoding: *(base64|quoted-printable)' "$1"; then
        die "$1 is an encoded mail. 'git mailinfo' or 'b4 am' makes a plain one of it."
    fi
    check_files "$1" "$1"
    built_part "$1" > "$diff"
    while IFS= read -r path; do
        was=$(unpatched_file "$path")
        [ -e "$2/$path" ] || [ -z "$was" ] || [[ $path =~ ^($UNBUILT)$ ]] ||
            (cd "${was%"$path"}" && cp -a --parents "$path" "$2/")
    done < "$files/named"
    if ! said=$(patch --directory="$2" --unified --strip=1 --forward --batch --no-backup-if-mismatch \
        --reject-file=- < "$diff" 2>&1); then
        die "$1 does not apply to Linux $title:" \
            "$(grep -vE '^patching file|^checking file' <<< "$said" | head -n 30 | sed 's/^/    /')"
    fi
    grep -E 'fuzz|offset' <<< "$said" | sed "s/^/lab: $name: /" >&2 || :
}

# Where Coccinelle is: with Debian's compiler, or for a tree of one's own this machine's.
with_spatch() { # TREE COMMAND...
    if [ -z "$linux" ]; then
        enter "$@"
    else
        command -v spatch > /dev/null || die "A semantic patch for $linux needs spatch, of the package coccinelle."
        (cd "$1" && shift && "$@")
    fi
}

apply_semantic() { # PATCH TREE
    local said status=0 in=/tmp
    [ -z "$linux" ] || in=$2/tmp
    cp -- "$1" "$2/tmp/patch.cocci"
    # shellcheck disable=SC2016 # the inner shell expands these
    said=$(with_spatch "$2" sh -ec 'patch=$1; shift; for dir; do
            spatch --very-quiet --no-includes --include-headers --use-coccigrep --in-place \
                --sp-file "$patch" --dir "$dir"
        done' sh "$in/patch.cocci" "${KVM_DIRS[@]}" 2>&1) || status=$?
    [ "$status" = 0 ] ||
        die "$1: spatch says:" "$(sed "s/^/    /; s,$in/patch\.cocci,${1##*/}," <<< "$said" | tail -n 20)"
}

# What TREE has that the unpatched source has not.
difference() { # TREE
    local path was
    (
        cd "$1" || return
        find . -name '*.[chS]' -type f -newer .start -printf '%P\n' | sort | while IFS= read -r path; do
            was=$(unpatched_file "$path")
            diff -uN --label "a/$path" --label "b/$path" "${was:-/dev/null}" "$path" || :
        done
    )
}

make_errors() { # LOG
    grep -vE '^ +(AR|AS|CALL|CC|DESC|DESCEND|GEN|LD|MODPOST|OBJCOPY|UPD) |^make|^ *(warning: (the compiler|pahole version) differs|The kernel was built|You are using)' \
        "$1" | sed -E 's,/usr/src/[^ /]*-common/(arch/x86/kvm/\.\./\.\./\.\./)?,,g; s/^/    /' | head -n 40
}

# Applies $patch_files to TREE. What they change is in OUT_DIR/patch.diff.
apply_patches() { # OUT_DIR TREE
    local patch
    for patch in "${patch_files[@]}"; do
        difference "$2" > "$files/before"
        if [[ $patch == *.cocci ]]; then apply_semantic "$patch" "$2"; else apply_diff "$patch" "$2"; fi
        difference "$2" > "$1/patch.diff"
        ! cmp -s "$files/before" "$1/patch.diff" || {
            [[ "$in_dirs" == *" $patch "* ]] || die "$patch changes nothing in KVM of Linux $title."
            echo "lab: $patch changes nothing in KVM of Linux $title: left out" >&2
        }
    done
}

build_patched() { # OUT_DIR
    local out=$1 tree=$files/tree name
    check_sums "headers-$kernel" "$tools" "built-$kernel"
    rm -rf "$tree"
    cp -a "$lab/built-$kernel" "$tree"
    mkdir -p "$tree"/{tmp,include,arch/x86/include}
    touch "$tree/.start"
    apply_patches "$out" "$tree"
    make_modules "$tree" > "$tree/log" 2>&1 ||
        die "$patch_names does not compile for Linux $title:" "$(make_errors "$tree/log")"
    for name in kvm kvm-intel; do
        [ "$(build_id "$tree/arch/x86/kvm/$name.ko")" = "$(build_id "$lab/built-$kernel/arch/x86/kvm/$name.ko")" ] ||
            cp "$tree/arch/x86/kvm/$name.ko" "$out/"
    done
    rm -rf "$tree"
    [ -n "$(find "$out" -name '*.ko')" ] ||
        die "$patch_names changes no code of kvm.ko and kvm-intel.ko of Linux $title, so there is nothing to try."
}

# Sets $patch_files, to which a directory gives all patches that lie in it, and $in_dirs, a list of those.
expand_patches() {
    local patch file before
    patch_files=() in_dirs=' '
    for patch in "${patches[@]}"; do
        if [ ! -d "$patch" ]; then
            is_file --patch "$patch"
            patch_files+=("$patch")
            continue
        fi
        before=$in_dirs
        for file in "${patch%/}"/*.{cocci,diff,mbox,patch}; do
            [ -f "$file" ] || continue
            patch_files+=("$file")
            in_dirs+="$file "
        done
        [ "$in_dirs" != "$before" ] || die "--patch: no *.cocci, *.diff, *.mbox or *.patch lies in $patch."
    done
}

# Of the modules of patches the last few stay.
prune_patched() {
    local dir
    find "$lab" -maxdepth 1 -name 'patched-*' -printf '%T@ %p\n' | sort -rn | tail -n +$((KEPT_PATCHES + 1)) |
        cut -d ' ' -f 2- | while IFS= read -r dir; do rm -rf "$dir"; done
}

# What goes with --patch, and sets $patch_files and $patch_names.
check_patch_options() {
    local patch
    [ -z "$cross" ] || die "--patch needs an x86-64: the compiler for the kernel runs here."
    [ -z "$kvm_file$kvm_intel_file" ] || die '--patch makes modules of its own; --kvm and --kvm-intel do not go with it.'
    expand_patches
    patch_names=$(for patch in "${patches[@]}"; do basename -- "$patch"; done | paste -sd +)
    choose_namespace
}

# All that the patches have a part in.
patches_key() { key "${patch_files[@]}" "${patch_files[@]##*.}"; }

# Takes DIR of the cache as $patched; if it is not here COMMAND TMP_DIR makes it.
take_patched() { # DIR COMMAND...
    local dir=$1 tmp=$files/patched start=$SECONDS made
    shift
    if [ ! -e "$dir" ]; then
        printf 'lab: %s\n' "$patch_names on Linux $title ..." >&2
        mkdir "$tmp"
        "$@" "$tmp"
        made=$(find "$tmp" \( -name '*.ko' -o -name bzImage \) -printf '%f\n' | sort | paste -sd ' ')
        make_sums "$tmp" || cant_write
        { cp -R "$tmp" "$lab/.tmp-${dir##*/}-$$" && mv -T "$lab/.tmp-${dir##*/}-$$" "$dir"; } 2> /dev/null ||
            [ -e "$dir" ] || cant_write # somebody else was there first
        printf 'lab: %s\n' "$patch_names on Linux $title: $made ($((SECONDS - start)) s)" >&2
        prune_patched
    fi
    check_sums "${dir##*/}"
    touch "$dir" 2> /dev/null || :
    patched=$dir
}

# Builds the modules of all patches of $patches for $kernel, unless they are here, and has the run load them.
ready_patched() {
    local unpatched
    [[ $kernel != file-* ]] || die "--patch goes with Debian's kernels ($(kernel_list)) and with --linux."
    check_patch_options
    complete_parts || locked build_parts
    complete_built || locked step_built
    unpatched=("$lab/source-$kernel" "$lab/headers-$kernel"/usr/src/*-common)
    take_patched "$lab/patched-$kernel-$(key "$(built_key)" "$(patches_key)")" build_patched
    [ ! -e "$patched/kvm.ko" ] || kvm_file=$patched/kvm.ko
    [ ! -e "$patched/kvm-intel.ko" ] || kvm_intel_file=$patched/kvm-intel.ko
}

cmd_patched() {
    local out='' patches=()
    while [ $# -gt 0 ]; do
        case $1 in
            --kernel | --linux) kernel_option "$@"; shift 2 ;;
            --out) out=${2:?}; shift 2 ;;
            --) shift ;;
            -*) die "patched: unknown option $1" ;;
            *) patches+=("$1"); shift ;;
        esac
    done
    [ ${#patches[@]} -gt 0 ] || die 'usage: lab/lab.sh patched [--kernel VERSION | --linux DIR] [--out DIR] PATCH...'
    choose_kernel
    if [ -z "$linux" ]; then
        ready_patched
        prepare_kvm "$parts" "$files/kvm"
    fi
    [ -z "$out" ] || { mkdir -p -- "$out" &&
        find "$patched" -type f ! -name '.*' -exec cp -t "$out" {} +; } || die "patched: can't write to $out."
}
