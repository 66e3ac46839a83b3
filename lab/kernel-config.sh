#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The configuration of a Linux with which the lab works, into the build directory BUILD: kernel.config,
# by itself or on top of what a make target like x86_64_defconfig gives.
# usage: kernel-config.sh TREE BUILD [TARGET]
set -euo pipefail

export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL CDPATH

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=cross.sh disable=SC1091
. "$here/cross.sh"
export CROSS_COMPILE="${CROSS_COMPILE-$cross}"
[ $# -ge 2 ] || { sed -n 's/^# usage: /usage: lab\//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
tree=$1
mkdir -p -- "$2"
build=$(cd -- "$2" && pwd)

kbuild() { make -s -C "$tree" O="$build" ARCH=x86 "$@" < /dev/null; }

if [ -z "${3:-}" ]; then
    kbuild allnoconfig KCONFIG_ALLCONFIG="$here/kernel.config"
else
    kbuild "$3"
    cat "$here/kernel.config" >> "$build/.config" # of two lines the later counts
    kbuild olddefconfig
fi
