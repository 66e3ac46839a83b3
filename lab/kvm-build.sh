# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# KVM of Debian's kernels, built as Debian does, for lab.sh (sourced, not run): from what headers, source and
# compiler, and the proof that the code is Debian's own. Needs no root: the compiler of that kernel's Debian
# lies unpacked in the cache, and runs in a user namespace with this as its root directory.
#
# lab.sh sets $here, $lab, $kernel, $suite, $title and $parts, and has step, locked and die.
# shellcheck disable=SC2154,SC2034 # those
#
# Steps: headers-KERNEL; source-KERNEL, its KVM; tools-SUITE-COMPILER, the compiler's root; built-KERNEL, the
# modules built without a patch and compared with Debian's.

KVM_DIRS=(arch/x86/kvm virt/kvm)

headers_key() { key "$here/apt.sh" "$here/kvm-build.sh" "$lab/kernel-$kernel/versions"; }
source_key() { key "$here/apt.sh" "$here/kvm-build.sh" "$lab/kernel-$kernel/versions"; }
tools_key() { key "$here/apt.sh" "$here/kvm-build.sh" "$1" "${suite%-backports}"; }
built_key() { key "$(source_key)" "$(headers_key)" "$lab/$tools/versions" "$(parts_key)"; }

# ---- what is built with, and from ------------------------------------------------------------

image_version() { sed -n 's/^linux-image-\([^ ]*\) \(.*\)/\1 \2/p' "$lab/kernel-$kernel/versions"; }

# Kbuild's programs lie beside the headers, so that all is in one directory; in the headers is where the
# sources go.
fetch_headers() { # OUT_DIR
    local release deb link
    read -r release _ < <(image_version)
    "$here/apt.sh" "$lab/apt" headers "$release" "$suite" "$1"
    for deb in "$1"/debs/*.deb; do dpkg-deb -x "$deb" "$1"; done
    rm -r "$1/debs"
    find "$1"/usr/src/*-common/arch -mindepth 1 -maxdepth 1 -type d ! -name x86 -exec rm -r {} +
    mv "$1"/usr/lib/linux-kbuild-* "$1/usr/src/linux-kbuild"
    for link in "$1"/usr/src/linux-headers-*/{scripts,tools}; do
        [ ! -L "$link" ] || ln -sfn "../linux-kbuild/${link##*/}" "$link"
    done
    for link in "${KVM_DIRS[@]}"; do mkdir -p "$(echo "$1"/usr/src/*-common)/$link"; done
}

step_headers() {
    step "headers-$kernel" "$(headers_key)" "the headers of Debian's kernel $kernel" fetch_headers
    rm -rf "$lab/apt"
}

cmd_headers() {
    local version=$preset_kernel
    while [ $# -gt 0 ]; do
        case $1 in
            --kernel) version=${2:?}; shift 2 ;;
            *) die 'usage: lab/lab.sh headers [--kernel VERSION]' ;;
        esac
    done
    choose_version "$version" || die "headers: there is no lab with Linux '$version'. Its kernels: $(kernel_list)."
    files=$(mktemp -d "${TMPDIR:-/tmp}/midflight-kernel.XXXXXX")
    complete_parts || locked build_parts
    is_built "headers-$kernel" "$(headers_key)" || locked step_headers
    printf '%s\n' "$lab/headers-$kernel/usr/src"
}

fetch_source() { # OUT_DIR
    local version
    read -r _ version < <(image_version)
    "$here/apt.sh" "$lab/apt" source "$kernel" "$version" "$suite" "$1"
    dpkg-deb --fsys-tarfile "$1"/debs/*.deb | tar -xO --wildcards '*/linux-source-*.tar.xz' | xz -dc |
        tar -C "$1" -x --strip-components=1 --no-same-owner "${KVM_DIRS[@]/#/linux-source-$kernel/}"
    rm -r "$1/debs"
}

fetch_tools() { # COMPILER OUT_DIR
    local out=$2 deb dir
    "$here/apt.sh" "$lab/apt" tools "$1" "${suite%-backports}" "$out"
    mkdir -p "$out"/root/{proc,dev,tmp} "$out"/root/usr/{src,bin,sbin,lib,lib64}
    for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$out/root/$dir"; done
    for deb in "$out"/debs/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -C "$out/root" -x --no-same-owner --keep-directory-symlink \
            --exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/share/locale' \
            --exclude='*/lto1' --exclude='*lto-dump*'
    done
    # The packages' own scripts, which did not run, would have made these.
    ln -sf mawk "$out/root/usr/bin/awk"
    ln -sf dash "$out/root/usr/bin/sh"
    rm -r "$out/debs"
}

