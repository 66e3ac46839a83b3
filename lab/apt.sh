#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# apt.sh DOWNLOAD_DIR programs OUT_DIR: fetches QEMU, busybox and the emulator's source
# apt.sh DOWNLOAD_DIR kernel SERIES SUITE OUT_DIR: fetches SUITE's cloud kernel, which has to be SERIES
# apt.sh DOWNLOAD_DIR version SERIES SUITE OUT_DIR: prints the version of that kernel, fetches lists only
# apt.sh DOWNLOAD_DIR headers RELEASE SUITE OUT_DIR: fetches what a module for SUITE's kernel RELEASE is built with
# apt.sh DOWNLOAD_DIR source SERIES VERSION SUITE OUT_DIR: fetches the source of SUITE's kernel VERSION
# apt.sh DOWNLOAD_DIR tools COMPILER SUITE OUT_DIR: fetches SUITE's COMPILER, and all that Kbuild and spatch need
# apt.sh DOWNLOAD_DIR build OUT_DIR: fetches what programs for x86-64 are built with on another machine
# into OUT_DIR through a private apt configuration. The host's own packages and lists stay untouched.
set -euo pipefail

PROGRAMS_SUITE=trixie
BUILD_SUITE=bookworm   # old, because a C library that is newer than these libraries does for them
QEMU_SUITE=trixie-backports # newer than Debian 13's, and built for its libraries
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
BOCHS_UPSTREAM=3.0 # what bochs/*.patch were made for

case $#:$2 in
    3:programs) what=$2 suite=$PROGRAMS_SUITE out=$3 ;;
    3:build) what=$2 suite=$BUILD_SUITE out=$3 ;;
    5:kernel | 5:version) what=$2 series=$3 suite=$4 out=$5 ;;
    5:headers | 5:tools) what=$2 wanted=$3 suite=$4 out=$5 ;;
    6:source) what=$2 series=$3 wanted=$4 suite=$5 out=$6 ;;
    *) exit 2 ;;
esac
root=$1/$suite

# The host's own Debian mirror, so that proxies and local mirrors go on working. Where its apt knows none,
# as on Ubuntu, the one that debootstrap would use.
mirror() {
    local found debootstrap
    if [ -n "${MIDFLIGHT_MIRROR:-}" ]; then
        printf '%s\n' "$MIDFLIGHT_MIRROR"
        return
    fi
    # shellcheck disable=SC2016 # apt-get expands these, not the shell
    found=$(apt-get indextargets --format '$(CREATED_BY)|$(ORIGIN)|$(LABEL)|$(REPO_URI)' |
        awk -F'|' '$1 == "Packages" && $2 == "Debian" && $3 == "Debian" && $4 !~ /^cdrom:/ \
            { if (!seen++) print $4 }')
    if [ -z "$found" ] && debootstrap=$(PATH=$PATH:/usr/sbin command -v debootstrap); then
        found=$(sed -n 's/^DEF_MIRROR="\(.*\)"$/\1/p' "$debootstrap")
    fi
    printf '%s\n' "$found"
}

uri=$(mirror)
if [ -z "$uri" ]; then
    echo "No Debian mirror found in this machine's apt configuration (or its lists are empty:" \
        "run 'apt-get update' as root), nor in debootstrap's, which is not installed or not Debian's." \
        "Set MIDFLIGHT_MIRROR to the address of one." >&2
    exit 1
fi
if [ ! -r "$KEYRING" ]; then
    echo "$KEYRING is missing: install the package debian-archive-keyring." >&2
    exit 1
fi

mkdir -p "$root"/{lists/partial,cache/archives/partial,prefs,src} "$out/debs"
: > "$root/status"
{
    echo "deb [arch=amd64 signed-by=$KEYRING] $uri $suite main"
    if [ "$what" = programs ]; then
        echo "deb-src [signed-by=$KEYRING] $uri $suite main"
        echo "deb [arch=amd64 signed-by=$KEYRING] $uri $QEMU_SUITE main"
    fi
} > "$root/sources.list"
cat > "$root/prefs/qemu" <<PREFS
Package: src:qemu src:seabios
Pin: release n=$QEMU_SUITE
Pin-Priority: 990
PREFS

# Proxies and the like of the host's configuration stay in force; its hooks, which expect root
# and the host's own directories, do not.
cat > "$root/apt.conf" <<CONF
Dir::State "$root";
Dir::State::status "$root/status";
Dir::Cache "$root/cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::sourcelist "$root/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "$root/prefs";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "";
APT::Get::AllowUnauthenticated "false";
APT::Get::List-Cleanup "false";
Acquire::AllowInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "3";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Default-Release;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
CONF
export APT_CONFIG="$root/apt.conf"

