#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# build-bochs.sh PACKAGES_DIR OUT_DIR: builds the mended emulator and puts its BIOS images beside it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
packages=$(cd "$1" && pwd) out=$(cd "$2" && pwd)

tmp=${TMPDIR:-/tmp}
case $tmp in *[[:space:]]*) tmp=/tmp ;; esac # Bochs' own build can't stand a space in a path
work=$(mktemp -d "$tmp/midflight-bochs.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/src" "$work/debs"
tar -C "$work/src" --strip-components=1 -xf "$packages"/src/bochs_*.orig.tar.*
for patch in "$here"/bochs/*.patch; do
    echo "== ${patch##*/}"
    patch -d "$work/src" -p1 --fuzz=0 --batch < "$patch"
done

cd "$work/src"

CFLAGS='-O3' CXXFLAGS='-O3' ./configure --with-nogui --enable-x86-64 --enable-cpu-level=6 \
    --enable-vmx=2 --enable-smp --enable-avx --enable-evex --enable-repeat-speedups \
    --enable-fast-function-calls --enable-handlers-chaining --enable-pci \
    --enable-all-optimizations --disable-docbook
# With several jobs make can reach the link before libcpu.a is whole; the second call finishes it.
make -j"$(nproc)" bochs || make bochs
strip bochs
mv bochs "$out/bochs"

for deb in "$packages"/debs/bochsbios_*.deb "$packages"/debs/seabios_*.deb; do
    dpkg-deb -x "$deb" "$work/debs"
done
cp -L "$work/debs/usr/share/bochs/BIOS-bochs-latest" "$out/BIOS"
cp -L "$work/debs/usr/share/seabios/vgabios.bin" "$out/VGABIOS"