# Sets $compiler, with which Debian built the kernel, and $tools, its step.
choose_compiler() {
    local config
    config=$(echo "$lab/headers-$kernel"/usr/src/linux-headers-*-cloud-amd64/.config)
    compiler=$(sed -nE 's/^CONFIG_CC_VERSION_TEXT="(x86_64-linux-gnu-)?(gcc-[0-9]+) .*/\2/p' "$config")
    [ -n "$compiler" ] || die "$config does not tell the compiler of Linux $title."
    tools=tools-${suite%-backports}-$compiler
}

# ---- building --------------------------------------------------------------------------------

# A user namespace, in which directories can be mounted; root has a right to do without.
namespace=()
choose_namespace() {
    namespace=(unshare --map-root-user --mount)
    ! "${namespace[@]}" true 2> /dev/null || return 0
    namespace=(unshare --mount)
    ! "${namespace[@]}" true 2> /dev/null || return 0
    die "This machine does not let an ordinary user make a user namespace (unshare --map-root-user --mount)," \
        "in which Debian's compiler runs: sysctl kernel.unprivileged_userns_clone=1, on Ubuntu" \
        'kernel.apparmor_restrict_unprivileged_userns=0, allows it. Root needs none.'
}

# Runs COMMAND in the compiler's root. It sees the kernel's headers, with TREE's files over them, in
# the current directory, and TREE/tmp as /tmp.
enter() { # TREE COMMAND...
    local tree=$1
    shift
    # shellcheck disable=SC2016 # the inner shell expands these
    "${namespace[@]}" sh -ec '
        root=$1 headers=$2 tree=$3
        shift 3
        mount --bind "$headers" "$root/usr/src"
        common=$(cd "$root/usr/src" && echo *-common)
        for dir in arch/x86/kvm virt/kvm; do
            mount --bind "$tree/$dir" "$root/usr/src/$common/$dir"
        done
        for header in $(cd "$tree" && find arch/x86/include include -type f); do
            mount --bind "$tree/$header" "$root/usr/src/$common/$header"
        done
        mount --bind "$tree/tmp" "$root/tmp"
        mount --rbind /proc "$root/proc"
        mount --rbind /dev "$root/dev"
        exec chroot "$root" /usr/bin/env -i PATH=/usr/bin:/usr/sbin HOME=/tmp LC_ALL=C DEB_BUILD_ARCH=amd64 \
            DEB_HOST_ARCH=amd64 sh -ec "cd /usr/src/$common && exec \"\$@\"" sh "$@"
    ' sh "$lab/$tools/root" "$lab/headers-$kernel/usr/src" "$tree" "$@"
}

# Makes kvm.ko and kvm-intel.ko in TREE, as Debian does but for debug information, which they lose anyway.
make_modules() { # TREE
    mkdir -p "$1"/{tmp,include,arch/x86/include}
    # shellcheck disable=SC2016 # the inner shell expands these
    enter "$1" sh -ec 'exec make -C /usr/src/*-cloud-amd64 M="$PWD/arch/x86/kvm" CONFIG_KVM_AMD= \
        CONFIG_DEBUG_INFO_BTF_MODULES= KCFLAGS=-g0 "$@" modules' sh -j "$(nproc)"
}

executable_sections() { # MODULE
    readelf -W -S "$1" | sed -nE 's/^ *\[ *[0-9]+\] ([^ ]+) +PROGBITS .* AX .*/\1/p'
}

# The control of the instrument: the code of the unpatched build is the code that Debian runs.
compare_code() { # TREE
    local name own built section a=$1/tmp/a b=$1/tmp/b
    for name in kvm kvm-intel; do
        own=$parts/modules/${name//-/_}.ko built=$1/arch/x86/kvm/$name.ko
        for section in $(executable_sections "$own"); do
            rm -f "$a" "$b"
            objcopy --dump-section "$section=$a" "$own" /dev/null
            objcopy --dump-section "$section=$b" "$built" /dev/null || :
            cmp "$a" "$b" && continue
            echo "The unpatched build is not Debian's: $section of $name.ko differs." \
                'A patched one would prove nothing.'
            return 1
        done
        echo "$name.ko: $(executable_sections "$own" | paste -sd ' ') are Debian's to the byte"
    done
}

build_unpatched() { # OUT_DIR
    cp -a "$lab/source-$kernel"/{arch,virt} "$1/"
    make_modules "$1"
    compare_code "$1"
    rm -r "$1/tmp"
}

step_built() {
    step_headers
    choose_compiler
    step "source-$kernel" "$(source_key)" "the source of Debian's kernel $kernel" fetch_source
    step "$tools" "$(tools_key "$compiler")" "$compiler and Coccinelle" fetch_tools "$compiler"
    rm -rf "$lab/apt"
    step "built-$kernel" "$(built_key)" "KVM of Linux $title without a patch (about a minute)" build_unpatched
}

complete_built() {
    is_built "headers-$kernel" "$(headers_key)" || return 1
    choose_compiler
    is_built "source-$kernel" "$(source_key)" && is_built "$tools" "$(tools_key "$compiler")" &&
        is_built "built-$kernel" "$(built_key)"
}