quick=()
[ "$what" != version ] || quick=(-o Acquire::Retries=0 -o Acquire::http::Timeout=10)
apt-get -qq --error-on=any ${quick[@]+"${quick[@]}"} update

depends() { # PACKAGE REGEX: the packages among those that PACKAGE depends on
    apt-cache show --no-all-versions "$1" | sed -n 's/^Depends: *//p' | tr ',' '\n' |
        sed -nE "s/^ *($2)( .*)?\$/\1/p" || :
}

# The versioned kernel packages alone, without the tools that they want on a real machine. Since
# Linux 7 an image is an empty package that depends on two others.
find_kernel() { # sets $image and $version
    local meta=linux-image-cloud-amd64
    image=$(depends "$meta" 'linux-image-[0-9][^ ]*')
    if [ -z "$image" ]; then
        echo "$meta of $suite names no kernel package." >&2
        exit 1
    fi
    version=$(apt-cache show --no-all-versions "$image" | sed -n 's/^Version: //p')
    if [[ $version != "$series".* ]]; then
        echo "$suite carries Linux $version now, and no $series any more;" \
            "the table of kernels in lab/lab.sh has to be revised." >&2
        exit 1
    fi
}

fetch_version() {
    find_kernel
    echo "$version"
    exit 0
}

fetch_kernel() {
    local parts
    find_kernel
    parts=$(depends "$image" 'linux-(binary|modules)-[0-9][^ ]*')
    # shellcheck disable=SC2086 # words
    (cd "$out/debs" && apt-get -qq download "$image" $parts)
}

# The headers of that kernel, and Kbuild's programs.
fetch_headers() {
    local package=linux-headers-$wanted others
    others=$(depends "$package" 'linux-headers-[0-9][^ ]*-common|linux-kbuild-[^ ]*')
    if [ -z "$others" ]; then
        echo "$suite has no $package any more." >&2
        exit 1
    fi
    # shellcheck disable=SC2086 # words
    (cd "$out/debs" && apt-get -qq download "$package" $others)
}

# The source package is not everywhere; this one has the same, with Debian's patches applied.
fetch_source() {
    local package=linux-source-$series now
    if ! (cd "$out/debs" && apt-get -qq download "$package=$wanted"); then
        now=$(apt-cache show --no-all-versions "$package" 2> /dev/null | sed -n 's/^Version: //p' || :)
        [ "$now" = "$wanted" ] || echo "$suite carries the source of Linux ${now:-another series} now," \
            "and not that of $wanted, which the lab has." \
            "'lab/lab.sh build --force' makes a lab with ${now:-what there is}." >&2
        exit 1
    fi
}

fetch_tools() {
    apt-get -qq -y --download-only install "$wanted" make coccinelle dash coreutils diffutils findutils sed \
        grep mawk libelf1 libssl3
    mv "$root"/cache/archives/*.deb "$out/debs/"
}

# The libraries are linked statically.
fetch_build() {
    (cd "$out/debs" && apt-get -qq download grub-pc-bin libjansson-dev libxxhash-dev)
}

fetch_programs() {
    local version sums
    version=$(apt-cache showsrc --only-source bochs | sed -n 's/^Version: //p' | tail -n 1)
    if [ "${version%%[+-]*}" != "$BOCHS_UPSTREAM" ]; then
        echo "$suite carries Bochs $version now; lab/bochs/*.patch are made for" \
            "$BOCHS_UPSTREAM and have to be revised." >&2
        exit 1
    fi

    apt-get -qq -y --download-only install qemu-system-x86 seabios
    mv "$root"/cache/archives/*.deb "$out/debs/"
    (cd "$out/debs" && apt-get -qq download busybox-static bochsbios)

    mkdir "$out/src"
    (cd "$out/src" && apt-get -qq source --download-only --tar-only "bochs=$version")
    # apt has compared the hash; a second look, because this file is compiled and run.
    sums=$(apt-cache showsrc --only-source bochs |
        awk -v v="$version" '
            /^Version:/ { ours = ($2 == v) }
            /^[^ ]/ { sums = ($1 == "Checksums-Sha256:") }
            ours && sums && $3 ~ /\.orig\.tar\./ && $3 !~ /\.asc$/ { print $1 "  " $3 }')
    [ -n "$sums" ] || { echo "The Sources index has no SHA-256 for Bochs $version." >&2; exit 1; }
    (cd "$out/src" && printf '%s\n' "$sums" | sha256sum --quiet --strict -c -)
    echo "bochs source $version" > "$out/versions"
}

"fetch_$what"
for deb in "$out"/debs/*.deb; do
    # shellcheck disable=SC2016 # dpkg-deb expands these
    dpkg-deb --showformat='${Package} ${Version}\n' --show "$deb"
done >> "$out/versions"
