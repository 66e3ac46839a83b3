# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Patches to a build tree of one's own (--linux with --patch), for lab.sh (sourced, not run). The tree is not
# touched: make runs over it where all that is written goes elsewhere (overlayfs in a user namespace). What the
# patches make of it is patched-tree-HASH in the cache: the bzImage and modules that are others then.
#
# lab.sh sets $lab, $files, $linux and $patches, patch.sh has what applies a patch.
# shellcheck disable=SC2154,SC2034 # those

# The build tree, and its source, which is another one where it was built with O=.
choose_tree() {
    is_dir --linux "$linux"
    build=$(realpath -- "$linux") source=$(realpath -e -- "$linux/source" 2> /dev/null || realpath -- "$linux")
    title=$linux
    unpatched=("$source")
    [ -f "$source/arch/x86/kvm/vmx/nested.c" ] || die "--patch: $source has no source of KVM (arch/x86/kvm/vmx/nested.c)."
    [[ $build$source != *[,:\\]* ]] || die "--patch: the path of $linux has a comma, colon or backslash in it."
}

# Runs COMMAND in the build tree; what it writes there goes into WRITTEN/build, WRITTEN/source.
over_tree() { # WRITTEN COMMAND...
    local written=$1
    shift
    mkdir -p "$written"/{build,source,work-build,work-source}
    # shellcheck disable=SC2016 # the inner shell expands these
    "${namespace[@]}" sh -ec '
        written=$1 build=$2 source=$3
        shift 3
        lay() { mount -t overlay overlay -o "userxattr,lowerdir=$2,upperdir=$written/$1,workdir=$written/work-$1" "$2"; }
        lay build "$build"
        [ "$source" = "$build" ] || lay source "$source"
        cd "$build"
        exec "$@"' sh "$written" "$build" "$source" "$@"
}

make_tree() { # WRITTEN
    over_tree "$1" make -j "$(nproc)" bzImage modules > "$1/log" 2>&1 < /dev/null
}

# The kernel and modules that make made anew, and that are others now.
made_anew() { # WRITTEN
    local path
    (cd "$1/build" && find . \( -name '*.ko' -o -path ./arch/x86/boot/bzImage \) -type f -printf '%P\n') |
        while IFS= read -r path; do
            cmp -s "$1/build/$path" "$build/$path" || printf '%s\n' "$path"
        done
}

# The control of the instrument: without a patch make makes nothing else than what lies there.
check_unpatched() { # WRITTEN
    make_tree "$1" || die "make bzImage modules fails in $linux, without a patch:" "$(make_errors "$1/log")"
    [ -z "$(made_anew "$1")" ] ||
        die "What lies in $linux is not what its source makes ($(made_anew "$1" | paste -sd ' '))." \
            "'make bzImage modules' there brings it up to date."
}

build_tree() { # OUT_DIR
    local out=$1 written tree path into=build
    written=$(mktemp -d "$lab/.tmp-tree-XXXXXX") || cant_write # a tmpfs may not do for overlayfs
    tree_written=$written
    tree=$written/tree
    mkdir -p "$tree/tmp"
    [ "$source" = "$build" ] || into=source
    (cd "$source" && find "${KVM_DIRS[@]}" -name '*.[chS]' -type f -exec cp -a --parents -t "$tree" {} +)
    touch "$tree/.start"
    apply_patches "$out" "$tree"
    check_unpatched "$written"
    (cd "$tree" && find . -newer .start -type f ! -path './tmp/*' -printf '%P\n') | while IFS= read -r path; do
        mkdir -p "$written/$into/$(dirname "$path")"
        cp -- "$tree/$path" "$written/$into/$path"
    done
    make_tree "$written" || die "$patch_names does not compile in $linux:" "$(make_errors "$written/log")"
    (cd "$written/build" && made_anew "$written" | xargs -r cp --parents -t "$out")
    [ -n "$(find "$out" -name '*.ko' -o -name bzImage)" ] ||
        die "$patch_names changes no code of $linux, so there is nothing to try."
    end_tree
}

# Makes what all patches of $patches make of the tree, unless it is here.
ready_tree() {
    local build source unpatched
    check_patch_options
    choose_tree
    [ -f "$build/arch/x86/boot/bzImage" ] || return 0 # collect_tree says so
    mkdir -p "$lab" || cant_write
    take_patched "$lab/patched-tree-$(key "$here/patch-tree.sh" "$here/patch.sh" "$build" "$build/arch/x86/boot/bzImage" \
        "$build/.config" "$(patches_key)" \
        "$(find "${KVM_DIRS[@]/#/$source/}" -name '*.[chS]' -type f -print0 | sort -z | xargs -0 sha256sum)")" build_tree
}

tree_written=
end_tree() {
    [ -n "$tree_written" ] || return 0
    chmod -R u+rwx "$tree_written"/work-* 2> /dev/null || :
    rm -rf "$tree_written"
    tree_written=
}
