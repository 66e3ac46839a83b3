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

# Most of the compiler's time goes into headers, file by file. So the files that a make variable names are put
# together into PARTS; the variable then names these, above the line that reads it. APART: what does not go together.
unite() { # DIR VARIABLE EXTENSION READER PARTS [APART]
    local part object names=''
    while read -r part object; do
        if [ "$part" = apart ]; then
            names+=" $object"
        else
            [ -e "$1/$2-$part.$3" ] || names+=" $2-$part.o"
            echo "#include \"${object%.o}.$3\"" >> "$1/$2-$part.$3"
        fi
    done < <(make -s -C "$1" --no-print-directory --eval="midflight: ; @printf '%s\\n' \$($2)" midflight |
        awk -v parts="$5" -v apart="${6:-^$}" '{ print $0 ~ apart ? "apart" : n++ % parts, $0 }')
    sed -i "0,/^$4/s//$2 =${names//\//\\/}\n&/" "$1/Makefile"
}
unite cpu/softfloat3e OBJS_OTHERS c 'OBJS_ALL =' 1
unite cpu/cpudb CPUDB_OBJS cc 'libcpudb.a:' 1
unite cpu/avx AVX_OBJS cc 'libavx.a:' 2
unite cpu OBJS cc 'libcpu.a:' 4 '^decoder|^sha512|^sm4'
unite cpu OBJS64 cc 'libcpu.a:' 1 ^decoder

# With several jobs make can reach the link before libcpu.a is whole; the second call finishes it.
make -j"$(nproc)" bochs || make bochs
strip bochs
mv bochs "$out/bochs"

for deb in "$packages"/debs/bochsbios_*.deb "$packages"/debs/seabios_*.deb; do
    dpkg-deb -x "$deb" "$work/debs"
done
cp -L "$work/debs/usr/share/bochs/BIOS-bochs-latest" "$out/BIOS"
cp -L "$work/debs/usr/share/seabios/vgabios.bin" "$out/VGABIOS"
