#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# apt.sh DOWNLOAD_DIR OUT_DIR: fetches the lab's Debian packages and the emulator's source into
# OUT_DIR through a private apt configuration. The host's own packages and lists stay untouched.
set -euo pipefail

SUITE=trixie
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
BOCHS_UPSTREAM=3.0 # what bochs/*.patch were made for

root=$1 out=$2

# The host's own Debian mirror, so that proxies and local mirrors go on working.
mirror() {
    if [ -n "${MIDFLIGHT_MIRROR:-}" ]; then
        printf '%s\n' "$MIDFLIGHT_MIRROR"
        return
    fi
    # shellcheck disable=SC2016 # apt-get expands these, not the shell
    apt-get indextargets --format '$(CREATED_BY)|$(ORIGIN)|$(LABEL)|$(REPO_URI)' |
        awk -F'|' '$1 == "Packages" && $2 == "Debian" && $3 == "Debian" && $4 !~ /^cdrom:/ \
            { if (!seen++) print $4 }'
}

uri=$(mirror)
if [ -z "$uri" ]; then
    echo "No Debian mirror found in this machine's apt configuration (or its lists are empty:" \
        "run 'apt-get update' as root). Set MIDFLIGHT_MIRROR to the address of one." >&2
    exit 1
fi
if [ ! -r "$KEYRING" ]; then
    echo "$KEYRING is missing: install the package debian-archive-keyring." >&2
    exit 1
fi

mkdir -p "$root"/{lists/partial,cache/archives/partial,prefs,src} "$out/debs" "$out/src"
: > "$root/status"
{
    echo "deb [arch=amd64 signed-by=$KEYRING] $uri $SUITE main"
    echo "deb-src [signed-by=$KEYRING] $uri $SUITE main"
} > "$root/sources.list"

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

apt-get -qq --error-on=any update

# The versioned kernel package alone, without the tools that it wants on a real machine.
kernel=$(apt-cache show --no-all-versions linux-image-cloud-amd64 |
    sed -n 's/^Depends: *\(linux-image-[^ ,]*\).*/\1/p')
if [ -z "$kernel" ]; then
    echo "linux-image-cloud-amd64 of $SUITE names no kernel package." >&2
    exit 1
fi
source_version=$(apt-cache showsrc --only-source bochs | sed -n 's/^Version: //p' | tail -n 1)
if [ "${source_version%%[+-]*}" != "$BOCHS_UPSTREAM" ]; then
    echo "$SUITE carries Bochs $source_version now; lab/bochs/*.patch are made for" \
        "$BOCHS_UPSTREAM and have to be revised." >&2
    exit 1
fi

apt-get -qq -y --download-only install qemu-system-x86 seabios
mv "$root"/cache/archives/*.deb "$out/debs/"
(cd "$out/debs" && apt-get -qq download "$kernel" busybox-static bochsbios)

(cd "$out/src" && apt-get -qq source --download-only --tar-only "bochs=$source_version")
# apt has compared the hash; a second look, because this file is compiled and run.
sums=$(apt-cache showsrc --only-source bochs |
    awk -v v="$source_version" '
        /^Version:/ { ours = ($2 == v) }
        /^[^ ]/ { sums = ($1 == "Checksums-Sha256:") }
        ours && sums && $3 ~ /\.orig\.tar\./ && $3 !~ /\.asc$/ { print $1 "  " $3 }')
[ -n "$sums" ] || { echo "The Sources index has no SHA-256 for Bochs $source_version." >&2; exit 1; }
(cd "$out/src" && printf '%s\n' "$sums" | sha256sum --quiet --strict -c -)

{
    echo "bochs source $source_version"
    for deb in "$out"/debs/*.deb; do
        # shellcheck disable=SC2016 # dpkg-deb expands these
        dpkg-deb --showformat='${Package} ${Version}\n' --show "$deb"
    done
} > "$out/versions"
