#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Finds what is missing for the given purposes (build, run, check) and installs it with apt.
# needs-lab, alone: succeeds if `make run` needs the lab here, and installs nothing.
# DEPS=no: install nothing, list what is missing and exit 2.
set -euo pipefail

# purpose|command or file that must be there|Debian package|what for
table='
build|gcc|gcc|compiles everything
build|ld|binutils|links everything
build|/usr/include/stdio.h|libc6-dev|the runner
cross|x86_64-linux-gnu-gcc|gcc-x86-64-linux-gnu|compiles what runs in the lab
cross|/usr/x86_64-linux-gnu/lib/libc.a|libc6-dev-amd64-cross|the runner in the lab
build|jansson.h|libjansson-dev|QMP and JSON in the runner
run|grub-mkrescue|grub-common|bootable images
pc|/usr/lib/grub/i386-pc/multiboot.mod|grub-pc-bin|bootable images
run|xorriso|xorriso|bootable images
run|mformat|mtools|bootable images
lab|g++|g++|builds the emulator
lab|patch|patch|mends the emulator
lab|make|make|builds the emulator
lab|xz|xz-utils|unpacks sources and kernel modules
lab|zstd|zstd|packs the L0 image
lab|cpio|cpio|packs the L0 image
lab|strip|binutils|takes debug information out of kernel modules
lab|readelf|binutils|reads kernel modules
lab|setpriv|util-linux|ends the emulator with its parent
lab|xxhsum|xxhash|notices damage of the cache
lab|/usr/share/keyrings/debian-archive-keyring.gpg|debian-archive-keyring|verifies downloads
lab|debian-mirror|debootstrap|knows a mirror of Debian
kvm|qemu-system-x86_64|qemu-system-x86|runs L1
check|qemu-system-x86_64|qemu-system-x86|tests without VMX
check|cmocka.h|libcmocka-dev|unit tests
check|cppcheck|cppcheck|static analysis
check|clang-format|clang-format|code style
browser|chromium|chromium|looks at the HTML report
check|/usr/lib/python3/dist-packages/PIL|python3-pil|looks at pictures of it
check|/usr/lib/python3/dist-packages/jsonschema|python3-jsonschema|checks result.json
deb|/usr/share/build-essential/list|build-essential|builds the Debian package
deb|dh|debhelper|builds the Debian package
check|git|git|lists the files to check
check|lintian|lintian|checks the Debian package
check|pgrep|procps|looks for processes that were left
check|parallel|parallel|tests of the examples
check|shellcheck|shellcheck|static analysis of scripts
build|xxhash.h|libxxhash-dev|checksums of snapshot files
'

usage() {
	echo "usage: deps.sh needs-lab | build|run|lab|kvm|check|deb ..." >&2
	exit 2
}

# `run` needs either the lab's tools or a local QEMU, depending on this machine's KVM.
local_vmx() {
	grep -qw vmx /proc/cpuinfo && [ -w /dev/kvm ] &&
		grep -q '^[Y1]' /sys/module/kvm_intel/parameters/nested 2>/dev/null
}

if [ "$*" = needs-lab ]; then
	if local_vmx; then exit 1; else exit 0; fi
fi

# shellcheck source=lab/cross.sh
. "$(dirname "$0")/lab/cross.sh"
host=$(sed -n 's/^ID=//p' /etc/os-release 2>/dev/null) || :
if [ -n "$cross" ]; then purposes=(cross); else purposes=(pc); fi
for arg in "$@"; do
	case $arg in
	run) if local_vmx; then purposes+=(run kvm); else purposes+=(run lab); fi ;;
	build | lab | kvm | deb) purposes+=("$arg") ;;
	# Tests always run the lab as well.
	check)
		purposes+=(run lab check deb)
		[ "$host" = ubuntu ] || purposes+=(browser) # which has no package of it, only a snap
		;;
	*) usage ;;
	esac
done
[ $# -gt 0 ] || usage

present() {
	case $1 in
	/*) [ -e "$1" ] ;;
	*.h) echo "#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <$1>" | gcc -E -x c - >/dev/null 2>&1 ;;
	debian-mirror) [ -n "${MIDFLIGHT_MIRROR:-}" ] || [ "$host" = debian ] ||
		command -v debootstrap >/dev/null || [ -x /usr/sbin/debootstrap ] ;;
	*) command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] ;;
	esac
}

packages=()
while IFS='|' read -r purpose probe package why; do
	[ -n "$purpose" ] || continue
	[[ " ${purposes[*]} " == *" $purpose "* ]] || continue
	[[ " ${packages[*]:-} " != *" $package "* ]] || continue
	present "$probe" && continue
	echo "deps: $package is missing ($why)" >&2
	packages+=("$package")
done <<<"$table"
[ ${#packages[@]} -gt 0 ] || exit 0

by_hand="apt-get install --no-install-recommends ${packages[*]}"
if [ "${DEPS:-yes}" = no ]; then
	echo "deps: install with: $by_hand" >&2
	exit 2
fi
if ! command -v apt-get >/dev/null; then
	echo "deps: no apt-get here; install the equivalents of: ${packages[*]}" >&2
	exit 2
fi
sudo=()
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "deps: not root and no sudo; as root: $by_hand" >&2
		exit 2
	fi
	sudo=(sudo)
fi
echo "deps: installing with apt${sudo[*]:+ through sudo}, which may take minutes: ${packages[*]} (DEPS=no turns this off)" >&2
install=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive
	apt-get install -y -q --no-install-recommends "${packages[@]}")
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A package list that is missing or stale is the usual reason to fail: fetch it, then try once more.
"${install[@]}" >"$log" 2>&1 || { "${sudo[@]}" apt-get update -q >>"$log" 2>&1 &&
	"${install[@]}" >>"$log" 2>&1; } || {
	tail -n 20 "$log" >&2
	echo "deps: apt failed; by hand: $by_hand" >&2
	exit 2
}
